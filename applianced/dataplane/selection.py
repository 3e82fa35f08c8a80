"""Which gates and sessions of a worker a list shows: a filter, and a page of what it lets through.

The books may hold tens of thousands of entries, so a worker, which has packets waiting, describes one page at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from applianced.dataplane.channel import Message
from applianced.engine.sessions import Session
from applianced.model.gates import Gate
from applianced.model.tuples import Endpoint

Entry = TypeVar("Entry")

ALL = 1 << 32
"""More than any list holds."""


class Prefix(NamedTuple):
    """Addresses that begin alike. octets: length of such an address; shift: how many bits at its end are free."""

    octets: int
    shift: int
    value: int

    @classmethod
    def of(cls, text: str) -> Prefix:
        """An address or a prefix in text; bits behind the prefix do not count. Raises ValueError."""
        network = ip_network(text, strict=False)
        shift = network.max_prefixlen - network.prefixlen
        return cls(network.max_prefixlen // 8, shift, int(network.network_address) >> shift)

    def holds(self, address: bytes) -> bool:
        """Whether a packed address is in it."""
        return len(address) == self.octets and int.from_bytes(address, "big") >> self.shift == self.value


class Choice(NamedTuple):
    """What a list is to show. alg: "" for all. slots: of control sessions, None for all. state: "open", "closed" or
    "all", of gates. after, size: the page."""

    alg: str
    prefix: Prefix | None
    slots: frozenset[int] | None
    state: str
    after: int
    size: int

    @classmethod
    def of(cls, request: Message) -> Choice:
        """What a request says. Raises ValueError or TypeError."""
        address, slots = request.get("address"), request.get("slots")
        return cls(
            alg=str(request.get("alg") or ""),
            prefix=Prefix.of(address) if address else None,
            slots=None if slots is None else frozenset(slots),
            state=str(request.get("state") or "open"),
            after=int(request.get("after", -1)),
            size=int(request.get("count", ALL)),
        )

    @property
    def unfiltered(self) -> bool:
        """Whether all of them are asked for."""
        return not self.alg and self.prefix is None and self.slots is None

    def here(self, addresses: Iterable[bytes]) -> bool:
        """Whether any of these is an address that is asked for."""
        return self.prefix is None or any(map(self.prefix.holds, addresses))

    def gate(self, gate: Gate) -> bool:
        """Whether the list shows this gate, on whatever page."""
        return (
            self.alg in ("", gate.alg)
            and (self.slots is None or gate.session in self.slots)
            and self.here(_gate_addresses(gate))
        )

    def session(self, session: Session) -> bool:
        """Whether the list shows this control session, on whatever page."""
        return (
            self.alg in ("", session.descriptor.name)
            and (self.slots is None or session.slot in self.slots)
            and self.here(_addresses(session))
        )


class Page(NamedTuple):
    """entries: of this page. matched: how many the filter lets through; beyond: those of them behind `after`."""

    entries: Sequence[Any]
    matched: int
    beyond: int


def page(
    entries: Iterable[Entry], wanted: Callable[[Entry], bool], number: Callable[[Entry], int], cut: Choice
) -> Page:
    """The page of those entries that are wanted, by ascending number."""
    matching = list(entries) if cut.unfiltered else [entry for entry in entries if wanted(entry)]
    behind = [entry for entry in matching if number(entry) > cut.after] if cut.after >= 0 else matching
    # Books are nearly in order, and what is nearly in order is sorted in no time.
    return Page(sorted(behind, key=number)[: cut.size], len(matching), len(behind))


def gates_of(wanted: Choice, opened: Iterable[Gate], closed: Iterable[Gate]) -> Page:
    """The page of a worker's gates, of which `closed` were closed a short while ago."""
    among: list[Gate] = []
    if wanted.state in ("open", "all"):
        among += opened
    if wanted.state in ("closed", "all"):
        among += closed
    return page(among, wanted.gate, attrgetter("number"), wanted)


def sessions_of(wanted: Choice, sessions: Iterable[Session]) -> Page:
    """The page of a worker's control sessions."""
    return page(sessions, wanted.session, attrgetter("slot"), wanted)


def admitting(gates: Iterable[Gate], flows: Iterable[tuple[bytes, Endpoint, Endpoint]]) -> list[Gate]:
    """The gates that may have admitted one of these data sessions, each given by the address of who opened it, where
    it was sent, and where it arrived."""
    outside, inside, hosts, senders = set(), set(), set(), set()
    for peer, sent, arrived in flows:
        senders.add(peer)
        outside.add((peer, sent))
        inside.add((peer, arrived))
        hosts.add((peer, arrived.address))
    return [
        gate
        for gate in gates
        if any(
            (sender, to) in outside or (sender, at) in inside
            for peer, to, at in gate.ways
            for sender in ((peer,) if peer else senders)
        )
        or (gate.every_port and (gate.peer, gate.inside.address) in hosts)
    ]


def _gate_addresses(gate: Gate) -> list[bytes]:
    return [address for peer, outside, inside in gate.ways for address in (inside.address, outside.address, peer)]


def _addresses(session: Session) -> list[bytes]:
    flows = [session.control.tuple]
    if session.translation is not None:
        flows += [session.translation.original, session.translation.reply]
    return [end.address for flow in flows for end in (flow.source, flow.destination)]
