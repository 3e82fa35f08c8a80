"""What a message carries: the session descriptions in its body, alone or as parts (RFC 2046 5.1, RFC 5621).

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.alg.sip.messages import Message


class Length(NamedTuple):
    """A Content-Length and what it counts: offsets of its digits, and of the octets."""

    start: int
    end: int
    body: int
    body_end: int


class Body(NamedTuple):
    """A body that is no multipart. kind: its type in lower case, without parameters. start, end: of its octets.
    lengths: of all that contain it, the message's own first."""

    kind: bytes
    start: int
    end: int
    lengths: tuple[Length, ...]


def bodies(message: Message) -> list[Body]:
    """All bodies, the parts of multiparts for themselves; none when there is no octet. Raises ProtocolError
    bad-multipart."""
    raise NotImplementedError


def descriptions(message: Message) -> list[Body]:
    """Those that are application/sdp. Raises ProtocolError bad-multipart, encoded-body."""
    raise NotImplementedError
