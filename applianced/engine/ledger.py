"""What outlives a worker beside its sessions' slots: values under keys, each written and forgotten by itself.

    sequences: u64 per cell | bodies of the cells, in classes of one size each
    sequence:  0 for a free cell, else the number of the writing, which grows
    body:      marshalled (key, values)

Values are written into a free cell; one aligned store of its sequence puts them in force, and only then the cell that
held the key before becomes free. A worker that dies in between leaves two: the later one counts. So nothing is torn,
and nothing is ever moved, however many keys there are.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

Values = tuple[Any, ...]
Key = tuple[Any, ...]

_SIZES = (256, 512, 1024, 2048, 4096, 16384)
_COUNTS = (65536, 16384, 16384, 8192, 2048, 256)
"""Cells of each size in a ledger of full size: 66 MiB, of which only what is in use takes memory."""


class _Class(NamedTuple):
    """Cells of one size. first: number of the first one; at: where its body lies."""

    size: int
    first: int
    at: int


class Ledger:
    """Over writable memory, of at most `octets()`; what is shorter has fewer cells of each size."""

    def __init__(self, memory: memoryview, share: int = 1) -> None:
        """share: the counts of cells are divided by it."""
        counts = [count // share for count in _COUNTS]
        cells = sum(counts)
        self._memory = memory
        self._sequences = memory[: cells * 8].cast("Q")
        self._classes: list[_Class] = []
        self._free: list[list[int]] = []
        self._cells: dict[Key, int] = {}
        self._next = 1
        self.refused = 0
        """How often there was no cell for what was to be written."""
        self._firsts: list[int] = []
        """Of each class, its first cell."""
        first, at = 0, cells * 8
        for size, count in zip(_SIZES, counts, strict=True):
            self._classes.append(_Class(size, first, at))
            self._firsts.append(first)
            self._free.append(list(range(first + count - 1, first - 1, -1)))
            first, at = first + count, at + size * count

    @classmethod
    def none(cls) -> Ledger:
        """One without room: nothing outlives its worker."""
        return cls(memoryview(b""), share=1 << 32)

    @staticmethod
    def octets(share: int = 1) -> int:
        """How much memory a ledger takes."""
        return sum((size + 8) * (count // share) for size, count in zip(_SIZES, _COUNTS, strict=True))

    def put(self, key: Key, values: Values) -> bool:
        """Write values (marshal's types) under a key, instead of those before; False when there is no room, and those
        before are forgotten too: no news is better than old ones."""
        octets = marshal.dumps((key, values), 2)
        before = self._cells.pop(key, None)
        cell = self._written(octets)
        if cell is not None:
            self._cells[key] = cell
        else:
            self.refused += 1
        if before is not None:
            self._let_go(before)
        return cell is not None

    def _written(self, octets: bytes) -> int | None:
        """The cell in which they are in force now."""
        length = len(octets)
        for index in range(bisect_left(_SIZES, length), len(_SIZES)):
            free = self._free[index]
            if free:
                cell = free.pop()
                size, first, at = self._classes[index]
                start = at + (cell - first) * size
                self._memory[start : start + length] = octets
                self._sequences[cell] = self._next
                self._next += 1
                return cell
        return None

    def drop(self, key: Key) -> None:
        """Forget what is under a key, if anything is."""
        cell = self._cells.pop(key, None)
        if cell is not None:
            self._let_go(cell)

    def load(self) -> dict[Key, Values]:
        """What was written and not forgotten, by this ledger or by one before it over the same memory."""
        found: dict[Key, Values] = {}
        self._cells.clear()
        for free in self._free:
            free.clear()
        for cell in range(len(self._sequences) - 1, -1, -1):
            read = self._read(cell) if self._sequences[cell] else None
            if read is None:
                self._let_go(cell)
                continue
            key, values = read
            other = self._cells.get(key)
            if other is not None and self._sequences[other] > self._sequences[cell]:
                self._let_go(cell)
                continue
            if other is not None:
                self._let_go(other)
            found[key], self._cells[key] = values, cell
            self._next = max(self._next, self._sequences[cell] + 1)
        return found

    def _let_go(self, cell: int) -> None:
        self._sequences[cell] = 0
        self._free[self._class(cell)].append(cell)

    def _class(self, cell: int) -> int:
        return bisect_right(self._firsts, cell) - 1

    def _place(self, cell: int) -> int:
        size, first, at = self._classes[self._class(cell)]
        return at + (cell - first) * size

    def _read(self, cell: int) -> tuple[Key, Values] | None:
        index = self._class(cell)
        start = self._place(cell)
        try:
            read = marshal.loads(self._memory[start : start + _SIZES[index]])  # noqa: S302 - our own memory
        except (ValueError, EOFError, TypeError, MemoryError):
            return None
        return read if isinstance(read, tuple) and len(read) == 2 else None
