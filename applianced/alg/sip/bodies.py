"""What a message carries: the session descriptions in its body, alone or as parts (RFC 2046 5.1, RFC 5621).

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from applianced.alg.sip.headers import find_parameter
from applianced.alg.sip.messages import CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, Message
from applianced.alg.sip.uris import quoted
from applianced.errors import ProtocolError

PART_LIMIT = 16
"""Parts of one multipart."""
DEPTH_LIMIT = 3
"""Multiparts in one another."""

SDP = b"application/sdp"
_MULTIPART = b"multipart/"
_BOUNDARY_MAX = 70
_TYPE = re.compile(rb"\s*+([^\s;/,]++)\s*+/\s*+([^\s;,]++)\s*+")
_TYPE_LINE = re.compile(rb"\n(?:Content-Type|c)[ \t]*+:", re.IGNORECASE)
_HEAD_END = re.compile(rb"(?:\A|\n)\r?\n")
_FIELD = re.compile(rb"(?:\A|\n)([^\s:]++)[ \t]*+:((?:[^\n]++|\n[ \t])*+)")
_NAMES = {b"l": CONTENT_LENGTH, b"c": CONTENT_TYPE, b"e": CONTENT_ENCODING}
_HEADERS = (CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING)
_SIMPLE = {SDP: SDP, b"application/SDP": SDP}
_TRANSFER_ENCODING = b"content-transfer-encoding"
_PLAIN = (b"", b"identity", b"binary", b"8bit", b"7bit")


class Length(NamedTuple):
    """A Content-Length and what it counts: offsets of its digits, and of the octets."""

    start: int
    end: int
    body: int
    body_end: int


class Body(NamedTuple):
    """A body that is no multipart. kind: its type in lower case, without parameters. start, end: of its octets.
    lengths: of all that contain it, the message's own first. encoded: its octets are not what it says."""

    kind: bytes
    start: int
    end: int
    lengths: tuple[Length, ...]
    encoded: bool


class _Entity(NamedTuple):
    """A body with its headers: name -> offsets of the value."""

    headers: dict[bytes, tuple[int, int]]
    start: int
    end: int


def bodies(message: Message) -> list[Body]:
    """All bodies, the parts of multiparts for themselves; none when there is no octet. Raises ProtocolError
    bad-multipart."""
    body, end = message.body, message.end
    if body == end:
        return []
    kind = _SIMPLE.get(message.value(CONTENT_TYPE))
    if kind is not None and not message.has(CONTENT_ENCODING):
        digits = message.span(CONTENT_LENGTH)
        return [Body(kind, body, end, (Length(digits[0], digits[1], body, end),) if digits else (), False)]
    headers = {name: span for name in _HEADERS if (span := message.span(name))}
    return list(_flat(message.data, _Entity(headers, body, end), (), 0))


def descriptions(message: Message) -> list[Body]:
    """Those that are application/sdp. Raises ProtocolError bad-multipart, encoded-body."""
    found = [body for body in bodies(message) if body.kind == SDP]
    if any(body.encoded for body in found):
        raise ProtocolError("encoded-body")
    return found


def describes(head: bytes) -> bool:
    """Whether the body that follows a header may have session descriptions in it: by its first Content-Type."""
    named = _TYPE_LINE.search(head)
    if named is None:
        return False
    kind = _TYPE.match(head, named.end())
    return kind is None or kind[1].lower() == b"multipart" or b"/".join(kind.group(1, 2)).lower() == SDP


def _flat(data: bytes, entity: _Entity, around: tuple[Length, ...], depth: int) -> Iterator[Body]:
    headers, start, end = entity
    digits = headers.get(CONTENT_LENGTH)
    lengths = (*around, Length(*digits, start, end)) if digits else around
    named = _TYPE.match(data, *headers.get(CONTENT_TYPE, (0, 0)))
    kind = b"/".join(named.group(1, 2)).lower() if named else b""
    if named is None or not kind.startswith(_MULTIPART):
        encodings = (data[slice(*headers.get(name, (0, 0)))].strip() for name in (CONTENT_ENCODING, _TRANSFER_ENCODING))
        yield Body(kind, start, end, lengths, any(encoding.lower() not in _PLAIN for encoding in encodings))
        return
    if depth == DEPTH_LIMIT:
        raise ProtocolError("bad-multipart", f"more than {DEPTH_LIMIT} in one another")
    boundary = find_parameter(data, named.end(), headers[CONTENT_TYPE][1], b"boundary")
    if boundary is None or not 0 < len(boundary.value) <= _BOUNDARY_MAX:
        raise ProtocolError("bad-multipart", "no boundary, or a long one")
    for part in _parts(data, start, end, boundary.value):
        yield from _flat(data, part, lengths, depth + 1)


def _parts(data: bytes, start: int, end: int, boundary: bytes) -> Iterator[_Entity]:
    delimiter = re.compile(rb"(?:\r?\n|\A)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    begun, count = 0, 0
    for found in delimiter.finditer(data[start:end]):
        if begun:
            if count == PART_LIMIT:
                raise ProtocolError("bad-multipart", f"more than {PART_LIMIT} parts")
            yield _part(data, begun, start + found.start())
            count += 1
        if found[1] and count:
            return
        begun = data.find(b"\n", start + found.end()) + 1
    raise ProtocolError("bad-multipart", "it does not end: " + quoted(boundary))


def _part(data: bytes, start: int, end: int) -> _Entity:
    """A part of a multipart: its headers, an empty line, its body."""
    head = _HEAD_END.search(data[start:end])
    if head is None:
        raise ProtocolError("bad-multipart", "a part without a body")
    headers: dict[bytes, tuple[int, int]] = {}
    for field in _FIELD.finditer(data[start:end], 0, head.start() + 1):
        name = field[1].lower()
        value = field.start(2) + start, field.end(2) + start
        headers.setdefault(_NAMES.get(name, name), value)
    return _Entity(headers, start + head.end(), end)
