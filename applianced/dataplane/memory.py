"""Memory that outlives workers and agents: made by the watchdog before the first of them, shared by fork."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Mapping
from dataclasses import dataclass

from applianced.alg.contract import Descriptor
from applianced.engine.bindings import Board
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from applianced.engine.ledger import Ledger

SLOTS = 16384
"""Control sessions per worker; ct mark has room for 262,143."""

MADV_POPULATE_WRITE = 23

Events = dict[str, tuple[str, ...]]
"""ALG -> its own events, which decide where a counter lies."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the successors of one worker need."""

    _events: Events
    _counters: mmap.mmap
    _checkpoint: mmap.mmap
    _ledger: mmap.mmap
    _board: mmap.mmap

    def counters(self) -> Counters:
        """The worker's counters, for whoever counts or reads."""
        return Counters(self._events, memoryview(self._counters))

    def checkpoint(self) -> Checkpoint:
        """The worker's slots, for the one process that writes them."""
        return Checkpoint(memoryview(self._checkpoint), SLOTS)

    def ledger(self) -> Ledger:
        """The worker's ledger, for the one process that writes it."""
        return Ledger(memoryview(self._ledger))

    def board(self) -> Board:
        """Where the worker shows the bindings that it holds, for itself and for the others."""
        return Board(memoryview(self._board))

    def make_ready(self) -> None:
        """Map what this process will write first: a page fault in the packet path costs more than its verdict."""
        start, length = Checkpoint.used_first(SLOTS)
        first_page = start & ~(mmap.PAGESIZE - 1)
        with contextlib.suppress(OSError):  # an older kernel maps them one by one
            self._checkpoint.madvise(MADV_POPULATE_WRITE, first_page, length + start - first_page)


def shared_memory(descriptors: Mapping[str, Descriptor], workers: int) -> list[Memory]:
    """One set of counters and checkpoints per worker."""
    events = {name: tuple(descriptor.events) for name, descriptor in descriptors.items()}
    octets = max(Counters.octets(events), 8), Checkpoint.octets(SLOTS), Ledger.octets(), Board.octets()
    return [Memory(events, *(mmap.mmap(-1, length) for length in octets)) for _ in range(workers)]
