"""A message written anew: replacements at once, every Content-Length set right.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from applianced.alg.sip.bodies import Length, bodies
from applianced.alg.sip.messages import COMPACT, Message

_HEAD_END = re.compile(rb"\n\r?\n")
_NAME = re.compile(rb"\n([^\s:]++)[ \t]*+:([ \t]*+)")
_FOLD = re.compile(rb"(?:(?<![ \t])[ \t]++)?\r?\n[ \t]++")
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_SHORT = {name: short for short, name in COMPACT.items()}
_FILLED = re.compile(
    rb"\n(?:User-Agent|Server|Allow|Supported|k|Accept|Organization|Subject|Max-Forwards)[ \t]*+:", re.IGNORECASE
)


class Edit(NamedTuple):
    """`text` stands in place of the octets from start to end of the message; start == end inserts."""

    start: int
    end: int
    text: bytes


def rewritten(message: Message, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The message with all edits, from the first octet of its data to `message.end`; what lay behind is left out. Those
    that insert at one place stand in their order. An edit inside the octets of another one is left out: the one around
    it holds. Raises ProtocolError bad-multipart, when the body is edited and its parts cannot be told."""
    chosen = _apart(edits)
    if chosen and chosen[-1][1] > message.body:
        chosen += _lengths(message, chosen)
        chosen.sort(key=_place)
    data, at = message.data, 0
    pieces: list[bytes] = []
    for start, end, text in chosen:
        pieces += data[at:start], text
        at = end
    pieces.append(data[at : message.end])
    return b"".join(pieces)


def of_length(text: bytes, octets: int) -> bytes | None:
    """A whole message (as `rewritten` gives it) of exactly so many octets, with the same meaning: white space is added
    behind a header's colon; or names of headers take their compact form and needless white space goes, as far as it
    must. None when it cannot be made so short."""
    if len(text) == octets:
        return text
    for shorter in (_compact, _close, _unfolded):
        if len(text) <= octets:
            break
        text = shorter(text)
    if len(text) > octets:
        return None
    place = _FILLED.search(text, 0, _head_end(text)) or _NAME.search(text)
    if place is None:
        return None
    return text[: place.end()] + b" " * (octets - len(text)) + text[place.end() :]


def shortest(text: bytes) -> bytes:
    """The same message with compact names and without needless white space, for what must fit into a datagram."""
    return _unfolded(_close(_compact(text)))


def _apart(edits: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """In the order of their places, and none inside another one."""
    chosen: list[tuple[int, int, bytes]] = []
    reached = 0
    for edit in sorted(edits, key=_place):
        if edit[0] >= reached:
            chosen.append(edit)
            reached = edit[1]
    return chosen


def _place(edit: tuple[int, int, bytes]) -> tuple[int, bool, int]:
    """Of two at one place, the one that inserts comes first, and of others the longer one."""
    start, end, _ = edit
    return start, end > start, -end


def _lengths(message: Message, edits: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """What every Content-Length becomes, those inside counted by those around them."""
    lengths = {length for body in bodies(message) for length in body.lengths}
    changed: list[tuple[int, int, bytes]] = []
    for length_start, length_end, body, body_end in sorted(lengths, key=_body, reverse=True):
        octets = body_end - body
        for start, end, text in (*edits, *changed):
            if body <= start and end <= body_end:
                octets += len(text) - (end - start)
        digits = message.data[length_start:length_end]
        kept = len(digits) - len(digits.lstrip())
        changed.append((length_start + kept, length_start + len(digits.rstrip()), b"%d" % octets))
    return changed


def _body(length: Length) -> int:
    return length.body


def _head_end(text: bytes) -> int:
    end = _HEAD_END.search(text)
    return end.start() if end else 0


def _compact(text: bytes) -> bytes:
    end = _head_end(text)
    return (
        _NAME.sub(lambda name: b"\n" + _SHORT.get(name[1].lower(), name[1]) + b":" + name[2], text[:end]) + text[end:]
    )


def _close(text: bytes) -> bytes:
    end = _head_end(text)
    return _NAME.sub(rb"\n\1:", text[:end]) + text[end:]


def _unfolded(text: bytes) -> bytes:
    end = _head_end(text)
    return _TRAILING.sub(b"", _FOLD.sub(b" ", text[:end])) + text[end:]
