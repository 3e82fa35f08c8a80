"""What a session description says about where media are taken, and what the other party must read of it.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from typing import NamedTuple, Protocol

from applianced.alg.actions import Action, Bind, Note, Reply, Resolve
from applianced.alg.hosts import PORT_MAX, host_text
from applianced.alg.sdp.description import Description, Medium
from applianced.alg.sdp.rewriting import (
    Place,
    Replacement,
    family_text,
    placed,
    with_candidates,
    with_origin,
    with_remote,
    with_session_address,
    without_ice,
)
from applianced.alg.sip.bound import Bound
from applianced.alg.sip.parties import Parties
from applianced.alg.sip.settings import BOUND_LIMIT, LIMITS
from applianced.errors import ProtocolError
from applianced.model.tuples import TCP, UDP, Direction, Endpoint

PORTS_LIMIT = 8
"""Pairs of ports of one medium (RFC 8866 5.14)."""
ACTIVE_PORT = 9
"""The port of who will connect and does not listen (RFC 4145 4.1)."""


class Line(NamedTuple):
    """One medium of one party. protocol: UDP, TCP; 0 for one that is refused or of no kind that has gates.

    own, known: where it is taken, and what the other party is told; None on hold without an address, or when nobody
    vouches for it. rtcp, rtcp_known: of RTCP beside it, None without. mux: it needs none. held: nothing flows.
    listens: of TCP, whether the other party may connect. learned: its address is not the one that it says. resolved: it
    said an outside endpoint of this appliance, and is inside. ports: pairs of ports, each two above the one before.
    """

    protocol: int = 0
    own: Endpoint | None = None
    known: Endpoint | None = None
    rtcp: Endpoint | None = None
    rtcp_known: Endpoint | None = None
    mux: bool = False
    held: bool = False
    listens: bool = False
    learned: bool = False
    resolved: bool = False
    ports: int = 1


NONE = Line()


class Rules(Protocol):
    """What decides about the media of one session."""

    parties: Parties

    def may_name(self, speaker: Direction, address: bytes) -> bool:
        """Whether the speaker may announce media at an address that is not its own."""
        ...

    def learns(self, speaker: Direction) -> bool:
        """Whether the source of the speaker's media is learned when it says an address that is not its own."""
        ...

    def removes_ice(self) -> bool:
        """Whether lines of ICE are taken out where addresses are translated."""
        ...


Found = Generator[Action, Reply, tuple[tuple[Line, ...], list[Replacement]]]


def read_lines(rules: Rules, speaker: Direction, description: Description, bound: Bound) -> Found:
    """The media of a description and the replacements that the other party must get. Raises ProtocolError
    refused-binding."""
    lines: list[Line] = []
    places: dict[int, Place] = {}
    counts: list[Replacement] = []
    parties = rules.parties
    translated = any(parties.translated)
    for index, medium in enumerate(description.media):
        line = yield from _line(rules, speaker, medium, bound)
        lines.append(line)
        if line.known is not None and (
            line.known != medium.endpoint or (translated and line.rtcp_known != medium.rtcp_endpoint)
        ):
            # A refused a=rtcp goes with it, so that nobody sends there.
            places[index] = Place(line.known, line.rtcp_known)
        if translated and medium.ports > 1:
            counts.append((medium.port_end, medium.count_end, b""))
    replacements = placed(description, places) if places else []
    replacements += counts
    replacements += addresses(parties, speaker, description, lines, replacements)
    traversed = any(line.own is None and line.known is not None for line in lines)
    if places or (parties.translated[speaker] and not traversed):
        replacements += _candidates(rules, speaker, description, bound)
    if parties.translated[speaker.opposite]:
        # What the listener has offered, as the speaker knows it.
        replacements += with_remote(description, lambda endpoint, _: bound.inside(UDP, endpoint))
    return tuple(lines), replacements


def names(rules: Rules, speaker: Direction, description: Description, bound: Bound) -> list[Replacement]:
    """What changes in a description outside a call: addresses, and ICE."""
    replacements = addresses(rules.parties, speaker, description)
    if rules.parties.translated[speaker]:
        replacements += _candidates(rules, speaker, description, bound)
    return replacements


def addresses(
    parties: Parties,
    speaker: Direction,
    description: Description,
    lines: Iterable[Line] = (),
    done: Collection[Replacement] = (),
) -> list[Replacement]:
    """o=, and what `done` has left of addresses in c=, a=rtcp and a=path: media that are refused or on hold say theirs,
    too."""
    if not any(parties.translated):
        return []
    replacements: list[Replacement] = []
    moved = {line.own.address: line.known.address for line in lines if line.own is not None and line.known is not None}
    for place, write in ((description.origin, with_origin), (description.connection, with_session_address)):
        if place is None or not place.address or any(start == place.start for start, *_ in done):
            continue
        address = parties.address(speaker, place.address) or moved.get(place.address)
        if address is not None:
            replacements += write(description, address)
    for medium in description.media:
        replacements += _left(parties, speaker, medium)
    return replacements


def _left(parties: Parties, speaker: Direction, medium: Medium) -> Iterator[Replacement]:
    """Addresses in one medium; those that are moved are replaced by then."""
    beside = (medium.rtcp.place,) if medium.rtcp is not None and medium.rtcp.place is not None else ()
    for place in (*medium.connections, *beside):
        address = parties.address(speaker, place.address) if place.address else None
        if address is not None:
            yield place.start, place.end, family_text(address)
    for written in medium.paths:
        address = parties.address(speaker, written.endpoint.address) if written.endpoint is not None else None
        if address is not None and written.endpoint is not None:
            yield written.start, written.end, host_text(address, written.endpoint.port)


def _line(rules: Rules, speaker: Direction, medium: Medium, bound: Bound) -> Generator[Action, Reply, Line]:
    protocol = TCP if medium.over_tcp else UDP if medium.transport.startswith((b"RTP", b"UDP")) else 0
    held = medium.direction == b"inactive" or (medium.place is not None and medium.place.unspecified)
    own = medium.endpoint
    if own is None or not protocol:
        if medium.port and protocol and not held:
            yield Note("media-unknown-address")
        return Line(protocol if medium.port or medium.bundle_only else 0, mux=medium.mux, held=held)
    ports = 1 if any(rules.parties.translated) else min(medium.ports, PORTS_LIMIT)
    if medium.ports > ports:
        yield Note("media-several-ports")
    rtcp = medium.rtcp_endpoint if protocol == UDP else None
    if own.port < LIMITS.lowest_port and not (protocol == TCP and own.port == ACTIVE_PORT):
        yield Note("refused-port", str(own))
        return Line(protocol, mux=medium.mux, held=held)
    if rtcp is not None and rtcp.port < LIMITS.lowest_port:
        yield Note("refused-port", str(rtcp))
        rtcp = None
    if rtcp is not None and rtcp.address != own.address and not rules.may_name(speaker, rtcp.address):
        yield Note("refused-address", f"{rtcp} is not the speaker's own")
        rtcp = None
    listens = protocol == TCP and medium.setup != b"active" and own.port != ACTIVE_PORT
    line = Line(protocol, own, own, rtcp, rtcp, medium.mux, held, listens, ports=ports)
    if own.address == rules.parties.own[speaker].address:
        return (yield from _bound(rules, line, speaker, bound)) if rules.parties.translated[speaker] else line
    return (yield from _elsewhere(rules, speaker, line, bound))


def _elsewhere(rules: Rules, speaker: Direction, line: Line, bound: Bound) -> Generator[Action, Reply, Line]:
    """Media at an address that is not the speaker's own."""
    parties, own = rules.parties, line.own
    assert own is not None
    if any(parties.translated):
        # Where the listener is outside, it must not read what stands behind an outside endpoint.
        if not parties.translated[speaker] or parties.translated[speaker.opposite]:
            resolved = yield from _resolved(line)
            if resolved is not None:
                return resolved
        if parties.translated[speaker] and own.address == parties.known[speaker].address:
            # It has found out its outside address by itself, and keeps what NAT has given it.
            yield Note("media-self-traversal")
            return line._replace(own=None, rtcp=None)
    if rules.learns(speaker):
        seen = parties.own[speaker].address
        yield Note("media-learned")
        known = Endpoint(seen, own.port)
        above = None if line.rtcp is None else Endpoint(seen, line.rtcp.port)
        return line._replace(own=known, known=known, rtcp=above, rtcp_known=above, learned=True)
    if not rules.may_name(speaker, own.address):
        yield Note("refused-address", f"{own} is not the speaker's own")
        return Line(line.protocol, mux=line.mux, held=line.held)
    return (yield from _bound(rules, line, speaker, bound)) if parties.translated[speaker] else line


def _resolved(line: Line) -> Generator[Action, Reply, Line | None]:
    """Media that are taken at an outside endpoint of this appliance: they need not leave."""
    assert line.own is not None
    inside = yield Resolve(line.own, line.protocol)
    if not isinstance(inside, Endpoint):
        return None
    rtcp = None
    if line.rtcp is not None and not line.mux:
        found = yield Resolve(line.rtcp, line.protocol)
        rtcp = found if isinstance(found, Endpoint) else None
    yield Note("hairpin")
    return line._replace(own=inside, known=inside, rtcp=rtcp, rtcp_known=rtcp, resolved=True)


def _bound(rules: Rules, line: Line, speaker: Direction, bound: Bound) -> Generator[Action, Reply, Line]:
    """The outside endpoint of a medium, with the port above for its RTCP wherever that is taken inside."""
    own = line.own
    assert own is not None
    if line.protocol == TCP and own.port == ACTIVE_PORT:
        return line._replace(known=Endpoint(rules.parties.known[speaker].address, ACTIVE_PORT))
    outside = bound.get(line.protocol, own)
    if outside is None:
        pair = line.rtcp is not None
        if len(bound) >= BOUND_LIMIT:
            raise ProtocolError("refused-binding", f"{own}: too many of one call")
        told = yield Bind(speaker, own, line.protocol, pair=pair, held=True)
        if not isinstance(told, Endpoint):
            raise ProtocolError("refused-binding", str(own))
        outside = told, pair
        bound.add(line.protocol, own, outside)
    known, pair = outside
    above = Endpoint(known.address, known.port + 1) if line.rtcp is not None and pair else None
    # Written out: _replace costs four times as much.
    return Line(
        line.protocol, own, known, line.rtcp, above, line.mux, line.held, line.listens, line.learned, line.resolved
    )


def _candidates(rules: Rules, speaker: Direction, description: Description, bound: Bound) -> list[Replacement]:
    if rules.removes_ice():
        return without_ice(description)
    own = rules.parties.own[speaker].address

    def translate(endpoint: Endpoint, transport: bytes) -> Endpoint | None:
        if endpoint.address != own:
            return endpoint
        if transport != b"udp":
            return None
        told = bound.get(UDP, endpoint)
        if told is not None:
            return told[0]
        # Component 2, on the port above that of a medium.
        below = bound.get(UDP, Endpoint(endpoint.address, endpoint.port - 1))
        return Endpoint(below[0].address, below[0].port + 1) if below is not None and below[1] else None

    return with_candidates(description, translate)


# ----- ways


class Way(NamedTuple):
    """One medium between the sides of a call: what gates stand for. ends, known: by side; see actions.Medium.

    reach: of TCP, by side, whether it may be connected to. learn: the first that sends decides who it is.
    """

    protocol: int
    ends: tuple[Endpoint | None, Endpoint | None]
    known: tuple[Endpoint | None, Endpoint | None]
    reach: tuple[bool, bool] = (False, False)
    learn: bool = False


def ways(first: tuple[Line, ...], second: tuple[Line, ...], *, retain: bool) -> list[Way]:
    """The ways between the lines of side 0 and side 1 that are in use. retain: those on hold too, as far as they have
    an address."""
    found: dict[Way, None] = {}
    for one, other in _pairs(first, second):
        if one.own is None or other.own is None or not one.protocol or one.protocol != other.protocol:
            continue
        if (one.held or other.held) and not retain:
            continue
        if one.resolved or other.resolved:
            # Each sends straight to where the other one is.
            one, other = (line._replace(known=line.own, rtcp_known=line.rtcp) for line in (one, other))
        learn = one.learned or other.learned
        reach = (one.listens, other.listens)
        ends = (None if one.learned else one.own, None if other.learned else other.own)
        found[Way(one.protocol, ends, (one.known, other.known), reach, learn)] = None
        if one.rtcp is not None and other.rtcp is not None and not (one.mux and other.mux):
            beside = (None if one.learned else one.rtcp, None if other.learned else other.rtcp)
            found[Way(one.protocol, beside, (one.rtcp_known, other.rtcp_known), (False, False), learn)] = None
    return list(found)


def _pairs(first: tuple[Line, ...], second: tuple[Line, ...]) -> list[tuple[Line, Line]]:
    """The lines that belong together, with the further pairs of ports that both have."""
    found = list(zip(first, second, strict=False))
    for one, other in found[:]:
        if one.ports > 1:
            steps = range(2, 2 * min(one.ports, other.ports), 2)
            found += [(_moved(one, step), _moved(other, step)) for step in steps]
    return found


def _moved(line: Line, step: int) -> Line:
    """Without translation: what is told is what is."""
    own, rtcp = (
        None if end is None or end.port + step > PORT_MAX else Endpoint(end.address, end.port + step)
        for end in (line.own, line.rtcp)
    )
    return line._replace(own=own, known=own, rtcp=rtcp, rtcp_known=rtcp)


def early_ways(lines: tuple[Line, ...], side: int) -> list[Way]:
    """The ways to one side while nobody has answered: anybody may send (and is learned)."""
    found: dict[Way, None] = {}
    for line, _ in _pairs(lines, lines):
        if line.protocol != UDP or line.own is None or line.held or line.learned:
            continue
        for own, known in ((line.own, line.known), (line.rtcp, line.rtcp_known)):
            if own is not None and known is not None:
                ends, told = ((own, None), (known, None)) if side == 0 else ((None, own), (None, known))
                found[Way(UDP, ends, told, (False, False), True)] = None
    return list(found)
