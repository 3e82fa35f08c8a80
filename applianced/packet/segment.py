"""A TCP segment inside its IP packet: what a stream needs of it, and how to send it on changed.

The queue hands over whole packets with complete checksums. Building a changed packet renews the IP length, the IPv4
header checksum and the TCP checksum.
"""

from __future__ import annotations

import struct
from struct import Struct

from applianced.errors import ProtocolError
from applianced.model.tuples import TCP, Endpoint, FlowTuple
from applianced.packet.ip import renew_checksum, renew_header, transport

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10

_HEADER = Struct("!HHIIBB")
_LONG = Struct("!I")


class Segment:
    """One TCP segment as the queue shows it.

    raw: the IP packet. transport: offset of the TCP header. start: offset of the payload.
    source, destination: ports. sequence, acknowledgement, flags: of the TCP header. payload: its octets.
    Raises ProtocolError("malformed-packet") when the headers do not hold together.
    """

    __slots__ = (
        "acknowledgement",
        "destination",
        "flags",
        "payload",
        "raw",
        "sequence",
        "source",
        "start",
        "transport",
        "v6",
    )

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        protocol, at = transport(raw)
        if protocol != TCP:
            raise ProtocolError("malformed-packet")
        self.v6 = raw[0] >> 4 == 6
        self.transport = at
        try:
            self.source, self.destination, self.sequence, self.acknowledgement, offset, self.flags = (
                _HEADER.unpack_from(raw, at)
            )
        except struct.error as error:
            raise ProtocolError("malformed-packet") from error
        start = at + (offset >> 4 << 2)
        if start < at + 20 or start > len(raw):
            raise ProtocolError("malformed-packet")
        self.start = start
        self.payload = raw[start:]

    @property
    def flow(self) -> FlowTuple:
        """Protocol, source and destination of the packet."""
        raw = self.raw
        if self.v6:
            return FlowTuple(TCP, Endpoint(raw[8:24], self.source), Endpoint(raw[24:40], self.destination))
        return FlowTuple(TCP, Endpoint(raw[12:16], self.source), Endpoint(raw[16:20], self.destination))

    def changed(self, payload: bytes, *, sequence: int | None = None, fin: bool = True) -> bytes:
        """The packet with another payload, perhaps at another sequence number.

        fin: False clears FIN, for a segment that no longer ends where its sender ended it.
        """
        at = self.transport
        packet = bytearray(self.raw[: self.start])
        packet += payload
        if sequence is not None:
            _LONG.pack_into(packet, at + 4, sequence)
        if not fin:
            packet[at + 13] &= ~FIN & 0xFF
        _finish(packet, at, self.v6)
        return bytes(packet)

    def reset(self) -> bytes:
        """The same packet turned into a bare RST in the direction it travels (RFC 9293 3.10.7.4)."""
        at = self.transport
        packet = bytearray(self.raw[: at + 20])
        packet[at + 12] = 0x50
        packet[at + 13] = RST | (self.flags & ACK)
        _finish(packet, at, self.v6)
        return bytes(packet)


WINDOW = 2048
"""Of acknowledgements that are made here: small enough for a path without window scaling (RFC 7323)."""


def acknowledgement(flow: FlowTuple, sequence: int, acknowledged: int) -> bytes:
    """The IP packet of a bare ACK from the flow's source to its destination."""
    source, destination = flow.source, flow.destination
    v6 = len(source.address) == 16
    if v6:
        packet = bytearray(b"\x60\0\0\0\0\x14\x06\x40") + source.address + destination.address
    else:
        packet = bytearray(b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0") + source.address + destination.address
    at = len(packet)
    packet += _HEADER.pack(source.port, destination.port, sequence, acknowledged, 0x50, ACK) + WINDOW.to_bytes(2, "big")
    packet += bytes(4)
    _finish(packet, at, v6)
    return bytes(packet)


def _finish(packet: bytearray, at: int, v6: bool) -> None:
    """Renew lengths and checksums."""
    renew_header(packet, v6)
    renew_checksum(packet, at, v6, TCP, 16)
