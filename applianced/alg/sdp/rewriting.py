"""Other endpoints in a session description: replacements for its octets.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from applianced.alg.hosts import host_text
from applianced.alg.sdp.description import Description, Line, Medium, Written
from applianced.alg.sdp.description import Place as WrittenPlace
from applianced.model.tuples import Endpoint, text

Replacement = tuple[int, int, bytes]
"""start, end, text: what stands in place of the octets between two offsets."""

Translate = Callable[[Endpoint, bytes], Endpoint | None]
"""An endpoint as written, and its transport in lower case -> what stands in its place."""

_DISCARD = 9
_CRLF = b"\r\n"


class Place(NamedTuple):
    """Where a medium is to be taken. rtcp: None: nowhere of its own, an a=rtcp is taken out."""

    endpoint: Endpoint
    rtcp: Endpoint | None = None


def placed(description: Description, places: Mapping[int, Place]) -> list[Replacement]:
    """Media, by their place in the list, at other endpoints: m=, c= (the session's where all that rest on it move to
    one address, else one of their own), a=rtcp (added where the RTCP port is not the next one), a=path where it says
    the same endpoint as m= and c=."""
    done: list[Replacement] = []
    resting = [index for index, medium in enumerate(description.media) if not medium.connections and medium.port]
    addresses = {places[index].endpoint.address if index in places else None for index in resting}
    together = len(addresses) == 1 and None not in addresses and description.connection is not None
    if together and description.connection is not None:
        done += _address(description.connection, places[resting[0]].endpoint.address)
    for index, place in places.items():
        medium = description.media[index]
        address, port = place.endpoint
        if port != medium.port:
            done.append((medium.port_start, medium.port_end, b"%d" % port))
        for written in medium.connections:
            done += _address(written, address)
        if not medium.connections and not together:
            done.append(_inserted(description, medium.inserted, b"c=IN " + family_text(address)))
        done += _rtcp(description, medium, place)
        done += _paths(medium, place.endpoint)
    return done


def with_origin(description: Description, address: bytes) -> list[Replacement]:
    """Another address in o=, where it can be read."""
    return _address(description.origin, address) if description.origin else []


def with_session_address(description: Description, address: bytes) -> list[Replacement]:
    """Another address in the session's c=; for where no medium rests on it, as `placed` may have left it."""
    return _address(description.connection, address) if description.connection else []


def without_ice(description: Description) -> list[Replacement]:
    """No candidates, no alternatives, and no line of ICE: the parties use what m= and c= say."""
    lines: list[Line] = [*description.ice]
    for medium in description.media:
        lines += (candidate.line for candidate in medium.candidates)
        lines += (*medium.ice, *medium.alternatives)
    return [(start, end, b"") for start, end in lines]


def with_candidates(description: Description, translate: Translate) -> list[Replacement]:
    """Candidates, each as `translate` has it: None takes its line out. A related address for which it says None becomes
    0.0.0.0 port 9 (RFC 8839 5.1). Candidates with a name are left; those that cannot be read, and alternatives, go."""
    done: list[Replacement] = []
    for medium in description.media:
        for candidate in medium.candidates:
            endpoint = candidate.written.endpoint
            translated = translate(endpoint, candidate.transport) if endpoint else None
            if endpoint is not None and translated is None:
                done.append((*candidate.line, b""))
                continue
            if translated is not None:
                done += _endpoint(candidate.written, translated)
            if candidate.related is not None and candidate.related.endpoint is not None:
                related = candidate.related.endpoint
                shown = translate(related, candidate.transport) or Endpoint(bytes(len(related.address)), _DISCARD)
                done += _endpoint(candidate.related, shown, b" rport ")
        done += ((*line, b"") for line in medium.alternatives)
    return done


def with_remote(description: Description, translate: Translate) -> list[Replacement]:
    """The endpoints of the other party in a=remote-candidates, each as `translate` has it; None leaves it."""
    done: list[Replacement] = []
    for medium in description.media:
        for written in medium.remote:
            translated = translate(written.endpoint, b"udp") if written.endpoint else None
            if translated is not None:
                done += _endpoint(written, translated)
    return done


@lru_cache(8192)
def family_text(address: bytes) -> bytes:
    """`IP4 192.0.2.1` or `IP6 2001:db8::1`."""
    return f"IP{4 if len(address) == 4 else 6} {text(address)}".encode("ascii")


def _address(place: WrittenPlace, address: bytes) -> list[Replacement]:
    return [] if place.address == address else [(place.start, place.end, family_text(address))]


def _endpoint(written: Written, endpoint: Endpoint, between: bytes = b" ") -> list[Replacement]:
    if written.endpoint == endpoint:
        return []
    return [(written.start, written.end, text(endpoint.address).encode("ascii") + between + b"%d" % endpoint.port)]


def _rtcp(description: Description, medium: Medium, place: Place) -> list[Replacement]:
    written, wanted = medium.rtcp, place.rtcp
    if written is not None:
        if wanted is None:
            return [(*written.line, b"")]
        said = b"%d" % wanted.port
        if written.place is not None or wanted.address != place.endpoint.address:
            said += b" IN " + family_text(wanted.address)
        return [(written.start, written.end, said)]
    if wanted is None or wanted == Endpoint(place.endpoint.address, place.endpoint.port + 1):
        return []
    said = b"a=rtcp:%d" % wanted.port
    if wanted.address != place.endpoint.address:
        said += b" IN " + family_text(wanted.address)
    return [_inserted(description, medium.end, said)]


def _paths(medium: Medium, endpoint: Endpoint) -> list[Replacement]:
    own = medium.endpoint
    return [
        (written.start, written.end, host_text(*endpoint))
        for written in medium.paths
        if written.endpoint is not None and written.endpoint == own != endpoint
    ]


def _inserted(description: Description, at: int, line: bytes) -> Replacement:
    """A line of its own, also behind one that has no end."""
    if at == description.end and not description.closed:
        return at, at, _CRLF + line
    return at, at, line + _CRLF
