"""What stands in the headers that the ALG reads deeply: Via, addresses, their parameters (RFC 3261 20, 25.1).

All offsets are into the octets of the message.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from applianced.alg.hosts import PORT_MAX
from applianced.alg.sip.uris import HOST, Host, Uri, host_of, packed_address, quoted, read_uri
from applianced.errors import ProtocolError

ENTRY_LIMIT = 64
"""Entries of one header."""

_SPACE = b" \t\r\n"
_QUOTED = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_QUOTED + rb'|<[^<>"]*+>|([,"<])', re.DOTALL)
_VIA = re.compile(rb"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9-]{1,20})\s+" + HOST + rb"\s*(?=;|\Z)", re.IGNORECASE)
_VALUE = rb'[^;\s"?,]*+'
_USUAL_VIA = re.compile(
    rb"SIP/2\.0/(UDP|TCP|TLS) ([A-Za-z0-9_.-]{1,255}+)(?::([0-9]{1,5}+))?+(?:"
    rb"(?(4)(?!)|;branch=(" + _VALUE + rb"))"
    rb"|(?(5)(?!)|(;rport(?:=(" + _VALUE + rb"))?+))"
    rb"|(?(7)(?!)|(;received=(" + _VALUE + rb")))"
    rb'|;[^bBrRmM=;\s"?,]' + _VALUE + rb")*+"
)
"""As most are: no white space, nothing quoted, and each parameter that counts once at most."""
_PARAMETER = re.compile(rb";\s*([^=;\s?\"]++)\s*+(?:=\s*+(?:\"((?:[^\"\\]++|\\.)*+)\"|([^;\s?\"]*+)))?", re.DOTALL)
_NAMED = re.compile(rb"(?:" + _QUOTED + rb'|[^"<>;]++)*+<\s*+([^<>\s]*+)\s*+>\s*+', re.DOTALL)
_BARE = re.compile(rb"([^;\s?,<>\"]++)\s*+")
_COMPLICATED = re.compile(rb'[\s"?]')
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
        start, end = trimmed(data, start, end)
        return [(start, end)] if start < end else []
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
    usual = _USUAL_VIA.fullmatch(data, start, end)
    if usual is not None:
        return _usual_via(usual)
    match = _VIA.match(data, start, end)
    if match is None:
        raise ProtocolError("bad-via", quoted(data[start:end]))
    at = match.end()
    found = _parameters(data, at, end)
    branch = found.get(b"branch")
    return Via(
        start, end, match[1].upper(), host_of(match, 2, "bad-via"), at, branch.value if branch else b"",
        found.get(b"received"), found.get(b"rport"), found.get(b"maddr"),
    )  # fmt: skip


def _usual_via(match: re.Match[bytes]) -> Via:
    """The entry that is all of what _USUAL_VIA has matched. Raises ProtocolError bad-via."""
    start, end = match.span()
    transport, name, digits, branch, rport, port, received, address = match.groups()
    at = match.end(3 if digits else 2)
    number = int(digits) if digits else 0
    if number > PORT_MAX:
        raise ProtocolError("bad-via", f"port {number}")
    return Via(
        start, end, transport, Host(match.start(2), at, name, number, packed_address(name)), at, branch or b"",
        Parameter(match.start(7), *match.span(8), address) if received else None,
        Parameter(match.start(5), match.start(6) if port is not None else match.end(5), match.end(5), port or b"")
        if rport
        else None,
        None,
    )  # fmt: skip


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
    written = data[start:end]
    if not _COMPLICATED.search(written):
        return _plain_parameters(written, start)
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


def _plain_parameters(written: bytes, start: int) -> dict[bytes, Parameter]:
    """The same of what has neither quotes nor white space in it, as most have."""
    found: dict[bytes, Parameter] = {}
    for parameter in written.split(b";"):
        stop = start + len(parameter)
        name, equals, value = parameter.partition(b"=")
        if name:
            at = start + len(name) + len(equals)
            found.setdefault(name.lower(), Parameter(start - 1, at, stop, value))
        start = stop + 1
    return found


def trimmed(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The offsets without the white space at both ends."""
    while start < end and data[start] in _SPACE:
        start += 1
    while end > start and data[end - 1] in _SPACE:
        end -= 1
    return start, end
