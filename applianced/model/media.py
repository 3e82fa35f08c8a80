"""Gates of protocols with parties of many: for media both ways, and for further control sessions.

They are kept apart from their session's own record, since a session between two servers may have thousands of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from applianced.model.gates import Gate
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, FlowTuple

Ends = tuple[Endpoint | None, Endpoint | None]
"""By Direction; None: not known."""

LEAST_ENTERED_S = 600.0
"""How long the kernel keeps a medium by itself, at least: what is left when nobody is there to close it."""


@dataclass(slots=True, kw_only=True)
class MediaGate(Gate):
    """One way of datagrams between two parties, both directions.

    own, known: as `alg.actions.Medium` has them. As a gate, `inside` is the end whose packets are translated (the first
    that is known, where none is), `outside` what stands for it, `peer` the address of the other end, b"" when unknown.
    mark: ct mark of its sessions. idle_s: it ends when silent for so long. learn: the first sender decides.
    heard_s: when a packet of it was last known to have come; expires_s follows. entered_s: when the kernel was told.
    """

    media: ClassVar[bool] = True
    apart: ClassVar[bool] = True

    own: Ends
    known: Ends
    mark: int
    idle_s: float
    learn: bool = False
    heard_s: float = 0.0
    entered_s: float = 0.0

    @property
    def entered_for_s(self) -> float:
        """How long the kernel keeps it when it is told."""
        return max(LEAST_ENTERED_S, 3 * self.idle_s)

    def ends_s(self, now: float) -> float:
        return now + self.entered_for_s

    @property
    def translated(self) -> tuple[bool, bool]:
        """By Direction, whether others know an end by another endpoint than its own."""
        (first, second), (first_known, second_known) = self.own, self.known
        return first is not None and first != first_known, second is not None and second != second_known

    @property
    def ways(self) -> tuple[tuple[bytes, Endpoint, Endpoint], ...]:
        found = []
        for own, known, other in zip(self.own, self.known, self.own[::-1], strict=True):
            if own is not None and known is not None:
                found.append((b"" if other is None else other.address, known, own))
        return tuple(found)

    def flow(self) -> FlowTuple | None:
        """The tuple in which connection tracking knows the session between the announced endpoints, whoever sent first:
        the second party's packets as they arrive. None while an end is not known."""
        sender, known = self.own[REPLY], self.known[ORIGINAL]
        if sender is None or known is None or self.own[ORIGINAL] is None:
            return None
        return FlowTuple(self.protocol, sender, known)

    def heard(self, now: float) -> None:
        """A packet of it has come lately."""
        self.heard_s = now
        self.expires_s = now + self.idle_s

    @property
    def plain(self) -> tuple[Any, ...]:
        own, known = ([None if end is None else tuple(end) for end in ends] for ends in (self.own, self.known))
        more = (*own, *known, self.mark, self.idle_s, self.learn)
        return (*self.common(), more)


@dataclass(slots=True, kw_only=True)
class ControlGate(Gate):
    """Admits control sessions of its ALG. mark: the ct mark that they begin with."""

    apart: ClassVar[bool] = True

    mark: int

    @property
    def plain(self) -> tuple[Any, ...]:
        return (*self.common(), (self.mark,))


def gate_of(plain: tuple[Any, ...]) -> Gate:
    """The gate of whatever kind that gave `plain`."""
    *common, more = plain
    if not isinstance(more, tuple):
        return Gate.of(plain)
    values = Gate.values(tuple(common))
    if len(more) == 1:
        return ControlGate(**values, mark=more[0])
    first, second, first_known, second_known, mark, idle_s, learn = more
    return MediaGate(
        **values,
        own=(_end(first), _end(second)),
        known=(_end(first_known), _end(second_known)),
        mark=mark,
        idle_s=idle_s,
        learn=learn,
    )


def _end(plain: tuple[bytes, int] | None) -> Endpoint | None:
    return None if plain is None else Endpoint(*plain)


def inside_of(own: Ends, known: Ends) -> Direction:
    """Which of a medium's ends is taken for the inside one."""
    for side in (ORIGINAL, REPLY):
        if own[side] is not None and own[side] != known[side]:
            return side
    return ORIGINAL if own[ORIGINAL] is not None else REPLY
