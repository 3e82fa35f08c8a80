"""Work that is done one piece after another, in turns of the event loop that are idle if any are.

The event loop does all that has come from all connections before it looks at any of them again, and a short request
wants three of its turns: what many have to have done in one turn, it would wait for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from applianced import courtesy

Work = Callable[[], None]


class Turns:
    """Pieces of work, each of which has a turn of the event loop without any of the others."""

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._coming = False
        """A piece has had this turn, or has been promised one to come."""

    def ask(self, work: Work) -> None:
        """Do it: now if this turn is free, else after those that wait."""
        if self._coming:
            self._waiting.append(work)
        else:
            self._come()
            work()

    def ask_later(self, work: Work) -> None:
        """Do it in a turn to come."""
        self._waiting.append(work)
        if not self._coming:
            self._come()

    def _come(self) -> None:
        self._coming = True
        courtesy.when_idle(self._next)

    def _next(self) -> None:
        self._coming = False
        if self._waiting:
            self.ask(self._waiting.popleft())


class SharedTurns(NamedTuple):
    """What each is of all connections; none of them waits for another."""

    packets: Turns
    """What has come in more packets than are looked at at once."""
    ends: Turns
    """Ends of connections whose sessions had begun."""
    replies: Turns
    """Pieces of long replies."""
