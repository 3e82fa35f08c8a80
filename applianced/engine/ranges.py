"""Ranges of a stream's octets: judged, changed, held. Positions are TCP sequence numbers of the sender."""

from __future__ import annotations

from typing import NamedTuple

from applianced.engine.judge import Carrier


class Range(NamedTuple):
    """Judged octets: [start, end) of the sender's numbering; octets None when they leave unchanged."""

    start: int
    end: int
    octets: bytes | None


class Changed(NamedTuple):
    """A range that a repeat must be answered with as a whole, and what left in its place.

    confirmed: the acknowledgement, in the receiver's numbering, that covers it.
    """

    start: int
    end: int
    octets: bytes
    confirmed: int


StreamSnapshot = tuple[
    int, int, int, bytes,
    tuple[tuple[int, int, bytes | None], ...], tuple[tuple[int, int, bytes, int], ...],
    int, int, int, int,
]  # fmt: skip
"""next, judged, promised, buffer, pending, changed, offset, position, before, unacked: for the checkpoint."""


class Held(NamedTuple):
    """A carrier and the range of it that is still of use."""

    carrier: Carrier
    start: int
    end: int
