"""Where a message ends: in a stream by its Content-Length (RFC 3261 18.3), in a datagram with it.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from applianced.alg.sip.uris import quoted
from applianced.errors import ProtocolError

MESSAGE_LIMIT = 65536
"""Octets of a message."""

_TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]"
_BEGINNING = re.compile(_TOKEN + rb"{1,64}(?: (?:[A-Za-z][A-Za-z0-9+.-]{0,30}:?)?)?\Z")
_BEGUN = re.compile(_TOKEN + rb"{1,64} [A-Za-z][A-Za-z0-9+.-]{0,30}:|SIP/2\.0 ", re.IGNORECASE)
_STATUS = b"SIP/2.0 "
_FIRST_LINE = re.compile(rb"(?:SIP/2\.0 |" + _TOKEN + rb"{1,64}[ \t][^\n]*[ \t]SIP/[0-9])", re.IGNORECASE)
_HEAD_END = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(
    rb"\n(?:Content-Length|l)[ \t]*+:(?:[ \t]|\r?\n[ \t])*+([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE
)
_BLANK = b"\r\n"
_FILLING = b"\r\n\t \0"
_HELLO, _TLS = 22, (1, 2)
_TLS_VERSIONS = (b"\x03\x00", b"\x03\x01", b"\x03\x02", b"\x03\x03", b"\x03\x04")
_DTLS_VERSIONS = (b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc")
_STUN_COOKIE = b"\x21\x12\xa4\x42"
_STUN_HEADER = 20


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
    """The beginning of a TLS session (or of DTLS, in a datagram), of either side."""


class Frame(NamedTuple):
    """octets: of it, from the front; 0 of a PART."""

    kind: Kind
    octets: int


_PART = Frame(Kind.PART, 0)


class Framer:
    """Of one direction of a stream. It remembers how far it has looked, so octets that come singly cost no more. A new
    one that is shown the same octets finds the same."""

    __slots__ = ("_begun", "_limit", "_looked", "_total", "head")

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        """limit: octets of a message."""
        self._limit = limit
        self.taken()

    def taken(self) -> None:
        """What `frame` found has left: the next question is about what followed it."""
        self._begun = False  # the first line is one of SIP as far as its URI
        self._looked = 0  # octets in which the header does not end
        self._total = 0  # octets of the message, when its header has come
        self.head = 0
        """Of those the octets of its header, with the empty line; 0 while it has not come."""

    @property
    def body(self) -> int:
        """Octets of the body of the message whose header has come."""
        return self._total - self.head

    def frame(self, data: bytes) -> Frame:
        """What lies at the front of `data`: all that has not been taken, as the time before or with more behind it.
        Raises ProtocolError not-sip as soon as that is certain, oversize, no-length, bad-length."""
        if not self._total:
            if not self._begun:
                other = self._begin(data)
                if other is not None:
                    return other
            self._total = self._measure(data)
        if self._total and len(data) >= self._total:
            return Frame(Kind.MESSAGE, self._total)
        return _PART

    def _begin(self, data: bytes) -> Frame | None:
        """What is no message, or too short to tell; None when it is one."""
        blank = len(data) - len(data.lstrip(_BLANK))
        if blank or not data:
            return Frame(Kind.KEEP_ALIVE, blank) if blank else _PART
        if data[0] == _HELLO:
            return _hello(data)
        if _BEGUN.match(data):
            self._begun = True
            return None
        if _STATUS.startswith(data[: len(_STATUS)].upper()) or _BEGINNING.match(data):
            return _PART
        raise ProtocolError("not-sip", quoted(data))

    def _measure(self, data: bytes) -> int:
        """Octets of the message; 0 while its header has not come."""
        if not self._looked:
            first = data.find(b"\n")
            if first >= 0 and not _FIRST_LINE.match(data, 0, first):
                raise ProtocolError("not-sip", quoted(data[:first]))
            self._looked = first + 1
        end = _HEAD_END.search(data, self._looked - 2) if self._looked > 1 else None
        if end is None:
            if len(data) > self._limit:
                raise ProtocolError("oversize", f"more than {self._limit} octets")
            self._looked = self._looked and len(data)
            return 0
        lengths = _LENGTH.findall(data, 0, end.start())
        if not lengths:
            raise ProtocolError("no-length", quoted(data))
        digits = lengths[0].strip()
        if len(lengths) > 1 or not digits.isdigit() or len(digits) > 10:
            raise ProtocolError("bad-length", quoted(b", ".join(lengths)))
        total = end.end() + int(digits)
        if total > self._limit:
            raise ProtocolError("oversize", f"{total} octets")
        self.head = end.end()
        return total


def datagram(data: bytes) -> Kind:
    """What a datagram is, by its beginning; never PART. Raises ProtocolError not-sip."""
    if _FIRST_LINE.match(data):
        return Kind.MESSAGE
    if not data.strip(_FILLING):
        return Kind.KEEP_ALIVE
    if len(data) >= _STUN_HEADER and data[0] < 4 and data[4:8] == _STUN_COOKIE:
        return Kind.STUN
    if data[0] == _HELLO and data[1:3] in (*_TLS_VERSIONS, *_DTLS_VERSIONS):
        return Kind.TLS
    if _FIRST_LINE.match(data.lstrip(_BLANK)):
        return Kind.MESSAGE
    raise ProtocolError("not-sip", quoted(data))


def _hello(data: bytes) -> Frame:
    """The first record of TLS: a handshake of some version (RFC 8446 5.1) that begins with a hello (4)."""
    version = data[1:3]
    if len(data) < 6 and any(known.startswith(version) for known in _TLS_VERSIONS):
        return _PART
    if version in _TLS_VERSIONS and data[5] in _TLS:
        return Frame(Kind.TLS, len(data))
    raise ProtocolError("not-sip", "no hello of TLS")
