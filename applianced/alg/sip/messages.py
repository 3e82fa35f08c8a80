"""One SIP message, found out of its octets in one pass; what a header says is read when it is asked for.

    message = parse(data)
    message.method, message.status, message.call_id, message.cseq
    for via in message.vias(): ...
    for address in message.addresses(CONTACT): address.uri.host

All offsets are into `message.data`; `edits.rewritten` takes replacements by them.

Rule: nothing here performs I/O. What cannot be read raises ProtocolError, whose event is one of `faults.FAULTS`.
"""

from __future__ import annotations

import re
from collections.abc import ItemsView
from typing import NamedTuple

from applianced.alg.sip.headers import (
    ENTRY_LIMIT,
    Address,
    Parameter,
    Via,
    entries,
    find_parameter,
    read_address,
    read_via,
    trimmed,
)
from applianced.alg.sip.uris import Uri, quoted, read_uri
from applianced.errors import ProtocolError

VIA, FROM, TO, CALL_ID, CSEQ, CONTACT = b"via", b"from", b"to", b"call-id", b"cseq", b"contact"
ROUTE, RECORD_ROUTE, PATH, SERVICE_ROUTE = b"route", b"record-route", b"path", b"service-route"
REFER_TO, REFERRED_BY, REPLACES = b"refer-to", b"referred-by", b"replaces"
ASSERTED, PREFERRED, REPLY_TO = b"p-asserted-identity", b"p-preferred-identity", b"reply-to"
MAX_FORWARDS, EXPIRES, MIN_EXPIRES, WARNING = b"max-forwards", b"expires", b"min-expires", b"warning"
CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING = b"content-type", b"content-length", b"content-encoding"
REQUIRE, SUPPORTED, RSEQ, RACK, EVENT = b"require", b"supported", b"rseq", b"rack", b"event"
SESSION_EXPIRES, SUBSCRIPTION_STATE, JOIN = b"session-expires", b"subscription-state", b"join"
"""Names of headers: lower case, the long form."""


COMPACT = {
    b"a": b"accept-contact", b"b": REFERRED_BY, b"c": CONTENT_TYPE, b"d": b"request-disposition",
    b"e": CONTENT_ENCODING, b"f": FROM, b"i": CALL_ID, b"j": b"reject-contact", b"k": SUPPORTED, b"l": CONTENT_LENGTH,
    b"m": CONTACT, b"n": b"identity-info", b"o": EVENT, b"r": REFER_TO, b"s": b"subject", b"t": TO,
    b"u": b"allow-events", b"v": VIA, b"x": SESSION_EXPIRES, b"y": b"identity",
}  # fmt: skip
"""Compact forms of names (IANA, SIP header fields)."""

HEADER_LIMIT = 256
"""Headers of one message."""
NAME_LIMIT = 512
"""Octets of a Call-ID, a branch or a tag: they are remembered, by the thousand."""

_REQUIRED = frozenset((VIA, FROM, TO, CALL_ID, CSEQ))
_ONCE = (FROM, TO, CALL_ID, CSEQ, MAX_FORWARDS, CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING)
_NO_LIST = frozenset((FROM, TO, REFER_TO, REFERRED_BY, REPLY_TO))
_COMMON = (
    b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Max-Forwards", b"Content-Length", b"Content-Type",
    b"Route", b"Record-Route", b"Path", b"Service-Route", b"Expires", b"User-Agent", b"Server", b"Allow", b"Supported",
    b"Require", b"Subject", b"Accept", b"Call-Id", b"P-Asserted-Identity", b"Session-Expires", b"RSeq", b"RAck",
)  # fmt: skip
_NAMES = {**{name: name.lower() for name in _COMMON}, **COMPACT}

_TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]{1,64}"
_START = re.compile(
    rb"(?:(" + _TOKEN + rb") ([^\s]++) SIP/2\.0|SIP/2\.0 ([1-7][0-9]{2})(?: [^\n]*+)?)[ \t\r]*+\n", re.IGNORECASE
)
_FIELD = re.compile(rb"\n([^\s:]++)[ \t]*+:(?:[ \t]|\r?\n[ \t])*+([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_HEAD_END = re.compile(rb"\n\r?\n")
_CSEQ = re.compile(rb"([0-9]{1,10})\s++(" + _TOKEN + rb")\s*+\Z")
_TAG = re.compile(
    rb"(?:\"[^\"<>\\]*+\" *+|(?:[^<>;\"\s]++ ++)++)?+<sips?:[^<>\"\s]++>(?:;tag=([^;\s\"=]++))?\r?", re.IGNORECASE
)
_TAG_BEHIND = re.compile(rb";\s*+tag\s*+=\s*+([^;\s\"<>]++)", re.IGNORECASE)
_NUMBER = re.compile(rb"([0-9]{1,10})\s*+(?=[;(]|\Z)")
_FOLD = re.compile(rb"\r?\n[ \t]++")
_NAME = re.compile(rb"([^\s:]++)[ \t]*+\Z")

Place = tuple[int, int, int]
"""As Field."""


class Field(NamedTuple):
    """One header. line: where its name begins. start, end: of its value, folded lines included, without the LF of the
    line; the CR, and white space, may stand before `end`."""

    line: int
    start: int
    end: int


class Cseq(NamedTuple):
    """number: 0 to 2**31 - 1. method: as written."""

    number: int
    method: bytes


class Message:
    """A request (`status` 0) or a response.

    data: the octets it was read from. start: where its first line begins. method: of a request as written; of a
    response the one of its CSeq. target: offsets of the Request-URI, (0, 0) in a response. body, end: offsets of the
    body; what lies behind `end` belongs to no message (RFC 3261 18.3). call_id: as written. cseq: see Cseq.
    Names of headers are in lower case and of the long form.
    """

    __slots__ = ("_found", "body", "call_id", "cseq", "data", "end", "method", "start", "status", "target")

    def __init__(
        self, data: bytes, first: re.Match[bytes], found: dict[bytes, list[Place]], body: int, awaited: bool
    ) -> None:
        self.data = data
        self.start = first.start()
        self._found = found
        self.body = body
        method, status = first.group(1, 3)
        self.status = int(status or 0)
        self.target = (0, 0) if status else first.span(2)
        self.call_id = bounded(self.value(CALL_ID), "Call-ID")
        self.cseq = _cseq(self.value(CSEQ), method)
        self.method = method or self.cseq.method
        self.end = body if awaited else body + self._length(len(data) - body)

    def has(self, name: bytes) -> bool:
        """Whether there is a header of this name."""
        return name in self._found

    def headers(self) -> ItemsView[bytes, list[Place]]:
        """All headers by their name."""
        return self._found.items()

    def fields(self, name: bytes) -> list[Field]:
        """The headers of this name, in order."""
        return [Field(*place) for place in self._found.get(name, ())]

    def span(self, name: bytes) -> tuple[int, int] | None:
        """Offsets of the value of the first header of this name, as in Field; None without."""
        found = self._found.get(name)
        return found[0][1:] if found else None

    def value(self, name: bytes) -> bytes:
        """The value of the first header of this name, unfolded; b"" without."""
        found = self._found.get(name)
        if not found:
            return b""
        _, start, end = found[0]
        text = self.data[start:end].strip()
        return _FOLD.sub(b" ", text) if b"\n" in text else text

    def values(self, name: bytes) -> list[bytes]:
        """Of all headers of this name."""
        return [_unfolded(self.data[start:end].strip()) for _, start, end in self._found.get(name, ())]

    def number(self, name: bytes) -> int | None:
        """Of a header that is a number, what stands behind it left out. None without, or for another value."""
        match = _NUMBER.match(self.value(name))
        return int(match[1]) if match else None

    def uri(self) -> Uri:
        """The Request-URI. Raises ProtocolError bad-address."""
        return read_uri(self.data, *self.target)

    def top_via(self) -> Via:
        """The first entry. Raises ProtocolError bad-via, many-headers."""
        found = entries(self.data, *self._found[VIA][0][1:])
        if not found:
            raise ProtocolError("bad-via", "none")
        return read_via(self.data, *found[0])

    def vias(self) -> list[Via]:
        """All entries of all Via headers, the first one on top; one at least. Raises ProtocolError bad-via,
        many-headers."""
        places = self._found[VIA]
        _, start, end = places[0]
        if len(places) == 1 and self.data.find(b",", start, end) < 0:
            start, end = trimmed(self.data, start, end)
            return [read_via(self.data, start, end)]
        found = [read_via(self.data, *entry) for entry in self._all(VIA)]
        if not found:
            raise ProtocolError("bad-via", "none")
        return found

    def addresses(self, name: bytes) -> list[Address]:
        """All entries of all headers of this name. Raises ProtocolError bad-address, many-headers."""
        return [read_address(self.data, *entry) for entry in self._all(name)]

    def parameter(self, address: Address, name: bytes) -> Parameter | None:
        """A header parameter behind an address, as `tag`, `expires`, `reg-id`; None without."""
        return find_parameter(self.data, address.parameters, address.end, name)

    def from_tag(self) -> bytes:
        """b"" without. Raises ProtocolError bad-address, long-name."""
        return self._tag(FROM)

    def to_tag(self) -> bytes:
        """b"" without. Raises ProtocolError bad-address, long-name."""
        return self._tag(TO)

    def _all(self, name: bytes) -> list[tuple[int, int]]:
        places = self._found.get(name, ())
        if name in _NO_LIST:
            return [trimmed(self.data, start, end) for _, start, end in places]
        found = [entry for _, start, end in places for entry in entries(self.data, start, end)]
        if len(found) > ENTRY_LIMIT:
            raise ProtocolError("many-headers", f"{len(found)} entries")
        return found

    def _tag(self, name: bytes) -> bytes:
        _, start, end = self._found[name][0]
        simple = _TAG.fullmatch(self.data, start, end)
        if simple is not None:
            return bounded(simple[1] or b"", "tag")
        try:
            tag = self.parameter(self.addresses(name)[0], b"tag")
            return bounded(tag.value, "tag") if tag else b""
        except ProtocolError as error:
            behind = self.data.rfind(b">", start, end)
            if error.event != "bad-address" or behind < 0:
                raise
            # Some phones put a backslash before the quotes about a name.
            found = _TAG_BEHIND.search(self.data, behind, end)
            return bounded(found[1] if found else b"", "tag")

    def _length(self, available: int) -> int:
        """Octets of the body."""
        if CONTENT_LENGTH not in self._found:
            return available
        digits = self.value(CONTENT_LENGTH)
        if not digits.isdigit() or len(digits) > 10:
            raise ProtocolError("bad-length", quoted(digits))
        octets = int(digits)
        if octets > available:
            raise ProtocolError("bad-length", f"{quoted(digits)} octets announced, {available} there")
        return octets


def parse(data: bytes, *, awaited: bool = False) -> Message:
    """One whole message from the front of `data`, leading CRLFs left out; without Content-Length to the end of it. The
    empty line may be missing where nothing follows. awaited: its body is not there yet, and none of it is read. Raises
    ProtocolError."""
    start = 0
    while data[start : start + 1] in (b"\r", b"\n"):
        start += 1
    first = _START.match(data, start)
    if first is None:
        raise ProtocolError("bad-start-line", quoted(data[start : start + 80]))
    end = _HEAD_END.search(data, start)
    if end is not None:
        return Message(data, first, _headers(data, first.end() - 1, end.start()), end.end(), awaited)
    if not data.endswith(b"\n"):
        raise ProtocolError("bad-header", "it does not end")
    return Message(data, first, _headers(data, first.end() - 1, len(data) - 1), len(data), awaited)


def bounded(name: bytes, what: str) -> bytes:
    """A name that is to be remembered. what: it is, for the text. Raises ProtocolError long-name."""
    if len(name) > NAME_LIMIT:
        raise ProtocolError("long-name", f"{what} of {len(name)} octets")
    return name


def _headers(data: bytes, start: int, end: int) -> dict[bytes, list[Place]]:
    """The headers between the LF of the first line and that of the last one, by name."""
    head = data[start + 1 : end]
    if head[:1] in (b" ", b"\t"):
        raise ProtocolError("bad-header", "the first line goes on")
    folded = b"\n " in head or b"\n\t" in head
    found = _folded(data, start, end) if folded else _lines(head, start + 1)
    count = sum(map(len, found.values()))
    if count > HEADER_LIMIT:
        raise ProtocolError("many-headers", f"{count} headers")
    if not found.keys() >= _REQUIRED:
        raise ProtocolError("missing-header", b", ".join(sorted(_REQUIRED - found.keys())).decode("ascii"))
    if len(found) != count and any(len(found.get(name, ())) > 1 for name in _ONCE):
        raise ProtocolError("repeated-header", "one that can stand only once")
    return found


def _lines(head: bytes, at: int) -> dict[bytes, list[Place]]:
    """The headers of a head in which no line goes on. at: where it begins."""
    found: dict[bytes, list[Place]] = {}
    for line in head.split(b"\n") if head else ():
        written, colon, value = line.partition(b":")
        name = (colon and _NAMES.get(written)) or _named(written, colon)
        stop = at + len(line)
        place = at, stop - len(value.lstrip(b" \t")), stop
        if name in found:
            found[name].append(place)
        else:
            found[name] = [place]
        at = stop + 1
    return found


def _folded(data: bytes, start: int, end: int) -> dict[bytes, list[Place]]:
    """The same of any head, between two LFs."""
    found: dict[bytes, list[Place]] = {}
    lines = 0
    for match in _FIELD.finditer(data, start, end):
        lines += 1 + data.count(b"\n", match.start(1), match.end())
        found.setdefault(_named(match[1], b":"), []).append((match.start(1), *match.span(2)))
    if lines != data.count(b"\n", start, end):
        raise ProtocolError("bad-header", "a line that is no header")
    return found


def _named(written: bytes, colon: bytes) -> bytes:
    """The name of a header as `Message` has it."""
    match = _NAME.match(written)
    if match is None or not colon:
        raise ProtocolError("bad-header", "a line that is no header")
    name = match[1].lower()
    return COMPACT.get(name, name)


def _unfolded(text: bytes) -> bytes:
    return _FOLD.sub(b" ", text) if b"\n" in text else text


def _cseq(value: bytes, method: bytes | None) -> Cseq:
    match = _CSEQ.match(value)
    if match is not None:
        digits, named = match.groups()
        number = int(digits)
        if number < 1 << 31 and method in (None, named):
            return Cseq(number, named)
    raise ProtocolError("bad-cseq", quoted(value))
