"""What the image holds, by the lists that are made with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from applianced.tools.vm import contents, system
from applianced.tools.vm.facts import MIB, read_facts
from tests.image.conftest import IMAGE, the_image
from tests.image.lab import ROOT
from tests.support.soak import LONG

LARGEST_MIB = 350
BUILDING_S = 1800
TOP_LEVEL = {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc"} | {
    *("root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
}


def beside(suffix: str) -> str:
    """A list that lies beside the image."""
    return the_image().with_suffix(suffix).read_text()


@pytest.fixture(scope="module")
def files() -> dict[str, tuple[str, str, str]]:
    """Mode, owner, digest or target of every file, by path."""
    found = {}
    for line in beside(".contents").splitlines():
        mode, owner, rest = line.split(" ", 2)
        digest, _, path = rest.removeprefix("-> ").partition(" ")
        found[path] = (mode, owner, digest)
    return found


def test_it_is_small() -> None:
    assert the_image().stat().st_size <= LARGEST_MIB * MIB


def test_the_raw_disk_is_the_same() -> None:
    """So that what boots from the one does from the other."""
    raw, qcow2 = the_image().with_suffix(".raw"), the_image().with_suffix(".qcow2")
    words = ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", str(raw), str(qcow2)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Images are identical."), done.stderr


def test_the_list_covers_the_boot_partition(files: dict[str, tuple[str, str, str]]) -> None:
    """Boot loaders, what they read, kernel and initial file system."""
    names = ("EFI/BOOT/BOOTX64.EFI", "loader/loader.conf", "loader/entries/reset-b.conf", "a/vmlinuz", "a/initrd")
    for name in (*names, "syslinux/ldlinux.sys", "syslinux/ldlinux.c32", "syslinux/syslinux.cfg"):
        assert len(files[f"boot/{name}"][2]) == 64, name
    for name in ("usr/lib/systemd/systemd", "opt/applianced/bin/applianced"):
        assert len(files[name][2]) == 64, name


def test_every_package_is_in_the_bill_of_materials() -> None:
    listed = [line.split()[:3] for line in beside(".manifest").splitlines()]
    components = json.loads(beside(".cdx.json"))["components"]
    assert [[each["name"], each["version"]] for each in components] == [words[1:] for words in listed]
    names = {name for kind, name, _ in listed if kind == "deb"}
    assert set(system.packages(ROOT / "packages.list", ("run", "image"))) <= names
    assert set(contents.BOOT_LOADERS) <= names, "they are on the disk, too"


def test_python_s_packages_are_the_pinned_ones() -> None:
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    lower = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in pinned.items()}
    found = [line.split()[1:3] for line in beside(".manifest").splitlines() if line.startswith("pypi ")]
    assert {name: version for name, version in found if name != "applianced"}.items() <= lower.items()
    assert len(found) > 5


@pytest.mark.skipif(not LONG, reason="builds the image: minutes; make soak does it")
def test_building_again_gives_the_same_content(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "applianced.tools.vm", "--image", str(tmp_path), "build"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=BUILDING_S, check=False)
    assert not done.returncode, done.stderr
    for suffix in (".manifest", ".cdx.json", ".contents"):
        again = (tmp_path / the_image().name).with_suffix(suffix).read_text().splitlines()
        different = set(again) ^ set(beside(suffix).splitlines())
        assert not different, f"{suffix}: {sorted(different)[:20]}"


def test_nothing_is_younger_than_its_date() -> None:
    """What a build leaves with the time of the day would differ the next time, also where its name does not."""
    epoch, root = read_facts(ROOT / "vm-image").epoch, Path(IMAGE) / "root"
    assert [path for path in root.rglob("*") if path.lstat().st_mtime > epoch] == []
    assert f'"timestamp": "{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"' in beside(".cdx.json")


def test_compiled_python_names_no_time(files: dict[str, tuple[str, str, str]]) -> None:
    """PEP 552: it is found by the digest of its source, never by a date, which differs from build to build."""
    compiled = [Path(IMAGE) / "root" / path for path in files if path.endswith(".pyc")]
    assert len(compiled) > 500
    for path in compiled:
        with path.open("rb") as file:
            magic_and_flags = file.read(8)
        assert magic_and_flags[4] & 1, path


def test_nothing_of_the_building_machine_is_in_it(files: dict[str, tuple[str, str, str]]) -> None:
    """Neither where it was built, nor what that machine's name, keys or identity are."""
    assert {path for path in files if "/" not in path} == TOP_LEVEL
    assert files["etc/machine-id"][2] == "/var/lib/image/machine-id"
    assert files["etc/hostname"][2] == "/var/lib/image/hostname"
    assert [path for path in files if path.startswith(("etc/ssh/ssh_host", "var/", "tmp/", "run/", "root/."))] == []
    installed = Path(IMAGE) / "root/opt/applianced/lib/python3.11/site-packages"
    (recorded,) = installed.glob("applianced-*.dist-info")
    assert str(ROOT) not in "".join(path.read_text() for path in recorded.iterdir() if path.is_file())


def test_nothing_compiles_or_installs(files: dict[str, tuple[str, str, str]]) -> None:
    """Nor is cloud-init there, for whose stages something could wait."""
    packages = [line.split()[1] for line in beside(".manifest").splitlines() if line.startswith("deb ")]
    unwanted = re.compile(
        r"(gcc|g\+\+|cpp|clang|tcc|binutils|make|cmake|golang|rustc|cloud-init|openssh-server)(-|$)|.*-dev$"
    )
    assert [name for name in packages if unwanted.match(name)] == ["gcc-12-base"], "that is a folder with its licence"
    programs = {Path(path).name for path, (mode, *_) in files.items() if "x" in mode and "bin/" in path}
    assert not programs & {"gcc", "cc", "ld", "make", "pip", "pip3", "sshd", "agetty-login"}
    assert not [path for path in files if "site-packages/pip/" in path]


def test_python_is_compiled(files: dict[str, tuple[str, str, str]]) -> None:
    """The file system is read-only: what is not would be compiled anew at every start, for seconds."""
    sources = [Path(path) for path in files if path.startswith("opt/applianced/lib/") and path.endswith(".py")]
    missing = [path for path in sources if str(path.parent / f"__pycache__/{path.stem}.cpython-311.pyc") not in files]
    assert len(sources) > 300
    assert not missing


def test_nobody_has_a_password() -> None:
    shadow = (Path(IMAGE) / "root/etc/shadow").read_text().splitlines()
    assert all(line.split(":")[1] in ("*", "!", "!*") for line in shadow), shadow


def test_the_few_programs_that_give_privileges(files: dict[str, tuple[str, str, str]]) -> None:
    """None as somebody else, or with another group; nor has any a capability of its own."""
    assert [
        path for path, (mode, *_) in files.items() if not mode.startswith("d") and {mode[3], mode[6]} & set("sS")
    ] == []
    assert [path for path, (_, owner, _) in files.items() if "security.capability" in owner] == []
