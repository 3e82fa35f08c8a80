"""URIs and the hosts in them, as a message writes them (RFC 3261 19.1, 25.1).

Every place is a pair of offsets into the octets of the message, so that it can be replaced there.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from applianced.alg.hosts import HOST, Host, host_of, host_text, packed_address, quoted
from applianced.errors import ProtocolError

__all__ = ["HOST", "Host", "Uri", "host_of", "host_text", "packed_address", "quoted", "read_uri"]

_SIP = re.compile(rb"([Ss][Ii][Pp][Ss]?):((?:[^@<>\s]*@)?)" + HOST + rb"(?=[;?]|\Z)")
_OTHER = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]{0,30}):[^\s<>]+\Z")


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


def read_uri(data: bytes, start: int, end: int) -> Uri:
    """The URI that is all of these octets. Raises ProtocolError bad-address."""
    match = _SIP.match(data, start, end)
    if match is not None:
        return Uri(start, end, match[1].lower(), match[2][:-1], host_of(match, 3, "bad-address"), match.end())
    match = _OTHER.match(data, start, end)
    scheme = match[1].lower() if match else b""
    if scheme in (b"", b"sip", b"sips"):
        raise ProtocolError("bad-address", quoted(data[start:end]))
    return Uri(start, end, scheme, b"", None, end)
