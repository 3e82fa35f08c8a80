"""A message written anew: replacements at once, every Content-Length set right.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from applianced.alg.sip.messages import Message


class Edit(NamedTuple):
    """`text` stands in place of the octets from start to end of the message; start == end inserts."""

    start: int
    end: int
    text: bytes


def rewritten(message: Message, edits: Iterable[Edit]) -> bytes:
    """The message with all edits, from the first octet of its data to `message.end`; what lay behind is left out. An
    edit inside the octets of another one is left out: the one around it holds."""
    raise NotImplementedError


def of_length(text: bytes, octets: int) -> bytes | None:
    """A whole message (as `rewritten` gives it) of exactly so many octets, with the same meaning: white space is added
    behind a header's colon; or taken away, and names of headers take their compact form, in any order that suffices.
    None when it cannot be made so short."""
    raise NotImplementedError


def shortest(text: bytes) -> bytes:
    """The same message with compact names and without needless white space, for what must fit into a datagram."""
    raise NotImplementedError
