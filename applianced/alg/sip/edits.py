"""A message written anew: replacements at once, every Content-Length set right.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import NamedTuple

from applianced.alg.sip.bodies import Length, bodies
from applianced.alg.sip.headers import trimmed
from applianced.alg.sip.messages import COMPACT, Message

_HEAD_END = re.compile(rb"\n\r?\n")
_NAME = re.compile(rb"\n([^\s:]++)[ \t]*+:([ \t]*+)")
_FOLD = re.compile(rb"(?:(?<![ \t])[ \t]++)?\r?\n[ \t]++")
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_ALL = 1 << 20
_SHORT = {name: short for short, name in COMPACT.items()}
_FILLED = re.compile(rb"\n(?:Content-Length|l)[ \t]*+:", re.IGNORECASE)
"""White space before this number is usual: some fill it in when the body is written."""


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
        chosen.sort(key=itemgetter(0))
    data, at = message.data, 0
    pieces: list[bytes] = []
    for start, end, text in chosen:
        pieces += data[at:start], text
        at = end
    pieces.append(data[at : message.end])
    return b"".join(pieces)


def of_length(text: bytes, octets: int) -> bytes | None:
    """A whole message (as `rewritten` gives it) of exactly so many octets, with the same meaning: white space is added
    before the number of Content-Length; or names of headers take their compact form and needless white space goes, no
    more of them than must. None when it cannot be made so short."""
    if len(text) > octets:
        text = _compact(text, len(text) - octets)
    if len(text) > octets:
        text = _close(text, len(text) - octets)
    if len(text) > octets:
        text = _unfolded(text)
    if len(text) == octets:
        return text
    place = _FILLED.search(text, 0, _head_end(text)) or _NAME.search(text)
    if place is None or len(text) > octets:
        return None
    return text[: place.end()] + b" " * (octets - len(text)) + text[place.end() :]


def shortest(text: bytes) -> bytes:
    """The same message with compact names and without needless white space, for what must fit into a datagram."""
    return _unfolded(_close(_compact(text)))


def _apart(edits: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """In the order of their places, and none inside another one."""
    listed = list(edits)
    ordered = sorted(listed)
    before = reached = -1
    for start, end, _ in ordered:
        if start == before or start < reached:
            break
        before, reached = start, end
    else:
        return ordered
    return _chosen(listed)


def _chosen(edits: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """The same where some meet."""
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
    found = bodies(message)
    lengths = found[0].lengths if len(found) == 1 else {length for body in found for length in body.lengths}
    changed: list[tuple[int, int, bytes]] = []
    for length_start, length_end, body, body_end in sorted(lengths, key=_body, reverse=True):
        octets = body_end - body
        for each in (edits, changed):
            for start, end, text in each:
                if body <= start and end <= body_end:
                    octets += len(text) - (end - start)
        start, end = trimmed(message.data, length_start, length_end)
        changed.append((start, end, b"%d" % octets))
    return changed


def _body(length: Length) -> int:
    return length.body


def _head_end(text: bytes) -> int:
    end = _HEAD_END.search(text)
    return end.start() if end else 0


def _compact(text: bytes, octets: int = _ALL) -> bytes:
    """Compact names, of as many headers as it takes to save so many octets."""
    return _shorter(text, octets, lambda name: b"\n" + _SHORT.get(name[1].lower(), name[1]) + b":" + name[2])


def _close(text: bytes, octets: int = _ALL) -> bytes:
    """No white space behind the colon, likewise."""
    return _shorter(text, octets, lambda name: b"\n" + name[1] + b":")


def _shorter(text: bytes, octets: int, shorter: Callable[[re.Match[bytes]], bytes]) -> bytes:
    """Each header's name and what follows it as `shorter` has it, until so many octets are saved."""

    def one(name: re.Match[bytes]) -> bytes:
        nonlocal octets
        if octets <= 0:
            return name[0]
        written = shorter(name)
        octets -= len(name[0]) - len(written)
        return written

    end = _head_end(text)
    return _NAME.sub(one, text[:end]) + text[end:]


def _unfolded(text: bytes) -> bytes:
    end = _head_end(text)
    return _TRAILING.sub(b"", _FOLD.sub(b" ", text[:end])) + text[end:]
