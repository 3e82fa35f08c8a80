"""What a session description says about endpoints. Each place is a pair of offsets into the octets it was read from.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.model.tuples import Endpoint

Line = tuple[int, int]
"""Offsets of a whole line, with its end."""


class Place(NamedTuple):
    """An address as written in `IN IP4 192.0.2.1`. start, end: of `IP4 192.0.2.1`, without /ttl. name: the address or
    host name as written. address: packed, b"" for a name."""

    start: int
    end: int
    name: bytes
    address: bytes

    @property
    def unspecified(self) -> bool:
        """0.0.0.0 or ::, as for hold (RFC 3264 8.4)."""
        return bool(self.address) and not any(self.address)


class Rtcp(NamedTuple):
    """a=rtcp (RFC 3605). start, end: of its value, `port [IN IP4 address]`. place: None without an address."""

    line: Line
    start: int
    end: int
    port: int
    place: Place | None


class Written(NamedTuple):
    """`address port`, or `host:port`, as written. start, end: of both. endpoint: None for a name (as of mDNS)."""

    start: int
    end: int
    endpoint: Endpoint | None


class Candidate(NamedTuple):
    """a=candidate (RFC 8839 5.1). component: 1 RTP, 2 RTCP. transport: in lower case. kind: host, srflx, prflx, relay.
    written: its address and port. related: `address rport port` behind raddr, None without."""

    line: Line
    component: int
    transport: bytes
    kind: bytes
    written: Written
    related: Written | None


class Medium(NamedTuple):
    """One m= block. start, end: of it. inserted: where a c= line of its own would stand.

    kind: audio, video, image, message, application, text. transport: in upper case, as RTP/AVP, UDPTL, TCP/MSRP.
    port: 0 when it is refused (RFC 3264 6), or bundled. ports: how many (`/n`). port_start, port_end: of the digits of
    the port. connections: its own c= lines. place: that of the first of them, or of the session, or None.
    direction: sendrecv, sendonly, recvonly, inactive; the session's when it says none.
    rtcp: a=rtcp. mux: a=rtcp-mux or rtcp-mux-only. mid: b"" without. bundle_only: a=bundle-only.
    setup: a=setup: active, passive, actpass, holdconn, or b"". paths: the URIs of a=path (RFC 4975 8.2).
    remote: a=remote-candidates, endpoints of the other party. ice: all further lines of ICE. alternatives: lines a=alt.
    count_end: offset behind `/n`, or `port_end` without.
    """

    start: int
    end: int
    inserted: int
    kind: bytes
    transport: bytes
    port: int
    ports: int
    port_start: int
    port_end: int
    connections: tuple[Place, ...]
    place: Place | None
    direction: bytes
    rtcp: Rtcp | None = None
    mux: bool = False
    mid: bytes = b""
    bundle_only: bool = False
    setup: bytes = b""
    candidates: tuple[Candidate, ...] = ()
    paths: tuple[Written, ...] = ()
    remote: tuple[Written, ...] = ()
    ice: tuple[Line, ...] = ()
    alternatives: tuple[Line, ...] = ()
    count_end: int = 0

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it is taken; None when it is refused, on hold with 0.0.0.0, or at a name."""
        place = self.place
        if place is None or not self.port or not any(place.address):
            return None
        return Endpoint(place.address, self.port)

    @property
    def rtcp_endpoint(self) -> Endpoint | None:
        """Where its RTCP is taken without rtcp-mux: what a=rtcp says, else the port above (RFC 3550 11); None where
        `endpoint` is None or there is no RTCP."""
        endpoint, rtcp = self.endpoint, self.rtcp
        if endpoint is None or not self.over_rtp:
            return None
        if rtcp is None:
            return Endpoint(endpoint.address, endpoint.port + 1) if endpoint.port < 65535 else None
        if rtcp.place is None:
            return Endpoint(endpoint.address, rtcp.port)
        return Endpoint(rtcp.place.address, rtcp.port) if any(rtcp.place.address) else None

    @property
    def over_rtp(self) -> bool:
        """Whether it is RTP, which has RTCP beside it."""
        return b"RTP/" in self.transport

    @property
    def over_tcp(self) -> bool:
        """Whether it goes over TCP (RFC 4145, 4571, 4975)."""
        return self.transport.startswith(b"TCP")


class Description(NamedTuple):
    """start, end: of all of it. closed: whether its last line has an end. origin: the address of o=, None when it
    cannot be read. connection: of the session's c=. bundles: of each a=group:BUNDLE the mids (RFC 8843). ice: the
    session's own lines of ICE."""

    start: int
    end: int
    closed: bool
    origin: Place | None
    connection: Place | None
    media: tuple[Medium, ...]
    bundles: tuple[tuple[bytes, ...], ...] = ()
    ice: tuple[Line, ...] = ()
