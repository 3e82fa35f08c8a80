"""Applications to lines: what a policy matches beyond addresses, and which ALG reads what matched.

A *line* is one term with its ALG decided. A term that says nothing about an ALG is preceded by one line for each
service of an ALG policy and each well-known port that it covers, so that everybody below only needs the first line
that matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from applianced.alg.contract import Descriptor
from applianced.config.identities import APPLICATION_PROTOCOLS, KEEP_OFF
from applianced.config.schema import Applications, PortRange, Term
from applianced.errors import ConfigError

TCP, UDP, ICMP, ICMPV6, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 33, 132, 136
PORT_PROTOCOLS = frozenset({TCP, UDP, DCCP, SCTP, UDPLITE})
ALL_PORTS: PortRange = (0, 65535)

NEVER_S = 2_000_000
"""Inactivity timeout `never`: conntrack counts in signed 32-bit jiffies, 24 days at 1,000 a second."""


class Claim(NamedTuple):
    """Traffic that an ALG reads because an ALG policy names it as a service. source_ports: None for any."""

    protocol: int
    ports: PortRange
    source_ports: PortRange | None
    alg: str


class InForce(NamedTuple):
    """The ALGs that are built and enabled.

    transports: ALG -> protocols that it reads. ports: well-known (protocol, port, ALG), sorted.
    services: what ALG policies add to them; it goes first, and the first that matches decides.
    """

    transports: Mapping[str, frozenset[int]]
    ports: tuple[tuple[int, int, str], ...]
    services: tuple[Claim, ...] = ()


NO_ALGS = InForce({}, ())
"""Nothing is built or enabled, or what is asked has nothing to do with ALGs."""


class Outcome(NamedTuple):
    """What a line decides besides the policy.

    alg: "" for none. timeout_of, timeout_s: "tcp" or "udp" and the inactivity timeout, or "" and 0.
    """

    alg: str = ""
    timeout_of: str = ""
    timeout_s: int = 0


class Line(NamedTuple):
    """protocol: None for any. Ports are inclusive; without a meaning for the protocol they are all ports."""

    protocol: int | None
    ports: PortRange
    source_ports: PortRange | None
    icmp_type: int | None
    icmp_code: int | None
    outcome: Outcome
    application: str


def named_terms(names: Iterable[str], applications: Applications) -> Iterator[tuple[str, Term]]:
    """(application, term) of everything that the names stand for, in order; no name stands for any.

    Raises ConfigError for a name that is not there.
    """
    empty = True
    for name in names:
        empty = False
        try:
            members = applications.members(name)
        except KeyError:
            raise ConfigError("", f"there is no application '{name}'", app_tag="missing-instance") from None
        for application in members:
            for term in application.terms:
                yield application.name, term
    if empty:
        yield "", Term()


def in_force(registry: Mapping[str, Descriptor], enabled: frozenset[str], services: Iterable[Claim] = ()) -> InForce:
    """What classification needs of the enabled ALGs; a port that two of them claim belongs to the first by name."""
    names = sorted(enabled & registry.keys())
    found: dict[tuple[int, int], str] = {}
    for name in names:
        for key in registry[name].ports:
            found.setdefault(key, name)
    return InForce(
        {name: frozenset(protocol for protocol, _ in registry[name].ports) for name in names},
        tuple(sorted((protocol, port, name) for (protocol, port), name in found.items())),
        tuple(services),
    )


def claims(alg: str, transports: frozenset[int], named: Iterable[tuple[str, Term]]) -> Iterator[Claim]:
    """The services of an ALG, as far as it reads their protocols. named: as named_terms gives them."""
    for application, term in named:
        for protocol in _protocols(term):
            line = _line(application, term, protocol)
            if line is not None and protocol is not None and protocol in transports:
                yield Claim(protocol, line.ports, line.source_ports, alg)


def lines(named: Iterable[tuple[str, Term]], algs: InForce) -> Iterator[Line]:
    """The lines of these terms, first match first."""
    for application, term in named:
        for protocol in _protocols(term):
            plain = _line(application, term, protocol)
            if plain is None:
                continue
            alg = APPLICATION_PROTOCOLS.get(term.alg)
            if alg:
                yield from _bound(plain, alg, algs)
            elif term.alg not in KEEP_OFF:
                yield from _of_services(plain, algs)
                yield from _on_well_known(plain, algs)
            yield plain


def _protocols(term: Term) -> tuple[int | None, ...]:
    if term.protocol is not None:
        return (term.protocol,)
    if term.icmp_type is not None:
        return (ICMP,)
    return (TCP, UDP) if _has_ports(term) else (None,)


def _has_ports(term: Term) -> bool:
    return term.destination_ports is not None or term.source_ports is not None


def _line(application: str, term: Term, protocol: int | None) -> Line | None:
    """The line without its ALG; None for a term that matches no packet by itself.

    A term with a UUID or a program number names data sessions that an ALG admits; opening every port of the
    protocol for it would be a hole.
    """
    if term.uuid or term.rpc_program:
        return None
    if _has_ports(term) and protocol not in PORT_PROTOCOLS:
        return None
    if term.icmp_type is not None and protocol not in (ICMP, ICMPV6):
        return None
    return Line(
        protocol,
        term.destination_ports or ALL_PORTS,
        term.source_ports,
        term.icmp_type,
        term.icmp_code,
        _outcome(protocol, term.inactivity_timeout_s),
        application,
    )


def _outcome(protocol: int | None, timeout_s: float | None) -> Outcome:
    """nft has timeout objects for TCP and UDP alone; other protocols keep the timeouts of their own."""
    if timeout_s is None or protocol not in (TCP, UDP):
        return Outcome()
    return Outcome("", "tcp" if protocol == TCP else "udp", int(min(max(timeout_s, 1), NEVER_S)))


def _bound(plain: Line, alg: str, algs: InForce) -> Iterator[Line]:
    """The part of a line that its own ALG reads: a disabled ALG, or a protocol that it does not read, has none."""
    for protocol in sorted(algs.transports.get(alg, ())):
        if plain.protocol in (None, protocol):
            yield plain._replace(protocol=protocol, outcome=plain.outcome._replace(alg=alg))


def _of_services(plain: Line, algs: InForce) -> Iterator[Line]:
    """The parts of a line that are services of an ALG."""
    for claim in algs.services:
        if plain.protocol not in (None, claim.protocol):
            continue
        ports = _common(plain.ports, claim.ports)
        sources = _common(plain.source_ports or ALL_PORTS, claim.source_ports or ALL_PORTS)
        if ports and sources:
            outcome = plain.outcome._replace(alg=claim.alg)
            named = None if sources == ALL_PORTS else sources
            yield plain._replace(protocol=claim.protocol, ports=ports, source_ports=named, outcome=outcome)


def _common(one: PortRange, other: PortRange) -> PortRange | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None


def _on_well_known(plain: Line, algs: InForce) -> Iterator[Line]:
    low, high = plain.ports
    for protocol, port, alg in algs.ports:
        if plain.protocol in (None, protocol) and low <= port <= high:
            yield plain._replace(protocol=protocol, ports=(port, port), outcome=plain.outcome._replace(alg=alg))


def bound_ports(found: Iterable[Line]) -> Iterator[tuple[int, int, int]]:
    """(protocol, low, high) of everything that an ALG reads."""
    for line in found:
        if line.outcome.alg and line.protocol is not None:
            yield line.protocol, *line.ports
