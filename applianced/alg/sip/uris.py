"""URIs and the hosts in them, as a message writes them (RFC 3261 19.1, 25.1).

Every place is a pair of offsets into the octets of the message, so that it can be replaced there.

Rule: nothing here performs I/O or keeps state beyond a cache of addresses.
"""

from __future__ import annotations

from typing import NamedTuple


class Host(NamedTuple):
    """`host[:port]` as written. start, end: of all of it, with brackets and port. name: the host without brackets, as
    written. port: 0 where none is written. address: packed, b"" for a name."""

    start: int
    end: int
    name: bytes
    port: int
    address: bytes


class Uri(NamedTuple):
    """A URI. start, end: of all of it. scheme: in lower case. user: with what follows it before `@`, as written.
    host: None unless the scheme is sip or sips. parameters: offset of the first `;` or `?` behind the host, or `end`.
    """

    start: int
    end: int
    scheme: bytes
    user: bytes
    host: Host | None
    parameters: int


def packed_address(name: bytes) -> bytes:
    """The packed form of an address in text, without brackets; b"" when it is none."""
    raise NotImplementedError


def host_text(address: bytes, port: int = 0) -> bytes:
    """`host[:port]` of a packed address; without the port when it is 0."""
    raise NotImplementedError


def read_uri(data: bytes, start: int, end: int) -> Uri:
    """The URI that is all of these octets. Raises ProtocolError bad-address."""
    raise NotImplementedError
