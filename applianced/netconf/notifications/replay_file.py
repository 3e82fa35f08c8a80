"""The replay log on disk: lines that are appended to one file, and the file before it.

    {"created": TIME, "aged": TIME}                 first line of each file: wall clock times in seconds
    [TIME, "module:notification", "XML", CHECK]     one notification; CHECK: CRC-32 of the XML

Not synced: a power cut may cost the newest notifications, nothing else. A line that is torn or damaged is passed over.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_LOG = logging.getLogger(__name__)
NAME = "notifications"
SIZE_MAX = 256 << 20
"""Octets of a file that are read; one of ours stays far below."""


class Entry(NamedTuple):
    """One notification as it is kept. time_s: wall clock."""

    time_s: float
    name: str
    body: str


class Found(NamedTuple):
    """What a file held. created_s: 0 when there was none."""

    created_s: float
    aged_s: float
    entries: tuple[Entry, ...]


class ReplayFile:
    """Two files in a directory. To be used by one thread at a time; what cannot be written is logged once."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._former = directory / f"{NAME}.1"
        self._size = 0
        self._count = 0
        self._failed = False
        self._torn = False
        """The last line has no end: the next one begins with one."""

    def load(self) -> Found:
        """What an earlier process left; nothing when it cannot be read."""
        former, _, _ = self._read(self._former)
        current, self._size, self._torn = self._read(self._path)
        self._count = len(current.entries)
        return Found(
            created_s=current.created_s or former.created_s,
            aged_s=max(current.aged_s, former.aged_s),
            entries=(*former.entries, *current.entries),
        )

    def append(
        self, entries: Sequence[Entry], *, created_s: float, aged_s: float, count_max: int, size_max: int
    ) -> None:
        """Write entries behind the others. A file that has reached a limit becomes the former one."""
        try:
            for entry in entries:
                if self._size == 0 or self._count >= count_max or self._size >= size_max:
                    self._begin(created_s, aged_s)
                self._write(json.dumps([*entry, _check(entry.body)]))
                self._count += 1
            self._failed = False
        except OSError as error:
            if not self._failed:
                _LOG.error("notifications are not kept for a replay after a restart: %s: free space there", error)
            self._failed = True

    def remove(self) -> None:
        """Nothing is kept."""
        for path in (self._path, self._former):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self._size = self._count = 0

    def _begin(self, created_s: float, aged_s: float) -> None:
        if self._path.exists():
            self._path.replace(self._former)
        self._size = self._count = 0
        self._write(json.dumps({"created": created_s, "aged": aged_s}))

    def _write(self, line: str) -> None:
        octets = (b"\n" if self._torn else b"") + line.encode() + b"\n"
        # Until all of it is there.
        self._torn = True
        with open(self._path, "ab", opener=_private) as file:
            file.write(octets)
        self._torn = False
        self._size += len(octets)

    def _read(self, path: Path) -> tuple[Found, int, bool]:
        """What is in a file, its size in octets, and whether its last line is torn."""
        created_s = aged_s = 0.0
        entries = []
        try:
            with open(path, "rb") as file:
                text = file.read(SIZE_MAX)
        except OSError:
            text = b""
        for value in _values(text.split(b"\n")):
            if isinstance(value, dict):
                created_s, aged_s = _number(value.get("created")), _number(value.get("aged"))
            elif entry := _entry(value):
                entries.append(entry)
        return Found(created_s, aged_s, tuple(entries)), len(text), bool(text) and not text.endswith(b"\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _values(lines: Sequence[bytes]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _entry(value: Any) -> Entry | None:
    if not (isinstance(value, list) and len(value) == 4 and all(isinstance(text, str) for text in value[1:3])):
        return None
    if not _number(value[0]) or _check(value[2]) != value[3]:
        return None
    return Entry(_number(value[0]), value[1], value[2])


def _check(body: str) -> int:
    return zlib.crc32(body.encode("utf-8", "surrogatepass"))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < _LATEST_S else 0.0


_LATEST_S = 253402300799.0
"""The end of the year 9999, after which a time cannot be written."""
