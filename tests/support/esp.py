"""ESP (RFC 4303) from and to raw sockets in namespaces: its header, and octets that nobody has encrypted."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.sockets import family_of, socket_in

ESP = 50
_HEADER = struct.Struct("!II")
_IPV4_HEADER = 20


class Received(NamedTuple):
    """A packet as its receiver sees it."""

    source: str
    spi: int
    payload: bytes


def packet(spi: int, payload: bytes = b"encrypted octets") -> bytes:
    """One packet of an SPI."""
    return _HEADER.pack(spi, 1) + payload


@contextmanager
def esp_in(namespace: str, address: str, *, timeout_s: float = 5.0) -> Iterator[socket.socket]:
    """A raw socket of this protocol at an address of a namespace."""
    with socket_in(namespace, family_of(address), socket.SOCK_RAW, ESP) as made:
        made.settimeout(timeout_s)
        made.bind((address, 0))
        yield made


def receive(at: socket.socket) -> Received:
    """The next packet. Raises TimeoutError."""
    octets, sender = at.recvfrom(65535)
    esp = octets if at.family == socket.AF_INET6 else octets[_IPV4_HEADER:]
    return Received(sender[0], _HEADER.unpack_from(esp)[0], esp[_HEADER.size :])
