"""`make image`: from packages and wheels to a disk, with the lists of what is on it."""

from __future__ import annotations

import shutil
from pathlib import Path

from applianced import __version__
from applianced.tools.vm import contents, disk, inputs, system
from applianced.tools.vm.facts import RECIPE, Facts, read_facts

CONSTRAINTS = Path("constraints.txt")
SHARED = Path("usr/share/applianced")
ORIGIN = "origin.json"


def build(directory: Path) -> Path:
    """Build everything in `directory` and return the qcow2. Raises CommandError, OSError.

    The raw disk lies beside it, with manifest, SBOM (.cdx.json), the listing of every file, and what it was made of.
    """
    facts = read_facts()
    directory.mkdir(parents=True, exist_ok=True)
    sources = inputs.digest()
    (directory / ORIGIN).unlink(missing_ok=True)
    wheels, root, boot = directory / "wheels", directory / "root", directory / "boot"
    system.make_wheels(wheels, CONSTRAINTS)
    system.make_system(facts, RECIPE, wheels, root)
    _take_kernel(root, boot)
    name = directory / facts.name
    _describe(facts, root, name)
    _keep_choices(facts, root)
    system.date(root, facts.epoch)
    raw, qcow2 = name.with_suffix(".raw"), name.with_suffix(".qcow2")
    file_system = disk.make_disk(facts, root, boot, raw)
    disk.make_upgrade(file_system, boot, name.with_suffix(".upgrade.iso"))
    file_system.unlink()
    _list_files(root, disk.take_boot_files(facts, raw, directory / "boot-partition"), name)
    disk.compress(raw, qcow2)
    inputs.record(directory / ORIGIN, sources)
    return qcow2


def _take_kernel(root: Path, boot: Path) -> None:
    """Kernel and initial file system lie on the boot partition instead."""
    shutil.rmtree(boot, ignore_errors=True)
    boot.mkdir()
    for kind, name in (("vmlinuz", "vmlinuz"), ("initrd.img", "initrd")):
        (found,) = (root / "boot").glob(f"{kind}-*")
        shutil.move(found, boot / name)
    for left in (root / "boot").iterdir():
        left.unlink()


def _describe(facts: Facts, root: Path, name: Path) -> None:
    packages = contents.packages_in(root)
    texts = {
        ".manifest": contents.manifest(packages),
        ".cdx.json": contents.bill_of_materials(facts, __version__, packages),
    }
    for suffix, text in texts.items():
        name.with_suffix(suffix).write_text(text)
        shutil.copy(name.with_suffix(suffix), root / SHARED)


def _keep_choices(facts: Facts, root: Path) -> None:
    """The system makes them anew where they are damaged."""
    files = disk.loader_files(facts, "a")
    for path in disk.CHOICES:
        copy = root / SHARED / "boot" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(files[path])


def _list_files(root: Path, booted: Path, name: Path) -> None:
    listed = [*contents.listing(root), *contents.listing(booted, Path("boot"))]
    name.with_suffix(".contents").write_text("".join(f"{line}\n" for line in listed))
    shutil.rmtree(booted)
