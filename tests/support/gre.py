"""Enhanced GRE (RFC 2637 4.1) from and to raw sockets in namespaces."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.sockets import family_of, socket_in

GRE = 47
_HEADER = struct.Struct("!HHHH")
_SEQUENCE, _ACKNOWLEDGEMENT = 0x1000, 0x80
_IPV4_HEADER = 20


class Received(NamedTuple):
    """A packet as its receiver sees it."""

    source: str
    call: int
    payload: bytes


def packet(call: int, payload: bytes = b"\xff\x03\xc0\x21", *, flags: int = 0x3001) -> bytes:
    """One packet to the call that its receiver knows by this ID. flags: key and sequence, version 1."""
    return _HEADER.pack(flags, 0x880B, len(payload), call) + b"\0\0\0\1" + payload


@contextmanager
def gre_in(namespace: str, address: str, *, timeout_s: float = 5.0) -> Iterator[socket.socket]:
    """A raw socket of this protocol at an address of a namespace."""
    with socket_in(namespace, family_of(address), socket.SOCK_RAW, GRE) as made:
        made.settimeout(timeout_s)
        made.bind((address, 0))
        yield made


def receive(at: socket.socket) -> Received:
    """The next packet. Raises TimeoutError."""
    octets, sender = at.recvfrom(65535)
    gre = octets if at.family == socket.AF_INET6 else octets[_IPV4_HEADER:]
    flags, _, length, call = _HEADER.unpack_from(gre)
    start = _HEADER.size + 4 * (bool(flags & _SEQUENCE) + bool(flags & _ACKNOWLEDGEMENT))
    assert length == len(gre) - start
    return Received(sender[0], call, gre[start:])
