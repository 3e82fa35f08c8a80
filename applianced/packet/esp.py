"""ESP inside its IP packet, as far as it is not encrypted (RFC 4303 2): the SPI."""

from __future__ import annotations

from applianced.errors import ProtocolError
from applianced.model.tuples import ESP, Endpoint, FlowTuple
from applianced.packet.ip import renew_header, transport

_SPI_OCTETS = 4


def spi_flow(raw: bytes) -> FlowTuple:
    """Source and destination of a packet, with the SPI as the port of the destination.

    Raises ProtocolError("malformed-packet").
    """
    _, at = transport(raw)
    if len(raw) < at + _SPI_OCTETS:
        raise ProtocolError("malformed-packet")
    source, destination = (raw[8:24], raw[24:40]) if raw[0] >> 4 == 6 else (raw[12:16], raw[16:20])
    return FlowTuple(ESP, Endpoint(source, 0), Endpoint(destination, int.from_bytes(raw[at : at + _SPI_OCTETS])))


def redirected(raw: bytes, destination: bytes) -> bytes:
    """The packet with another destination, of the same family."""
    packet = bytearray(raw)
    if raw[0] >> 4 == 6:
        packet[24:40] = destination
    else:
        packet[16:20] = destination
        renew_header(packet, v6=False)
    return bytes(packet)
