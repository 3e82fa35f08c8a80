"""The six messages that announce where a data session will be awaited: found in a line, and written again.

    PORT h1,h2,h3,h4,p1,p2                      RFC 959 4.1.2     227 text h1,h2,h3,h4,p1,p2 text
    EPRT |af|address|port|                      RFC 2428 2, 3     229 text (|||port|)
    LPRT af,hal,h1,...,pal,p1,...               RFC 1639 2        228 text (af,hal,h1,...,pal,p1,...)

A line is whole and ends in LF. Nothing here decides whether an endpoint is acceptable.

Rule: nothing here performs I/O. A line that does not parse gives None.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from applianced.model.tuples import Endpoint, packed, text

FAMILIES = {b"1": 4, b"2": 16}
"""Address family numbers of EPRT (RFC 2428 2) and the octets of their addresses."""

LONG_FAMILIES = {4: 4, 6: 16}
"""Address families of LPRT are IP version numbers (RFC 1639 2); octets of their addresses."""

# RFC 1123 4.1.2.6: the text around the numbers of 227 differs between servers, with and without parentheses.
_COMMAS = re.compile(rb"(?<![\d,])\d{1,3}(?:, ?\d{1,3}){5,20}(?!,? ?\d)")
_PORT = re.compile(rb"[^ ]{4,64} {1,16}(\d{1,3}(?:,\d{1,3}){5,20}) {0,16}\r?\n")
_EPRT = re.compile(rb"[^ ]{4,64} {1,16}([!-~])([12])\1([0-9A-Fa-f:.]{2,45})\1(\d{1,5})\1 {0,16}\r?\n")
_EPSV = re.compile(rb"\(([!-~])\1\1(\d{1,5})\1\)")
_CODE = 4
"""Octets of a reply's code and what follows it, where its text begins."""


class Form(Enum):
    """How an endpoint is written."""

    SHORT = auto()
    EXTENDED = auto()
    PORT_ONLY = auto()
    LONG = auto()


class Announcement(NamedTuple):
    """An endpoint found in line[start:end].

    address: packed, b"" when the form has none. port: 0-65535.
    delimiter: of the extended form.
    """

    address: bytes
    port: int
    start: int
    end: int
    form: Form
    delimiter: bytes = b"|"

    def encode(self, endpoint: Endpoint) -> bytes | None:
        """`endpoint` in this form, to stand in the place of the one found; None when the form cannot say it."""
        if self.form is Form.PORT_ONLY:
            return b"%d" % endpoint.port
        if self.form is Form.SHORT:
            return _commas(endpoint.address + endpoint.port.to_bytes(2)) if len(endpoint.address) == 4 else None
        length = len(endpoint.address)
        if self.form is Form.LONG:
            version = 4 if length == 4 else 6
            return _commas(bytes((version, length)) + endpoint.address + b"\2" + endpoint.port.to_bytes(2))
        family = b"1" if length == 4 else b"2"
        return self.delimiter.join((family, text(endpoint.address).encode(), b"%d" % endpoint.port))


def find_port(line: bytes) -> Announcement | None:
    """PORT (RFC 959 4.1.2)."""
    found = _PORT.fullmatch(line)
    return _short(found[1], *found.span(1)) if found else None


def find_eprt(line: bytes) -> Announcement | None:
    """EPRT (RFC 2428 2)."""
    found = _EPRT.fullmatch(line)
    if not found or int(found[4]) > 0xFFFF:
        return None
    try:
        address = packed(found[3].decode())
    except ValueError:
        return None
    if len(address) != FAMILIES[found[2]]:
        return None
    return Announcement(address, int(found[4]), found.start(2), found.end(4), Form.EXTENDED, found[1])


def find_lprt(line: bytes) -> Announcement | None:
    """LPRT (RFC 1639 2)."""
    found = _PORT.fullmatch(line)
    return _long(found[1], *found.span(1)) if found else None


def find_pasv(line: bytes) -> Announcement | None:
    """A 227 reply (RFC 959 4.2, RFC 1123 4.1.2.6)."""
    found = _COMMAS.search(line, _CODE)
    return _short(found[0], *found.span()) if found else None


def find_epsv(line: bytes) -> Announcement | None:
    """A 229 reply (RFC 2428 3): family and address must be empty."""
    found = _EPSV.search(line, _CODE)
    if not found or int(found[2]) > 0xFFFF:
        return None
    return Announcement(b"", int(found[2]), *found.span(2), Form.PORT_ONLY)


def find_lpsv(line: bytes) -> Announcement | None:
    """A 228 reply (RFC 1639 3)."""
    found = _COMMAS.search(line, _CODE)
    return _long(found[0], *found.span()) if found else None


def _short(numbers: bytes, start: int, end: int) -> Announcement | None:
    octets = _octets(numbers)
    if octets is None or len(octets) != 6:
        return None
    return Announcement(octets[:4], int.from_bytes(octets[4:]), start, end, Form.SHORT)


def _long(numbers: bytes, start: int, end: int) -> Announcement | None:
    octets = _octets(numbers)
    if octets is None:
        return None
    length = LONG_FAMILIES.get(octets[0])
    if length is None or octets[1] != length or len(octets) != length + 5 or octets[length + 2] != 2:
        return None
    return Announcement(octets[2 : length + 2], int.from_bytes(octets[length + 3 :]), start, end, Form.LONG)


def _octets(numbers: bytes) -> bytes | None:
    """The octets that decimal numbers between commas stand for, None when one is over 255."""
    values = [int(number) for number in numbers.split(b",")]
    return bytes(values) if max(values) < 256 else None


def _commas(octets: bytes) -> bytes:
    return b",".join(b"%d" % octet for octet in octets)
