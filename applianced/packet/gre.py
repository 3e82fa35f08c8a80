"""Enhanced GRE (RFC 2637 4.1): what stands for ports in it is the ID of the call, as its receiver knows it.

| flags, version | protocol type | payload length | call ID | sequence | acknowledgement |
"""

from __future__ import annotations

from struct import Struct, error

from applianced.errors import ProtocolError
from applianced.model.tuples import GRE, Endpoint, FlowTuple
from applianced.packet.ip import transport

_HEADER = Struct("!HHHH")
_OPTIONAL = 0x1080
"""Sequence and acknowledgement are there."""
_KEY_VERSION_1 = 0x2001
_PPP = 0x880B


def call_flow(raw: bytes) -> FlowTuple | None:
    """Source and destination of a packet, with the call ID as the port of the destination; None for other GRE.

    Raises ProtocolError("malformed-packet").
    """
    _, at = transport(raw)
    try:
        flags, kind, _, call = _HEADER.unpack_from(raw, at)
    except error as fault:
        raise ProtocolError("malformed-packet") from fault
    if flags & ~_OPTIONAL != _KEY_VERSION_1 or kind != _PPP:
        return None
    source, destination = (raw[8:24], raw[24:40]) if raw[0] >> 4 == 6 else (raw[12:16], raw[16:20])
    return FlowTuple(GRE, Endpoint(source, 0), Endpoint(destination, call))
