"""What outlives a worker: one slot of shared memory per control session.

    header of a slot:  live u32 | halves u32 | next ORIGINAL u32 | next REPLY u32
    body of a slot:    ALG half 0 | ALG half 1 | session half 0 | session half 1
    half:              length u32 | marshalled values

A slot is written before the verdict it belongs to, so a worker that dies in between has at worst a checkpoint that is
ahead of the wire: the sender repeats, and a repeat is answered by range. Values go into the half that is not in use and
the header is switched afterwards, so a torn write leaves the older ones. What changes with every segment (two sequence
numbers), with every message (the ALG's state) and rarely (gates, changed ranges) is written apart.

All headers lie before all bodies, so that looking through them touches little memory.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Any, NamedTuple

ALG_OCTETS = 2048
SESSION_OCTETS = 4096
SLOT_OCTETS = 2 * (ALG_OCTETS + SESSION_OCTETS)
_HEADER = Struct("=IIII")
_LENGTH = Struct("=I")
_NEXT = Struct("=II")
_HALVES = Struct("=I")
LIVE = 0x41505053
"""A slot in use."""
LOST = 0x4C4F5354
"""A slot whose session did not fit: after a restart it passes untouched, and is counted."""
NO_NEXT = 0xFFFFFFFF
_ALG_HALF, _SESSION_HALF = 1, 2


class Saved(NamedTuple):
    """One slot as found. sequences: next octet of each direction, -1 for none."""

    session: tuple[Any, ...]
    alg: tuple[Any, ...]
    sequences: tuple[int, int]


class Checkpoint:
    """The slots of one worker over writable memory. Slot 0 is not used."""

    def __init__(self, memory: memoryview, slots: int) -> None:
        self.memory = memory
        self.slots = slots
        self._bodies = (slots + 1) * _HEADER.size

    @staticmethod
    def octets(slots: int) -> int:
        """How much memory so many slots take."""
        return (slots + 1) * (SLOT_OCTETS + _HEADER.size)

    def open(self, slot: int) -> None:
        """A new session takes the slot."""
        _HEADER.pack_into(self.memory, slot * _HEADER.size, 0, 0, NO_NEXT, NO_NEXT)

    def save_session(self, slot: int, values: tuple[Any, ...]) -> None:
        """Write what changes rarely (marshal's types)."""
        self._write(slot, values, _SESSION_HALF, 2 * ALG_OCTETS, SESSION_OCTETS)

    def save_alg(self, slot: int, values: tuple[Any, ...]) -> None:
        """Write the ALG's state (marshal's types)."""
        self._write(slot, values, _ALG_HALF, 0, ALG_OCTETS)

    def _write(self, slot: int, values: tuple[Any, ...], bit: int, offset: int, room: int) -> None:
        at = slot * _HEADER.size
        octets = marshal.dumps(values)
        live, halves, *_ = _HEADER.unpack_from(self.memory, at)
        if len(octets) > room - _LENGTH.size or live == LOST:
            _HALVES.pack_into(self.memory, at, LOST)
            return
        halves ^= bit
        start = self._bodies + slot * SLOT_OCTETS + offset + (room if halves & bit else 0)
        _LENGTH.pack_into(self.memory, start, len(octets))
        self.memory[start + _LENGTH.size : start + _LENGTH.size + len(octets)] = octets
        _HALVES.pack_into(self.memory, at + 4, halves)

    def move(self, slot: int, first: int, second: int) -> None:
        """The next octet of each direction (-1: none); from the first call on the slot counts as in use."""
        at = slot * _HEADER.size
        _NEXT.pack_into(self.memory, at + 8, first & NO_NEXT, second & NO_NEXT)

    def commit(self, slot: int) -> None:
        """The slot is whole: it is to be found from here."""
        at = slot * _HEADER.size
        if _HALVES.unpack_from(self.memory, at)[0] != LOST:
            _HALVES.pack_into(self.memory, at, LIVE)

    def clear(self, slot: int) -> None:
        """The session is over."""
        _HEADER.pack_into(self.memory, slot * _HEADER.size, 0, 0, 0, 0)

    def load(self) -> dict[int, Saved]:
        """Every readable slot; those that are not are cleared."""
        found = {}
        for slot in range(1, self.slots + 1):
            live, halves, first, second = _HEADER.unpack_from(self.memory, slot * _HEADER.size)
            if live == LIVE:
                session = self._read(slot, halves & _SESSION_HALF, 2 * ALG_OCTETS, SESSION_OCTETS)
                alg = self._read(slot, halves & _ALG_HALF, 0, ALG_OCTETS)
                if session is not None and alg is not None:
                    found[slot] = Saved(session, alg, (_signed(first), _signed(second)))
                    continue
            if live:
                self.clear(slot)
        return found

    def _read(self, slot: int, half: int, offset: int, room: int) -> tuple[Any, ...] | None:
        start = self._bodies + slot * SLOT_OCTETS + offset + (room if half else 0)
        (length,) = _LENGTH.unpack_from(self.memory, start)
        if length > room - _LENGTH.size:
            return None
        octets = bytes(self.memory[start + _LENGTH.size : start + _LENGTH.size + length])
        try:
            values = marshal.loads(octets)  # noqa: S302 - our own memory
        except (ValueError, EOFError, TypeError):
            return None
        return values if isinstance(values, tuple) else None


def _signed(sequence: int) -> int:
    # A stream whose next octet is 2^32 - 1 is taken for one without a start: one in four billion sessions passes
    # untouched after a restart.
    return -1 if sequence == NO_NEXT else sequence
