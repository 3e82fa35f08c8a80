"""Hosts as text protocols write them: names, IPv4 addresses, IPv6 references (RFC 3986 3.2.2), with a port behind.

Rule: nothing here performs I/O or keeps state beyond a cache of addresses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from applianced.errors import ProtocolError
from applianced.model.tuples import packed, text

HOST = rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_.-]{1,255}))(?:\s*:\s*([0-9]{1,5}))?"
"""As a pattern of three groups: an IPv6 reference without its brackets, or a name or IPv4 address; a port."""

PORT_MAX = 65535
_NUMBERS = re.compile(rb"[0-9A-Fa-f:.]{2,45}")
_PRINTABLE = bytes(octet if 0x20 <= octet < 0x7F else ord("?") for octet in range(256))


class Host(NamedTuple):
    """`host[:port]` as written. start, end: of all of it, with brackets and port. name: the host without brackets, as
    written. port: 0 where none is written. address: packed, b"" for a name."""

    start: int
    end: int
    name: bytes
    port: int
    address: bytes


@lru_cache(8192)
def packed_address(name: bytes) -> bytes:
    """The packed form of an address in text, without brackets; b"" when it is none."""
    if not _NUMBERS.fullmatch(name):
        return b""
    try:
        return packed(name.decode("ascii"))
    except ValueError:
        return b""


@lru_cache(8192)
def host_text(address: bytes, port: int = 0) -> bytes:
    """`host[:port]` of a packed address; without the port when it is 0."""
    host = f"[{text(address)}]" if len(address) == 16 else text(address)
    return (f"{host}:{port}" if port else host).encode("ascii")


def quoted(octets: bytes) -> str:
    """Octets of a peer as a detail: printable, at most 80 characters."""
    return octets[:80].translate(_PRINTABLE).decode("ascii")


def host_of(match: re.Match[bytes], group: int, event: str) -> Host:
    """The host that HOST has matched, its first group being `group`. Raises ProtocolError of the event named, for a
    port over 65535."""
    reference, name, digits = match.group(group, group + 1, group + 2)
    port = int(digits) if digits else 0
    if port > PORT_MAX:
        raise ProtocolError(event, f"port {port}")
    last = match.end(group + 2)
    if reference is None:
        end = last if digits else match.end(group + 1)
        return Host(match.start(group + 1), end, name, port, packed_address(name))
    end = last if digits else match.end(group) + 1
    return Host(match.start(group) - 1, end, reference, port, packed_address(reference))
