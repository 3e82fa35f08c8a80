"""What outlives a worker: one slot of shared memory per control session.

    header of a slot:  state u32 | record 0 | record 1 | nothing u32
    record:            halves u32 | next ORIGINAL u32 | next REPLY u32
    near, far body:    ALG half 0 | ALG half 1 | session half 0 | session half 1
    half:              marshalled values, which say themselves where they end

A slot is written before the verdict it belongs to, so a worker that dies in between has at worst a checkpoint that is
ahead of the wire: the sender repeats, and a repeat is answered by range. It must not be torn either: an ALG that has
read a line whose octets the stream would read once more, or the other way round, breaks the session. So everything
goes where nobody reads yet (values into the half that is not in use, the record that is not in use), and one aligned
store of the state, done by `publish`, puts all of it in force.

What changes with every segment (two sequence numbers), with every message (the ALG's state) and rarely (gates, changed
ranges) is written apart. All headers lie before all bodies, so that looking through them touches little memory. A half
is in the near body when it fits: most do, and the first write to a page costs more than all else that a session needs.
"""

from __future__ import annotations

import marshal
from struct import Struct
from typing import Any, NamedTuple

ALG_OCTETS = 2048
SESSION_OCTETS = 4096
NEAR_ALG_OCTETS, NEAR_SESSION_OCTETS = 128, 384
NEAR_OCTETS = 2 * (NEAR_ALG_OCTETS + NEAR_SESSION_OCTETS)
FIRST_SLOTS = 8192
"""Slots whose near bodies are made ready beforehand; a machine with more sessions at once has the time to find more."""
SLOT_OCTETS = 2 * (ALG_OCTETS + SESSION_OCTETS)
_HEADER_OCTETS = 32
_HEADER_WORDS = _HEADER_OCTETS // 4
_RECORD = Struct("=III")
LIVE = 0x41505052
"""State of a slot in use; the lowest bit says which record is in force."""
LOST = 0x4C4F5354
"""A slot whose session does not fit at the moment: after a restart it passes untouched, and is counted."""
NO_NEXT = 0xFFFFFFFF
_QUICK, _COMPACT = 2, 4
"""Formats of marshal: the later one looks for objects that come twice, and writes them once."""
_ALG_HALF, _SESSION_HALF = 1, 2
_ALG_FAR, _SESSION_FAR = 4, 8
_WHOLE = 16
"""The session's half holds both."""
_HALVES = _ALG_HALF | _SESSION_HALF | _ALG_FAR | _SESSION_FAR | _WHOLE


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
        self._words = memory[: (slots + 1) * _HEADER_OCTETS].cast("I")
        self._near = (slots + 1) * _HEADER_OCTETS
        self._far = self._near + (slots + 1) * NEAR_OCTETS
        self._halves = bytearray(slots + 1)
        """Which halves the next record names, and which of them are in the far body."""
        self._written = bytearray(slots + 1)
        """Halves written since the last `publish`."""
        self._lost = bytearray(slots + 1)
        """Parts whose last values did not fit."""
        for slot in range(slots + 1):
            self._halves[slot] = self._record(slot)[0] & _HALVES

    @staticmethod
    def octets(slots: int) -> int:
        """How much memory so many slots take."""
        return (slots + 1) * (SLOT_OCTETS + NEAR_OCTETS + _HEADER_OCTETS)

    @staticmethod
    def used_first(slots: int) -> tuple[int, int]:
        """(start, length) in octets of the near bodies that are taken first, up to FIRST_SLOTS of `slots`."""
        return (slots + 1) * _HEADER_OCTETS, min(slots, FIRST_SLOTS) * NEAR_OCTETS

    def save_session(self, slot: int, values: tuple[Any, ...]) -> None:
        """Write what changes rarely (marshal's types); in force with the next `publish`."""
        octets = marshal.dumps(values, _COMPACT)
        self._halves[slot] &= ~_WHOLE
        if len(octets) > SESSION_OCTETS:
            self._lost[slot] |= _SESSION_HALF
            self._words[slot * _HEADER_WORDS] = LOST
            return
        halves = self._next_halves(slot, _SESSION_HALF)
        half = 1 if halves & _SESSION_HALF else 0
        if len(octets) <= NEAR_SESSION_OCTETS:
            self._halves[slot] = halves & ~_SESSION_FAR
            start = self._near + slot * NEAR_OCTETS + 2 * NEAR_ALG_OCTETS + half * NEAR_SESSION_OCTETS
        else:
            self._halves[slot] = halves | _SESSION_FAR
            start = self._far + slot * SLOT_OCTETS + 2 * ALG_OCTETS + half * SESSION_OCTETS
        self.memory[start : start + len(octets)] = octets

    def save_alg(self, slot: int, values: tuple[Any, ...]) -> None:
        """Write the ALG's state (marshal's types); in force with the next `publish`."""
        octets = marshal.dumps(values, _QUICK)
        if len(octets) > ALG_OCTETS:
            self._lost[slot] |= _ALG_HALF
            self._words[slot * _HEADER_WORDS] = LOST
            return
        halves = self._next_halves(slot, _ALG_HALF)
        half = halves & _ALG_HALF
        if len(octets) <= NEAR_ALG_OCTETS:
            self._halves[slot] = halves & ~_ALG_FAR
            start = self._near + slot * NEAR_OCTETS + half * NEAR_ALG_OCTETS
        else:
            self._halves[slot] = halves | _ALG_FAR
            start = self._far + slot * SLOT_OCTETS + half * ALG_OCTETS
        self.memory[start : start + len(octets)] = octets

    def _next_halves(self, slot: int, bit: int) -> int:
        """What the next record names, once this part has been written into the half that is not in force."""
        self._lost[slot] &= ~bit
        if self._written[slot] & bit:
            return self._halves[slot]
        self._written[slot] |= bit
        return self._halves[slot] ^ bit

    def save_whole(self, slot: int, session: tuple[Any, ...], alg: tuple[Any, ...]) -> None:
        """Write both and put them in force: for a session without streams, of which both change at once."""
        octets = marshal.dumps((session, alg), _QUICK)
        if len(octets) > NEAR_SESSION_OCTETS or self._lost[slot] or self._written[slot]:
            self._halves[slot] &= ~_WHOLE
            self.save_session(slot, session)
            self.save_alg(slot, alg)
            self.publish(slot, -1, -1)
            return
        halves = self._halves[slot] = (self._halves[slot] ^ _SESSION_HALF) & ~_SESSION_FAR | _WHOLE
        at = slot * _HEADER_WORDS
        start = self._near + slot * NEAR_OCTETS + 2 * NEAR_ALG_OCTETS
        if halves & _SESSION_HALF:
            start += NEAR_SESSION_OCTETS
        self.memory[start : start + len(octets)] = octets
        state = LIVE | (~self._words[at] & 1)
        _RECORD.pack_into(self.memory, at * 4 + 4 + (state & 1) * _RECORD.size, halves, NO_NEXT, NO_NEXT)
        self._words[at] = state

    def publish(self, slot: int, first: int, second: int) -> None:
        """Put in force what was written, with the next octet of each direction (-1: none)."""
        if self._lost[slot]:
            return
        at = slot * _HEADER_WORDS
        state = LIVE | (~self._words[at] & 1)
        place = at * 4 + 4 + (state & 1) * _RECORD.size
        _RECORD.pack_into(self.memory, place, self._halves[slot], first & NO_NEXT, second & NO_NEXT)
        self._words[at] = state
        self._written[slot] = 0

    def clear(self, slot: int) -> None:
        """The session is over."""
        self._words[slot * _HEADER_WORDS] = 0
        self._written[slot] = self._lost[slot] = 0

    def load(self) -> dict[int, Saved]:
        """Every readable slot; those that are not are cleared."""
        found = {}
        for slot in range(1, self.slots + 1):
            state = self._words[slot * _HEADER_WORDS]
            if state & ~1 == LIVE:
                halves, first, second = self._record(slot)
                session, alg = self._values(slot, halves)
                if session is not None and alg is not None:
                    found[slot] = Saved(session, alg, (_signed(first), _signed(second)))
                    continue
            if state:
                self.clear(slot)
        return found

    def _record(self, slot: int) -> tuple[int, int, int]:
        """The record in force: halves, next octets."""
        at = slot * _HEADER_OCTETS
        state = self._words[slot * _HEADER_WORDS]
        halves, first, second = _RECORD.unpack_from(self.memory, at + 4 + (state & 1) * _RECORD.size)
        return halves, first, second

    def _values(self, slot: int, halves: int) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
        """The session's and the ALG's; None for what cannot be read."""
        session = self._session(slot, halves)
        if not halves & _WHOLE:
            return session, self._alg(slot, halves)
        if session is None or [type(part) for part in session] != [tuple, tuple]:
            return None, None
        return session[0], session[1]

    def _session(self, slot: int, halves: int) -> tuple[Any, ...] | None:
        half = 1 if halves & _SESSION_HALF else 0
        if halves & _SESSION_FAR:
            start = self._far + slot * SLOT_OCTETS + 2 * ALG_OCTETS + half * SESSION_OCTETS
            return self._read(start, SESSION_OCTETS)
        start = self._near + slot * NEAR_OCTETS + 2 * NEAR_ALG_OCTETS + half * NEAR_SESSION_OCTETS
        return self._read(start, NEAR_SESSION_OCTETS)

    def _alg(self, slot: int, halves: int) -> tuple[Any, ...] | None:
        half = halves & _ALG_HALF
        if halves & _ALG_FAR:
            return self._read(self._far + slot * SLOT_OCTETS + half * ALG_OCTETS, ALG_OCTETS)
        return self._read(self._near + slot * NEAR_OCTETS + half * NEAR_ALG_OCTETS, NEAR_ALG_OCTETS)

    def _read(self, start: int, room: int) -> tuple[Any, ...] | None:
        try:
            values = marshal.loads(self.memory[start : start + room])  # noqa: S302 - our own memory
        except (ValueError, EOFError, TypeError, MemoryError):
            return None
        return values if isinstance(values, tuple) else None


def _signed(sequence: int) -> int:
    # A stream whose next octet is 2^32 - 1 is taken for one without a start: one in four billion sessions passes
    # untouched after a restart.
    return -1 if sequence == NO_NEXT else sequence
