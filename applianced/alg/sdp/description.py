"""What a session description says about endpoints. Each place is a pair of offsets into the octets it was read from.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.model.tuples import Endpoint


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
    """a=rtcp (RFC 3605). line, line_end: of the whole line. start, end: of the port. place: None without an address."""

    line: int
    line_end: int
    start: int
    end: int
    port: int
    place: Place | None


class Candidate(NamedTuple):
    """a=candidate (RFC 8839 5.1). line, line_end: of the whole line with its end. component: 1 RTP, 2 RTCP.
    transport: in lower case. kind: host, srflx, prflx, relay. start, end: of `address port`. endpoint: None for a name
    (mDNS). related_start, related_end: of the octets `raddr X rport Y`, equal without."""

    line: int
    line_end: int
    component: int
    transport: bytes
    kind: bytes
    start: int
    end: int
    endpoint: Endpoint | None
    related_start: int
    related_end: int
    related: Endpoint | None


class Path(NamedTuple):
    """One URI of a=path (RFC 4975 8.2). start, end: of `host:port`. endpoint: None for a name."""

    start: int
    end: int
    scheme: bytes
    endpoint: Endpoint | None


class Medium(NamedTuple):
    """One m= block. start: of its m= line. first_line_end: behind that line. end: of the block.

    kind: audio, video, image, message, application, text. transport: in upper case, as RTP/AVP, UDPTL, TCP/MSRP.
    port: 0 when it is refused (RFC 3264 6), or bundled. count: of ports (`/n`). port_start, port_end: of the digits of
    the port. connections: its own c= lines. place: that of the first of them, or of the session, or None.
    direction: sendrecv, sendonly, recvonly, inactive; the session's when it says none.
    rtcp: a=rtcp. mux: a=rtcp-mux or rtcp-mux-only. mid: b"" without. bundle_only: a=bundle-only.
    setup: a=setup: active, passive, actpass, holdconn, or b"". candidates, paths, remote (a=remote-candidates: the
    endpoints of the other party). ice: offsets of all further lines of ICE and of a=alt, which go when candidates go.
    """

    start: int
    first_line_end: int
    end: int
    kind: bytes
    transport: bytes
    port: int
    count: int
    port_start: int
    port_end: int
    connections: tuple[Place, ...]
    place: Place | None
    direction: bytes
    rtcp: Rtcp | None
    mux: bool
    mid: bytes
    bundle_only: bool
    setup: bytes
    candidates: tuple[Candidate, ...]
    paths: tuple[Path, ...]
    remote: tuple[Candidate, ...]
    ice: tuple[tuple[int, int], ...]

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it is taken; None when it is refused, on hold with 0.0.0.0, or at a name."""
        place = self.place
        if place is None or not self.port or not place.address or place.unspecified:
            return None
        return Endpoint(place.address, self.port)

    @property
    def rtcp_endpoint(self) -> Endpoint | None:
        """Where its RTCP is taken without rtcp-mux: what a=rtcp says, else the port above (RFC 3550 11)."""
        raise NotImplementedError

    @property
    def over_rtp(self) -> bool:
        """Whether there is RTCP beside it."""
        return b"RTP/" in self.transport


class Description(NamedTuple):
    """start, end: of all of it. origin: of o=. connection: of the session's c=. connection_line: where the session's
    c= would be inserted. bundles: of each a=group:BUNDLE the mids. ice: offsets of the session's own lines of ICE."""

    start: int
    end: int
    origin: Place | None
    connection: Place | None
    media: tuple[Medium, ...]
    bundles: tuple[tuple[bytes, ...], ...]
    ice: tuple[tuple[int, int], ...]
