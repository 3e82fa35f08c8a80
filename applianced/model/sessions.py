"""What a control session is, before anybody reads a word of it."""

from __future__ import annotations

from typing import NamedTuple

from applianced.model.tuples import ORIGINAL, Direction, Endpoint, FlowTuple


class ControlSession(NamedTuple):
    """A session that an ALG reads.

    tuple: its original direction as the forward path shows it: inside addresses are private, outside ones real.
    zone_from, zone_to: where it entered and leaves.
    policy: name of the policy that admitted it. application: the application that classified it.
    incoming: index of the interface where it entered, 0 when nobody knows.
    """

    tuple: FlowTuple
    zone_from: str = ""
    zone_to: str = ""
    policy: str = ""
    application: str = ""
    incoming: int = 0

    def party(self, direction: Direction) -> Endpoint:
        """The endpoint that speaks in this direction."""
        return self.tuple.source if direction is ORIGINAL else self.tuple.destination
