"""Disks of seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from applianced.tools.namespaces import run
from applianced.tools.vm.disk import make_iso


def iso_seed(directory: Path, name: str, files: Mapping[str, str]) -> Path:
    """Made there: an ISO with these files, labelled cidata."""
    return make_iso(_tree(directory, name, files), directory / f"{name}.iso", "cidata")


def fat_seed(directory: Path, name: str, files: Mapping[str, str]) -> Path:
    """The same as a FAT file system. Its label is what mkfs.vfat makes of one in small letters."""
    disk = directory / f"{name}.vfat"
    run(["mkfs.vfat", "-n", "CIDATA", "-C", str(disk), "4096"])
    run(["mcopy", "-i", str(disk), *sorted(str(each) for each in _tree(directory, name, files).iterdir()), "::"])
    return disk


def _tree(directory: Path, name: str, files: Mapping[str, str]) -> Path:
    tree = directory / name
    tree.mkdir()
    for file, content in files.items():
        (tree / file).write_text(content)
    return tree
