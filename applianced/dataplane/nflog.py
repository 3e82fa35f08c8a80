"""Packets that a rule's log statement has handed over (linux/netfilter/nfnetlink_log.h).

A packet is hostile: what does not hold together is left out, and nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from applianced.dataplane.listener import ULOG, messages
from applianced.model.tuples import TCP, UDP, Endpoint, FlowTuple

HEADERS = 256
"""Octets of a packet that hold its addresses and ports, also behind IPv6 extension headers."""

_PACKET = 0
_IN, _OUT, _PAYLOAD, _PREFIX = 4, 5, 9, 10
_WITH_PORTS = frozenset((TCP, UDP, 33, 132, 136))
_ICMP = frozenset((1, 58))
_EXTENSIONS = frozenset((0, 43, 60))
_FRAGMENT = 44
_MOST_EXTENSIONS = 8


class LoggedPacket(NamedTuple):
    """prefix: the rule's own text. flow: the destination port of ICMP holds type * 256 + code, as in classify.

    incoming, outgoing: interface indexes, 0 for none.
    """

    prefix: str
    flow: FlowTuple
    incoming: int
    outgoing: int


def packets(datagram: bytes) -> Iterator[LoggedPacket]:
    """The packets of one datagram of a log listener."""
    for heard in messages(datagram):
        if (heard.subsystem, heard.kind) != (ULOG, _PACKET):
            continue
        flow = flow_of(heard.found.get(_PAYLOAD, b""))
        if flow is not None:
            prefix = heard.found.get(_PREFIX, b"").rstrip(b"\0").decode("ascii", "replace")
            incoming, outgoing = (int.from_bytes(heard.found.get(kind, b""), "big") for kind in (_IN, _OUT))
            yield LoggedPacket(prefix, flow, incoming, outgoing)


def flow_of(packet: bytes) -> FlowTuple | None:
    """Protocol, addresses and ports of an IP packet; None when it is none. What it does not carry is 0."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        start = (packet[0] & 0xF) * 4
        # Only the first fragment carries ports.
        at = start if start >= 20 and not int.from_bytes(packet[6:8], "big") & 0x1FFF else len(packet)
        return _flow(packet[9], packet[12:16], packet[16:20], packet[at:])
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        protocol, at = _behind_extensions(packet)
        return _flow(protocol, packet[8:24], packet[24:40], packet[at:])
    return None


def _behind_extensions(packet: bytes) -> tuple[int, int]:
    """The protocol of an IPv6 packet and where it begins (RFC 8200 4)."""
    protocol, at = packet[6], 40
    for _ in range(_MOST_EXTENSIONS):
        if at + 8 > len(packet) or (protocol not in _EXTENSIONS and protocol != _FRAGMENT):
            break
        if protocol == _FRAGMENT:
            later = int.from_bytes(packet[at + 2 : at + 4], "big") & 0xFFF8
            protocol, at = packet[at], len(packet) if later else at + 8
        else:
            protocol, at = packet[at], at + 8 + packet[at + 1] * 8
    return protocol, at


def _flow(protocol: int, source: bytes, destination: bytes, transport: bytes) -> FlowTuple:
    ports = (0, 0)
    if len(transport) >= 4 and protocol in _WITH_PORTS:
        ports = int.from_bytes(transport[:2], "big"), int.from_bytes(transport[2:4], "big")
    elif len(transport) >= 2 and protocol in _ICMP:
        ports = 0, int.from_bytes(transport[:2], "big")
    return FlowTuple(protocol, Endpoint(source, ports[0]), Endpoint(destination, ports[1]))
