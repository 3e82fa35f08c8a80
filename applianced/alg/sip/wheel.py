"""What ends by itself: things with a time, looked at when it has come.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

FURTHEST_S = 64.0
"""What ends later is looked at again after so long, so that what is over sooner is not kept for it."""
PER_TURN = 16384
"""More than a worker can be made to remember in a second: what it remembers must go as fast as it comes."""


class Mortal(Protocol):
    """expires_s: when it ends. over: it has ended already. due: the second in which it is looked at next, 0 for none;
    the wheel's own."""

    expires_s: float
    over: bool
    due: int


class Wheel:
    """Things by the second in which they are to be looked at; each stands for one second alone."""

    __slots__ = ("_next", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[Mortal]] = {}
        self._next = 0

    def add(self, thing: Mortal, now: float) -> None:
        """Look at it when it ends. To be said again when it will end sooner than it was to."""
        second = int(min(thing.expires_s, now + FURTHEST_S)) + 1
        if 0 < thing.due <= second:
            return
        thing.due = second
        slot = self._slots.get(second)
        if slot is None:
            self._slots[second] = [thing]
            if second < self._next or not self._next:
                self._next = second
        else:
            slot.append(thing)

    def due(self, now: float) -> bool:
        """Whether anything is to be looked at."""
        return bool(self._next) and self._next <= now

    def turn(self, now: float) -> Iterator[Mortal]:
        """Those that have ended, PER_TURN at most."""
        looked = 0
        for second in sorted(second for second in self._slots if second <= now):
            slot = self._slots[second]
            while slot and looked < PER_TURN:
                thing = slot.pop()
                if thing.over or thing.due != second:
                    # What is looked at sooner leaves its former place behind.
                    continue
                looked += 1
                thing.due = 0
                if thing.expires_s > now:
                    self.add(thing, now)
                else:
                    yield thing
            if slot:
                break
            del self._slots[second]
        self._next = min(self._slots, default=0)
