"""What one IKE session between two parties consists of: pairs of cookies, and the SPIs under which ESP goes.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from applianced.alg.ike_esp.isakmp import NOBODY, Header
from applianced.model.tuples import Direction

STATES_MOST = 8
"""Pairs of cookies per session: retries and rekeying leave some behind."""
SPIS_MOST = 16
"""SPIs per session and direction; the oldest makes room."""


@dataclass(slots=True)
class State:
    """A pair of cookies (SPIs). by: who initiated it. exchange: the last one that was new, with its message ID.

    pinned: its initiator has used the responder's SPI, so no other is right any more.
    """

    initiator: bytes
    responder: bytes
    version: int
    by: Direction
    created_s: float
    last_s: float
    exchange: tuple[str, int] = ("", 0)
    pinned: bool = False
    negotiated: bool = False

    def fits(self, header: Header) -> bool:
        """Whether a message may be of this pair."""
        return header.responder in (self.responder, NOBODY) or not self.pinned

    def take(self, header: Header, direction: Direction, now: float) -> bool:
        """A message of this pair; whether it begins another exchange."""
        self.last_s = now
        if header.responder != NOBODY:
            self.responder = header.responder
            self.pinned = self.pinned or direction is self.by
        exchange = (header.name, header.message)
        begins = exchange != self.exchange
        self.exchange = exchange
        self.negotiated = self.negotiated or header.negotiates
        return begins

    @property
    def plain(self) -> tuple[Any, ...]:
        """For the checkpoint; `of` turns it back."""
        return (
            self.initiator,
            self.responder,
            self.version,
            int(self.by),
            self.created_s,
            self.last_s,
            self.exchange,
            self.pinned,
            self.negotiated,
        )

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> State:
        initiator, responder, version, by, *rest = plain
        return cls(initiator, responder, version, Direction(by), *rest)


class Spi(NamedTuple):
    """An SPI that was learnt. gate: what admits it. direction: of its packets. initiator: of the pair of cookies that
    has negotiated last before."""

    gate: int
    direction: Direction
    number: int
    since: float
    initiator: bytes
