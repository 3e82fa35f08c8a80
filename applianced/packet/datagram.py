"""A UDP datagram inside its IP packet (RFC 768): what an ALG needs of it, and how to send it on changed.

The queue hands over whole packets: what came in fragments is reassembled, and is cut again on its way out when the IP
header allows it. So a datagram that grows must be allowed to: over IPv4 by clearing DF, with an identification for its
fragments; over IPv6 routers do not fragment, and what would have to be is refused here (`GrowthError`).
"""

from __future__ import annotations

import struct
from struct import Struct

from applianced.errors import ProtocolError
from applianced.model.tuples import UDP, Endpoint, FlowTuple
from applianced.packet.ip import ones_sum, renew_checksum, renew_header, transport

_HEADER = Struct("!HHH")
_WORD = Struct("!H")
_OCTETS = 8
CERTAIN = 1280
"""Octets of a packet that no path is too narrow for, if it can carry IPv6 at all; larger ones may need fragments."""
USUAL = 1500
"""Octets of a packet on an ordinary path. One that was larger when it arrived has been fragmented by its sender, and
will be again."""
MOST = 65531
"""Octets of a packet that a verdict can carry: a netlink attribute has so many."""
_DONT_FRAGMENT = 0x40


class GrowthError(Exception):
    """The changed datagram could not arrive."""


class Datagram:
    """One UDP datagram as the queue shows it.

    raw: the IP packet. transport: offset of the UDP header. source, destination: ports. payload: what UDP carries; what
    may lie behind it in the IP packet is no part of it.
    Raises ProtocolError("malformed-packet") when the headers do not hold together.
    """

    __slots__ = ("destination", "payload", "raw", "source", "transport", "v6")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        protocol, at = transport(raw)
        if protocol != UDP:
            raise ProtocolError("malformed-packet")
        self.v6 = raw[0] >> 4 == 6
        self.transport = at
        try:
            self.source, self.destination, length = _HEADER.unpack_from(raw, at)
        except struct.error as error:
            raise ProtocolError("malformed-packet") from error
        if length < _OCTETS or at + length > len(raw):
            raise ProtocolError("malformed-packet")
        self.payload = raw[at + _OCTETS : at + length]

    @property
    def key(self) -> bytes:
        """Addresses and ports as they stand in the packet, without what may lie between them."""
        raw, at = self.raw, self.transport
        return (raw[8:40] if self.v6 else raw[12:20]) + raw[at : at + 4]

    @property
    def flow(self) -> FlowTuple:
        """Protocol, source and destination of the packet."""
        raw = self.raw
        if self.v6:
            return FlowTuple(UDP, Endpoint(raw[8:24], self.source), Endpoint(raw[24:40], self.destination))
        return FlowTuple(UDP, Endpoint(raw[12:16], self.source), Endpoint(raw[16:20], self.destination))

    def changed(self, payload: bytes) -> bytes:
        """The packet with another payload. Raises GrowthError when it could not arrive.

        An IPv4 datagram without a checksum stays without one.
        """
        at = self.transport
        size = at + _OCTETS + len(payload)
        if size > MOST or (self.v6 and size > USUAL >= len(self.raw)):
            raise GrowthError
        packet = bytearray(self.raw[: at + _OCTETS])
        packet += payload
        _WORD.pack_into(packet, at + 4, len(payload) + _OCTETS)
        if not self.v6 and size > max(CERTAIN, len(self.raw)):
            _allow_fragments(packet)
        renew_header(packet, self.v6)
        if self.v6 or packet[at + 6 : at + 8] != b"\0\0":
            renew_checksum(packet, at, self.v6, UDP, 6)
            if packet[at + 6 : at + 8] == b"\0\0":  # which would say that there is none
                packet[at + 6 : at + 8] = b"\xff\xff"
        return bytes(packet)


def _allow_fragments(packet: bytearray) -> None:
    """Clear DF. A datagram with DF may have no identification of its own (RFC 6864 4.1): its fragments need one, which
    differs from that of another datagram. The same again may have the same."""
    packet[6] &= ~_DONT_FRAGMENT & 0xFF
    if packet[4:6] == b"\0\0":
        _WORD.pack_into(packet, 4, ones_sum(packet) % 0xFFFF + 1)
