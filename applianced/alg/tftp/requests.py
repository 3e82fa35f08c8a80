"""A request as it is written (RFC 1350 5, RFC 2347).

     2 octets    string    1    string   1    string    1   string   1
    | 1 or 2 | file name | 0 |   mode  | 0 | option n | 0 | value n | 0 | ...

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from applianced.errors import ProtocolError

READ, WRITE = b"\0\1", b"\0\2"
LIMIT = 512
"""Octets of a request (RFC 2347, "Packet Formats")."""

_RANGES = {
    b"blksize": (8, 65464),  # RFC 2348
    b"timeout": (1, 255),  # RFC 2349
    b"tsize": (0, (1 << 63) - 1),  # RFC 2349
    b"windowsize": (1, 65535),  # RFC 7440
}
_DIGITS = 19
_ORDINARY = re.compile(rb"\0([\1\2])([^\0]+)\0(octet|netascii)\0+")
"""A request without options, as most clients write it."""
_PRINTABLE = bytes(octet if 0x20 <= octet < 0x7F else ord("?") for octet in range(256))


class Request(NamedTuple):
    """write: WRQ. name, mode, and options (name in lower case, value) as octets, in their order."""

    write: bool
    name: bytes
    mode: bytes
    options: tuple[tuple[bytes, bytes], ...]

    def __str__(self) -> str:
        words = (b"WRQ" if self.write else b"RRQ", self.name, self.mode, *map(b"=".join, self.options))
        return b" ".join(words)[:80].translate(_PRINTABLE).decode("ascii")


def parse(data: bytes) -> Request:
    """A datagram that begins as READ or WRITE does. Raises ProtocolError whose event is one of events.VIOLATIONS."""
    if len(data) > LIMIT:
        raise ProtocolError("long-request", f"{len(data)} octets")
    ordinary = _ORDINARY.fullmatch(data)
    if ordinary is not None:
        return Request(ordinary[1] == b"\2", ordinary[2], ordinary[3], ())
    # Some clients fill their requests up.
    body = data[2:].rstrip(b"\0") + b"\0"
    if len(body) > len(data) - 2:
        raise ProtocolError("bad-request", "the last part does not end")
    parts = body[:-1].split(b"\0")
    if len(parts) % 2 and len(parts) > 2 and len(body) < len(data) - 2:
        parts.append(b"")  # an empty value, which looks like filling
    if len(parts) % 2 or not parts[0]:
        raise ProtocolError("bad-request", "no name, no mode, or an option without a value")
    write, mode = data[:2] == WRITE, parts[1].lower()
    if mode not in (b"octet", b"netascii") and not (write and mode == b"mail"):
        raise ProtocolError("bad-mode", mode[:20].translate(_PRINTABLE).decode("ascii"))
    names = [name.lower() for name in parts[2::2]]
    options = tuple(zip(names, parts[3::2], strict=True))
    _check(options)
    return Request(write, parts[0], mode, options)


def _check(options: tuple[tuple[bytes, bytes], ...]) -> None:
    seen = set()
    for name, value in options:
        low, high = _RANGES.get(name, (0, 0))
        digits = value.isdigit() and len(value) <= _DIGITS
        if not name or name in seen or (name in _RANGES and not (digits and low <= int(value) <= high)):
            raise ProtocolError("bad-option", b"=".join((name, value))[:40].translate(_PRINTABLE).decode("ascii"))
        seen.add(name)
