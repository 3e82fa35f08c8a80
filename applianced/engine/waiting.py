"""Datagrams, and first packets of a key, that wait for another session of their ALG (`Wait`), oldest first.

Rule: no I/O here; effects go through `Queued`, time is an argument.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from applianced.model.tuples import Direction

if TYPE_CHECKING:
    from applianced.engine.datagram_sessions import DatagramSession
    from applianced.engine.worker import Queued

MOST = 128
"""Datagrams that wait at once: they take room in the queue."""
LONGEST_S = 30.0


class Held(NamedTuple):
    """One that waits. what: its payload, or of a first packet its key: a repeat has the same. since: when it came."""

    session: DatagramSession
    direction: Direction
    queued: Queued
    what: bytes | int
    since: float


class Waiting:
    """Those of one worker."""

    def __init__(self) -> None:
        self._held: deque[Held] = deque()

    def __len__(self) -> int:
        return len(self._held)

    def enter(self, held: Held) -> None:
        """One more; dropped and counted when there is no room. One that is the repeat of another takes its place."""
        same = [each for each in self._held if each.session is held.session and each.what == held.what]
        for each in same:
            self._held.remove(each)
            each.queued.drop()
            held = held._replace(since=each.since)
        if len(self._held) >= MOST:
            held.session.count("waits-refused")
            held.queued.drop()
            return
        self._held.append(held)

    def take(self, now: float, alg: str = "") -> list[Held]:
        """All those of an ALG, or of every one, that may be judged anew; who has waited too long is dropped."""
        taken, kept = [], deque[Held]()
        for held in self._held:
            if held.session.over or held.since + LONGEST_S <= now:
                held.session.count("waits-refused")
                held.queued.drop()
            elif alg and held.session.descriptor.name != alg:
                kept.append(held)
            else:
                taken.append(held)
        self._held = kept
        return taken
