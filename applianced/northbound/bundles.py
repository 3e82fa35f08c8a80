"""The folder of support bundles: a few archives of bounded size, the oldest of which makes room."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from applianced.datastore.sealed import storage_errors

KEPT = 5
CONTENT_MAX = 32 << 20
"""Octets of all files in a bundle, before they are compressed."""
DIRECTORY = "support-bundles"
_NAME = re.compile(r"support-\d{8}T\d{6}Z(?:-\d+)?\.tar\.gz")


class Bundle(NamedTuple):
    """A bundle that is kept. size: octets. made_s: wall clock."""

    name: str
    size: int
    made_s: float


class BundleFolder:
    """Bundles below a state directory. Their names are the files'."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / DIRECTORY

    def kept(self) -> list[Bundle]:
        """Those there are, the oldest first."""
        return sorted(self._found(), key=lambda bundle: (bundle.made_s, bundle.name))

    def _found(self) -> Iterator[Bundle]:
        with contextlib.suppress(OSError), os.scandir(self._directory) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    about = entry.stat(follow_symlinks=False)
                    yield Bundle(entry.name, about.st_size, about.st_mtime)

    def keep(self, files: Mapping[str, str]) -> Bundle:
        """Make a bundle of texts by file name, and delete the oldest beyond KEPT. Raises StorageError."""
        with storage_errors(self._directory):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            for leftover in self._directory.glob("*.tmp"):
                leftover.unlink(missing_ok=True)
            name = self._free_name()
            temporary = self._directory / f"{name}.tmp"
            try:
                write_bundle(temporary, name.removesuffix(".tar.gz"), files)
                temporary.replace(self._directory / name)
            finally:
                temporary.unlink(missing_ok=True)
            for old in self.kept()[:-KEPT]:
                (self._directory / old.name).unlink(missing_ok=True)
        return next(bundle for bundle in self._found() if bundle.name == name)

    def _free_name(self) -> str:
        stem, number = bundle_stem(), 1
        name = f"{stem}.tar.gz"
        while (self._directory / name).exists():
            number += 1
            name = f"{stem}-{number}.tar.gz"
        return name

    def find(self, name: str) -> Bundle | None:
        """The bundle of this name; whatever else a name says leads nowhere."""
        return next((bundle for bundle in self._found() if bundle.name == name), None)

    def part(self, bundle: Bundle, offset: int, length: int) -> bytes:
        """Octets of a bundle. Raises StorageError."""
        with storage_errors(self._directory), (self._directory / bundle.name).open("rb") as file:
            # Beyond what a file can be at all, seek() would refuse.
            file.seek(min(offset, bundle.size))
            return file.read(length)

    def delete(self, bundle: Bundle) -> None:
        """Raises StorageError."""
        with storage_errors(self._directory):
            (self._directory / bundle.name).unlink(missing_ok=True)


def bundle_stem() -> str:
    """The name of a bundle that is made now, without its ending."""
    return f"support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def write_bundle(path: Path, stem: str, files: Mapping[str, str]) -> None:
    """An archive that nobody else may read, with a directory `stem`. Raises OSError, also when there is such a file."""
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(made, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
        now = int(time.time())
        for name, text in sorted(files.items()):
            octets = text.encode("utf-8", "backslashreplace")
            member = tarfile.TarInfo(f"{stem}/{name}")
            member.size, member.mtime, member.mode = len(octets), now, 0o600
            archive.addfile(member, io.BytesIO(octets))
