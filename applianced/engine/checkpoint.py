"""What outlives a worker: one slot of shared memory per control session.

    header of a slot:  live u32 | half u32 | next ORIGINAL u32 | next REPLY u32
    body of a slot:    half 0 | half 1
    half:              length u32 | crc32 u32 | marshalled snapshot

All headers lie before all bodies, so that looking through them touches little memory.

A slot is written before the verdict it belongs to, so a worker that dies in between has at worst a checkpoint that is
ahead of the wire: the sender repeats, and a repeat is answered by range. The snapshot goes into the half that is not
in use and the header is switched afterwards, so a torn write leaves the older one. The two sequence numbers change
with every segment and are written alone where nothing else did.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Any
from zlib import crc32

SLOT_OCTETS = 8192
_HEADER = Struct("=IIII")
_HALF = Struct("=II")
_NEXT = Struct("=II")
_HALF_OCTETS = SLOT_OCTETS // 2
_ROOM = _HALF_OCTETS - _HALF.size
LIVE = 0x41505053
"""A slot in use."""
LOST = 0x4C4F5354
"""A slot whose session did not fit: after a restart it passes untouched, and is counted."""
NO_NEXT = 0xFFFFFFFF


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

    def _body(self, slot: int, half: int) -> int:
        return self._bodies + slot * SLOT_OCTETS + half * _HALF_OCTETS

    def save(self, slot: int, snapshot: tuple[Any, ...], sequences: tuple[int, int]) -> None:
        """Write a whole snapshot (marshal's types) with the next sequence number of each direction (-1: none)."""
        at = slot * _HEADER.size
        octets = marshal.dumps(snapshot)
        if len(octets) > _ROOM:
            _HEADER.pack_into(self.memory, at, LOST, 0, NO_NEXT, NO_NEXT)
            return
        live, half, _, _ = _HEADER.unpack_from(self.memory, at)
        half = 1 - half if live == LIVE else 0
        start = self._body(slot, half)
        _HALF.pack_into(self.memory, start, len(octets), crc32(octets))
        self.memory[start + _HALF.size : start + _HALF.size + len(octets)] = octets
        _HEADER.pack_into(self.memory, at, LIVE, half, sequences[0] & NO_NEXT, sequences[1] & NO_NEXT)

    def move(self, slot: int, sequences: tuple[int, int]) -> None:
        """Only the sequence numbers have changed."""
        _NEXT.pack_into(self.memory, slot * _HEADER.size + 8, sequences[0] & NO_NEXT, sequences[1] & NO_NEXT)

    def clear(self, slot: int) -> None:
        """The session is over."""
        _HEADER.pack_into(self.memory, slot * _HEADER.size, 0, 0, 0, 0)

    def load(self) -> dict[int, tuple[tuple[Any, ...], tuple[int, int]]]:
        """Every readable snapshot by slot, with its sequence numbers; unreadable slots are cleared."""
        found = {}
        for slot in range(1, self.slots + 1):
            at = slot * _HEADER.size
            live, half, first, second = _HEADER.unpack_from(self.memory, at)
            if live != LIVE or half > 1:
                if live:
                    self.clear(slot)
                continue
            start = self._body(slot, half)
            length, crc = _HALF.unpack_from(self.memory, start)
            octets = bytes(self.memory[start + _HALF.size : start + _HALF.size + min(length, _ROOM)])
            if length > _ROOM or crc32(octets) != crc:
                self.clear(slot)
                continue
            found[slot] = (marshal.loads(octets), (_signed(first), _signed(second)))  # noqa: S302 - our own memory
        return found


def _signed(sequence: int) -> int:
    # A stream whose next octet is 2^32 - 1 is taken for one without a start: one in four billion sessions passes
    # untouched after a restart.
    return -1 if sequence == NO_NEXT else sequence
