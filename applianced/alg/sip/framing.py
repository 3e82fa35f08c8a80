"""Where a message ends: in a stream by its Content-Length (RFC 3261 18.3), in a datagram with it.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What lies at the front."""

    PART = "part"
    """Of something that has not come whole."""
    MESSAGE = "message"
    KEEP_ALIVE = "keep-alive"
    """CRLFs (RFC 5626 3.5.1, RFC 3261 7.5), or a datagram of nothing but white space and NUL."""
    STUN = "stun"
    """RFC 5626 3.5.2; only in datagrams."""
    TLS = "tls"
    """The beginning of a TLS session (or of DTLS, in a datagram)."""


class Frame(NamedTuple):
    """octets: of it, from the front; of a PART those that could leave (0)."""

    kind: Kind
    octets: int


class Framer:
    """Of one direction of a stream. It remembers how far it has looked, so octets that come singly cost no more."""

    def __init__(self, limit: int = 65536) -> None:
        """limit: octets of a message."""
        raise NotImplementedError

    def frame(self, data: bytes) -> Frame:
        """What lies at the front of `data`: all that has not been taken, as the time before or with more behind it.
        Raises ProtocolError not-sip as soon as that is certain, oversize, no-length, bad-length, bad-header."""
        raise NotImplementedError

    def taken(self) -> None:
        """What `frame` found has left: the next question is about what followed it."""
        raise NotImplementedError


def datagram(data: bytes) -> Kind:
    """What a datagram is, by its beginning; never PART. Raises ProtocolError not-sip."""
    raise NotImplementedError
