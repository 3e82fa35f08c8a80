"""What stands in the headers that the ALG reads deeply: Via, addresses, their parameters (RFC 3261 20, 25.1).

All offsets are into the octets of the message.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from applianced.alg.sip.uris import HOST, Host, Uri, host_of, quoted, read_uri
from applianced.errors import ProtocolError

ENTRY_LIMIT = 64
"""Entries of one header."""

_SPACE = b" \t\r\n"
_QUOTED = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_QUOTED + rb'|<[^<>"]*+>|([,"<])', re.DOTALL)
_VIA = re.compile(rb"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9-]{1,20})\s+" + HOST + rb"\s*(?=;|\Z)", re.IGNORECASE)
_PARAMETER = re.compile(rb";\s*([^=;\s?\"]++)\s*+(?:=\s*+(?:\"((?:[^\"\\]++|\\.)*+)\"|([^;\s?\"]*+)))?", re.DOTALL)
_NAMED = re.compile(rb"(?:" + _QUOTED + rb'|[^"<>;]++)*+<\s*+([^<>\s]*+)\s*+>\s*+', re.DOTALL)
_BARE = re.compile(rb"([^;\s?,<>\"]++)\s*+")
_SEMICOLON = 0x3B


class Parameter(NamedTuple):
    """`;name[=value]`. start: of the `;`. value_start, end: of the value, without quotes; equal when there is none."""

    start: int
    value_start: int
    end: int
    value: bytes


class Via(NamedTuple):
    """One entry of Via. start, end: of the entry without the white space and commas around it. transport: in upper
    case. parameters: where the first `;` is, or `end`. branch: b"" without. received, rport, maddr: None without; an
    rport without a value has the value b""."""

    start: int
    end: int
    transport: bytes
    sent_by: Host
    parameters: int
    branch: bytes
    received: Parameter | None
    rport: Parameter | None
    maddr: Parameter | None


class Address(NamedTuple):
    """One entry of a header of addresses: `"name" <uri>;parameters`, or a bare URI. start, end: of the entry without
    the white space and commas around it. uri: None for the `*` of Contact. parameters: where the first `;` of the
    header's own parameters is, or `end`."""

    start: int
    end: int
    uri: Uri | None
    parameters: int


def entries(data: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """The entries of a list with commas; quoted strings and <> may contain some. Empty ones are left out. Raises
    ProtocolError bad-address, many-headers."""
    if data.find(b",", start, end) < 0:
        found = [trimmed(data, start, end)]
    else:
        found = []
        for token in _TOKEN.finditer(data, start, end):
            if token[1] == b",":
                found.append(trimmed(data, start, token.start()))
                start = token.end()
                if len(found) == ENTRY_LIMIT:
                    raise ProtocolError("many-headers", f"more than {ENTRY_LIMIT} entries")
            elif token[1]:
                raise ProtocolError("bad-address", quoted(data[token.start() : end]))
        found.append(trimmed(data, start, end))
    return [entry for entry in found if entry[0] < entry[1]]


def read_via(data: bytes, start: int, end: int) -> Via:
    """One entry. Raises ProtocolError bad-via."""
    match = _VIA.match(data, start, end)
    if match is None:
        raise ProtocolError("bad-via", quoted(data[start:end]))
    found = _parameters(data, match.end(), end)
    branch = found.get(b"branch")
    return Via(
        start,
        end,
        match[1].upper(),
        host_of(match, 2, "bad-via"),
        match.end(),
        branch.value if branch else b"",
        found.get(b"received"),
        found.get(b"rport"),
        found.get(b"maddr"),
    )


def read_address(data: bytes, start: int, end: int) -> Address:
    """One entry. Raises ProtocolError bad-address."""
    match = _NAMED.match(data, start, end) or _BARE.match(data, start, end)
    if match is None:
        raise ProtocolError("bad-address", quoted(data[start:end]))
    at = match.end()
    if at < end and data[at] != _SEMICOLON:
        raise ProtocolError("bad-address", quoted(data[start:end]))
    if match[1] == b"*":
        return Address(start, end, None, at)
    return Address(start, end, read_uri(data, match.start(1), match.end(1)), at)


def find_parameter(data: bytes, start: int, end: int, name: bytes) -> Parameter | None:
    """A parameter by its name in lower case, between a `;` and the end of what has parameters; None without. Those of
    a URI end at its `?`."""
    return _parameters(data, start, end).get(name) if start < end else None


def _parameters(data: bytes, start: int, end: int) -> dict[bytes, Parameter]:
    """All of them, the first of each name."""
    found: dict[bytes, Parameter] = {}
    while start < end:
        match = _PARAMETER.match(data, start, end)
        if match is None:
            start = data.find(b";", start + 1, end)
            if start < 0:
                break
            continue
        group = 2 if match[2] is not None else 3
        value = match[group]
        at = match.end(1) if value is None else match.start(group)
        stop = at if value is None else match.end(group)
        found.setdefault(match[1].lower(), Parameter(start, at, stop, value or b""))
        start = match.end()
        while start < end and data[start] in _SPACE:
            start += 1
    return found


def trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The offsets without the white space at both ends."""
    while start < end and data[start] in _SPACE:
        start += 1
    while end > start and data[end - 1] in _SPACE:
        end -= 1
    return start, end
