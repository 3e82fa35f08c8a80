"""The calls of one control connection, and what each party was told of them.

Rule: values only; who asks the engine is control.py.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from applianced.model.tuples import ORIGINAL, REPLY, Direction

MOST = 512
"""Calls of one control connection that are remembered: each has two gates, and 1,024 are the most that it may have."""
OVER_MOST = 8
"""Calls among them that are over: some servers never say that they have let go."""
NO_GATE = 0
UNNAMED = 1 << 16
"""In place of the call ID of a party that has not named it yet."""
_SAVED = Struct("!BIIIIQQ")


class Phase(IntEnum):
    """How far a call is."""

    ASKED = 0
    """Somebody wants it; the gate towards him is open."""
    UP = 1
    CLEARED = 2
    """One of the parties is done with it: what still comes about it is translated, and opens nothing."""
    REFUSED = 3
    """It could have no gate; its reply will say that it was declined."""


class Call:
    """One call. asker: who sent the request. incoming: it was an Incoming-Call-Request. Pairs are by Direction.

    own: the ID under which that party takes packets; known: what the other party was told.
    """

    __slots__ = ("asker", "gates", "incoming", "known", "own", "phase")

    def __init__(self, asker: Direction, *, incoming: bool) -> None:
        self.asker = asker
        self.incoming = incoming
        self.phase = Phase.ASKED
        self.own = [UNNAMED, UNNAMED]
        self.known = [UNNAMED, UNNAMED]
        self.gates = [NO_GATE, NO_GATE]

    @property
    def over(self) -> bool:
        """Whether nothing more is opened for it."""
        return self.phase >= Phase.CLEARED

    @property
    def saved(self) -> bytes:
        """What `of` makes it from again."""
        return _SAVED.pack(self.asker | self.incoming << 1 | self.phase << 2, *self.own, *self.known, *self.gates)

    @classmethod
    def of(cls, values: tuple[int, ...]) -> Call:
        """The call that `saved` gave, from its unpacked values."""
        state, *rest = values
        made = cls(REPLY if state & 1 else ORIGINAL, incoming=bool(state & 2))
        made.phase = Phase(state >> 2)
        made.own, made.known, made.gates = rest[0:2], rest[2:4], rest[4:6]
        return made


class Calls:
    """All of them, oldest first."""

    def __init__(self) -> None:
        self.all: list[Call] = []

    def of_speaker(self, speaker: Direction, own: int) -> Call | None:
        """The call of which this is the speaker's own ID; one that is over only if there is no other."""
        return min((call for call in self.all if call.own[speaker] == own), key=_over, default=None)

    def of_peer(self, party: Direction, known: int) -> Call | None:
        """The call of which `party` was told this ID of its peer; one that is over only if there is no other."""
        return min((call for call in self.all if call.known[party.opposite] == known), key=_over, default=None)

    def add(self, call: Call) -> bool:
        """Remember a call, and of those that are over only the last ones; False when there is no room."""
        over = [each for each in self.all if each.over]
        for each in over[: max(0, len(over) - OVER_MOST)]:
            self.all.remove(each)
        if len(self.all) >= MOST:
            return False
        self.all.append(call)
        return True

    def forget(self, call: Call) -> None:
        """It is over, and nothing more is expected about it."""
        self.all.remove(call)

    @property
    def saved(self) -> bytes:
        """All of them as octets."""
        return b"".join(call.saved for call in self.all)

    def restore(self, saved: bytes) -> None:
        """Take up what `saved` gave."""
        self.all = [Call.of(values) for values in _SAVED.iter_unpack(saved)]


def _over(call: Call) -> bool:
    return call.over
