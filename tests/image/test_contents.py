"""What the image holds, by the lists that are made with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from applianced.tools.vm import system
from applianced.tools.vm.facts import MIB
from tests.image.conftest import IMAGE, the_image
from tests.image.lab import ROOT

LARGEST_MIB = 350


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


def test_the_list_covers_kernel_and_initial_file_system(files: dict[str, tuple[str, str, str]]) -> None:
    for name in ("boot/vmlinuz", "boot/initrd", "usr/lib/systemd/systemd", "opt/applianced/bin/applianced"):
        assert len(files[name][2]) == 64, name


def test_every_package_is_in_the_bill_of_materials() -> None:
    listed = [line.split()[:3] for line in beside(".manifest").splitlines()]
    components = json.loads(beside(".cdx.json"))["components"]
    assert [[each["name"], each["version"]] for each in components] == [words[1:] for words in listed]
    names = {name for kind, name, _ in listed if kind == "deb"}
    assert set(system.packages(ROOT / "packages.list", ("run", "image"))) <= names


def test_python_s_packages_are_the_pinned_ones() -> None:
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    lower = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in pinned.items()}
    found = [line.split()[1:3] for line in beside(".manifest").splitlines() if line.startswith("pypi ")]
    assert {name: version for name, version in found if name != "applianced"}.items() <= lower.items()
    assert len(found) > 5


def test_nothing_compiles_or_installs(files: dict[str, tuple[str, str, str]]) -> None:
    programs = {Path(path).name for path, (mode, *_) in files.items() if "x" in mode and "bin/" in path}
    assert not programs & {"gcc", "cc", "ld", "make", "pip", "pip3", "sshd", "agetty-login"}
    assert not [path for path in files if "site-packages/pip/" in path]


def test_nobody_has_a_password() -> None:
    shadow = (Path(IMAGE) / "root/etc/shadow").read_text().splitlines()
    assert all(line.split(":")[1] in ("*", "!", "!*") for line in shadow), shadow


def test_the_few_programs_that_give_privileges(files: dict[str, tuple[str, str, str]]) -> None:
    setuid = sorted(path for path, (mode, *_) in files.items() if mode[3] in "sS")
    assert setuid == []
