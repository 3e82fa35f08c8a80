"""What one IKE session between two parties consists of: pairs of cookies.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from applianced.alg.ike_esp.isakmp import NOBODY, Header
from applianced.model.tuples import Direction

STATES_MOST = 8
"""Pairs of cookies per session: retries and rekeying leave some behind."""

_PLAIN = Struct("!8s8sBBddBI???")


@dataclass(slots=True)
class State:
    """A pair of cookies (SPIs). by: who initiated it. exchange: the last one that was new, with its message ID.

    pinned: its initiator has used the responder's SPI, so no other is right any more. answered: both have spoken.
    """

    initiator: bytes
    responder: bytes
    version: int
    by: Direction
    created_s: float
    last_s: float
    exchange: tuple[int, int] = (0, 0)
    pinned: bool = False
    negotiated: bool = False
    answered: bool = False

    def fits(self, header: Header) -> bool:
        """Whether a message may be of this pair."""
        return header.responder in (self.responder, NOBODY) or not self.pinned

    def take(self, header: Header, direction: Direction, now: float) -> bool:
        """A message of this pair; whether it begins another exchange."""
        self.last_s = now
        if header.responder != NOBODY:
            self.responder = header.responder
            self.pinned = self.pinned or direction is self.by
        self.answered = self.answered or direction is not self.by
        exchange = (header.exchange, header.message)
        begins = exchange != self.exchange
        self.exchange = exchange
        self.negotiated = self.negotiated or header.negotiates
        return begins

    @property
    def octets(self) -> bytes:
        """For the checkpoint; `of` turns it back."""
        ours = self.initiator, self.responder, self.version, self.by, self.created_s, self.last_s
        return _PLAIN.pack(*ours, *self.exchange, self.pinned, self.negotiated, self.answered)

    @classmethod
    def of(cls, octets: bytes) -> State:
        initiator, responder, version, by, created_s, last_s, exchange, message, *marks = _PLAIN.unpack(octets)
        return cls(initiator, responder, version, Direction(by), created_s, last_s, (exchange, message), *marks)

    @classmethod
    def all_of(cls, octets: bytes) -> list[State]:
        """Those of as many `octets` as stand behind each other."""
        return [cls.of(octets[at : at + _PLAIN.size]) for at in range(0, len(octets), _PLAIN.size)]
