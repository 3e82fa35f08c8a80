"""A registration: where an inside party takes calls, for as long as its registrar has said (RFC 3261 10).

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from typing import Any

from applianced.alg.actions import Actions, CloseGate, Unbind
from applianced.alg.sip.parties import Parties
from applianced.model.times import date_and_time
from applianced.model.tuples import Direction, Endpoint

Key = tuple[bytes, bytes, bytes, int]
"""Address of record, packed address of the registrar, and the contact: packed address and port."""


class Registration:
    """One contact of one address of record. gate: 0 when none is open. outside: as the registrar knows it."""

    __slots__ = ("due", "expires_s", "gate", "key", "outside", "over", "protocol", "since_s")

    def __init__(self, key: Key, outside: Endpoint, protocol: int, now: float, expires_s: float) -> None:
        self.key = key
        self.outside = outside
        self.protocol = protocol
        self.since_s = now
        self.expires_s = expires_s
        self.gate = 0
        self.over = False
        self.due = 0

    @property
    def inside(self) -> Endpoint:
        return Endpoint(*self.key[2:])

    def end(self, owners: dict[int, Any]) -> Actions:
        """It has expired, or was taken back."""
        self.over = True
        yield from self.close(owners)

    def close(self, owners: dict[int, Any]) -> Actions:
        """No gate any more."""
        if self.gate:
            owners.pop(self.gate, None)
            yield CloseGate(self.gate)
            self.gate = 0

    def entry(self) -> dict[str, Any]:
        """As the list `registration` of the state shows it."""
        record, registrar, *_ = self.key
        entry: dict[str, Any] = {
            "address-of-record": record.decode("latin-1")[:255],
            "registrar": str(Endpoint(registrar, 0)).rpartition(":")[0].strip("[]"),
            "contact": str(self.inside),
            "outside": str(self.outside),
            "since": date_and_time(self.since_s),
            "expires": date_and_time(self.expires_s),
        }
        if self.gate:
            entry["gate"] = self.gate
        return entry

    @property
    def plain(self) -> tuple[Any, ...]:
        """Plain values."""
        return (*self.key, *self.outside, self.protocol, self.since_s, self.expires_s, self.gate)

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> Registration:
        """What `plain` gave."""
        *key, address, port, protocol, since_s, expires_s, gate = plain
        made = cls(tuple(key), Endpoint(address, port), protocol, since_s, expires_s)
        made.gate = gate
        return made


def give_back(parties: Parties, speaker: Direction, inside: Endpoint, protocol: int) -> Actions:
    """The binding of a contact that is not registered any more, unless it is the session's own."""
    outside = parties.lost(speaker, inside)
    if outside is not None:
        yield Unbind(outside, protocol)
