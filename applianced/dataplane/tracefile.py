"""The trace file: lines at the end of a file, a new one when it is full, never more than so many.

A file that cannot be written costs its lines, which are counted, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

DIRECTORY_MODE = 0o755


class TraceFile:
    """`path`, and older ones as `path`.0 (the latest) and up. size: octets. files: all together, at least 2."""

    def __init__(self, path: Path, *, size: int, files: int, world_readable: bool) -> None:
        self._path = path
        self._size = size
        self._files = files
        self._mode = 0o644 if world_readable else 0o640
        self._fd = -1
        self._written = 0
        self.lost = 0

    def write(self, line: str) -> None:
        """One line, without its end."""
        octets = line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            if self._fd < 0:
                self._open()
            if self._written and self._written + len(octets) > self._size:
                self._rotate()
            self._written += os.write(self._fd, octets)
        except OSError:
            self.lost += 1

    def _open(self) -> None:
        self._path.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(self._path, flags, self._mode)
        # The process's umask has no say in who may read it, nor has what an earlier configuration set.
        os.fchmod(self._fd, self._mode)
        self._written = os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        self.close()
        older = [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(self._files))]
        for place in range(self._files - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                older[place - 1].replace(older[place])
        self._open()

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
