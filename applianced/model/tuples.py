"""Addresses, endpoints and flow tuples.

An address is its packed form (4 octets for IPv4, 16 for IPv6, network order): that is how packets carry it, how
nft and ctnetlink want it, and comparing it costs nothing. `text` and `packed` convert at the edges.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import ip_address
from typing import NamedTuple

TCP = 6
UDP = 17
GRE = 47
"""Enhanced GRE (RFC 2637 4.1): what stands for a port in an endpoint is the call ID."""
ESP = 50
"""RFC 4303: what stands for a port in an endpoint is the SPI."""


class Direction(IntEnum):
    """A direction of a session, in conntrack's sense."""

    ORIGINAL = 0
    """From the one who opened the session."""
    REPLY = 1
    """Towards the one who opened the session."""

    @property
    def opposite(self) -> Direction:
        return REPLY if self is ORIGINAL else ORIGINAL


ORIGINAL = Direction.ORIGINAL
REPLY = Direction.REPLY


def text(address: bytes) -> str:
    """'192.0.2.1' or '2001:db8::1' for a packed address."""
    return str(ip_address(address))


def packed(address: str) -> bytes:
    """The packed form of an address in text. Raises ValueError."""
    return ip_address(address).packed


class Endpoint(NamedTuple):
    """One end of a session: a packed address and a port."""

    address: bytes
    port: int

    def __str__(self) -> str:
        host = text(self.address)
        return f"[{host}]:{self.port}" if len(self.address) == 16 else f"{host}:{self.port}"


class FlowTuple(NamedTuple):
    """Protocol number, source and destination of one direction of a session."""

    protocol: int
    source: Endpoint
    destination: Endpoint

    @property
    def reversed(self) -> FlowTuple:
        return FlowTuple(self.protocol, self.destination, self.source)

    def __str__(self) -> str:
        return f"{PROTOCOL_NAMES.get(self.protocol, self.protocol)} {self.source} > {self.destination}"


PROTOCOL_NAMES = {1: "icmp", TCP: "tcp", UDP: "udp", GRE: "gre", ESP: "esp", 58: "icmp6", 132: "sctp"}
