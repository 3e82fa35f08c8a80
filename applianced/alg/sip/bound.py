"""What calls have bound and opened: one port may serve several calls, and goes with the last of them.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from applianced.alg.actions import Actions, Unbind
from applianced.model.tuples import Endpoint

Inside = tuple[int, Endpoint]
"""Protocol and own endpoint of a medium."""
Outside = tuple[Endpoint, bool]
"""What the other party is told, and whether the port above goes with it."""


class Belongings:
    """Of all calls of a worker. owners: gate number -> what it belongs to. uses: protocol and outside endpoint -> how
    many calls rest on it."""

    __slots__ = ("owners", "uses")

    def __init__(self) -> None:
        self.owners: dict[int, Any] = {}
        self.uses: dict[tuple[int, Endpoint], int] = {}


class Bound:
    """What one call has bound."""

    __slots__ = ("_belongings", "_bound")

    def __init__(self, belongings: Belongings) -> None:
        self._belongings = belongings
        self._bound: dict[Inside, Outside] = {}

    def __len__(self) -> int:
        return len(self._bound)

    def __iter__(self) -> Iterator[tuple[Inside, Outside]]:
        return iter(self._bound.items())

    def get(self, protocol: int, own: Endpoint) -> Outside | None:
        """What an endpoint is bound to."""
        return self._bound.get((protocol, own))

    def inside(self, protocol: int, told: Endpoint) -> Endpoint | None:
        """What the other party knows by an endpoint; None when nothing of this call."""
        for (kind, own), (outside, pair) in self._bound.items():
            step = told.port - outside.port
            if kind == protocol and told.address == outside.address and 0 <= step <= pair:
                return Endpoint(own.address, own.port + step)
        return None

    def add(self, protocol: int, own: Endpoint, outside: Outside) -> None:
        """An endpoint has been bound, or another call has it already."""
        uses, key = self._belongings.uses, (protocol, outside[0])
        uses[key] = uses.get(key, 0) + 1
        self._bound[protocol, own] = outside

    def forget(self) -> None:
        """All of it has been let go of already, with the sessions that held it."""
        uses = self._belongings.uses
        for (protocol, _), (outside, _) in self._bound.items():
            uses[protocol, outside] -= 1
            if not uses[protocol, outside]:
                del uses[protocol, outside]
        self._bound.clear()

    def release(self, used: Container[Inside] = ()) -> Actions:
        """Let go of all that is not used."""
        uses = self._belongings.uses
        for inside in [inside for inside in self._bound if inside not in used]:
            protocol, outside = inside[0], self._bound.pop(inside)[0]
            left = uses[protocol, outside] - 1
            if left:
                uses[protocol, outside] = left
            else:
                del uses[protocol, outside]
                yield Unbind(outside, protocol)
