"""What a stream asks of those around it: the packet at hand, and the session that judges its octets."""

from __future__ import annotations

from typing import Protocol

from applianced.model.tuples import Direction
from applianced.packet.segment import Segment

Verdicts = list[tuple[int, bytes | None]]
"""(octets, replacement or None when they leave unchanged), from the front."""


class Carrier(Protocol):
    """A queued packet that awaits its verdict."""

    segment: Segment

    def accept(self, packet: bytes | None) -> None:
        """Let it go, as it is (None) or with this content."""
        ...

    def drop(self) -> None:
        """Take it off the wire."""
        ...


class StreamError(Exception):
    """The stream cannot go on; the session must be reset. event: the counter that says why."""

    def __init__(self, event: str) -> None:
        super().__init__(event)
        self.event = event


class Judge(Protocol):
    """What a stream asks of its session."""

    def judge(self, direction: Direction, data: bytes, final: bool) -> Verdicts:
        """(octets, replacement or None) from the front of data; what is left is offered again."""
        ...

    def urge(self, direction: Direction, data: bytes) -> int:
        """How many octets from the front of data, which was left, may leave although their message is incomplete."""
        ...

    def acknowledge(self, direction: Direction, acknowledgement: int) -> bool:
        """Tell the speaker of this direction that its octets before this were received; False when that cannot be."""
        ...

    def announce(self, direction: Direction, position: int, before: int, after: int) -> None:
        """Tell conntrack of a length change at this sequence number, from and to these sums."""
        ...

    def count(self, event: str) -> None:
        """Count one of the engine's events."""
        ...


class Nobody:
    """The judge of a stream whose session is forgotten."""

    def judge(self, direction: Direction, data: bytes, final: bool) -> Verdicts:
        raise AssertionError("a forgotten session")

    def urge(self, direction: Direction, data: bytes) -> int:
        raise AssertionError("a forgotten session")

    def acknowledge(self, direction: Direction, acknowledgement: int) -> bool:
        raise AssertionError("a forgotten session")

    def announce(self, direction: Direction, position: int, before: int, after: int) -> None:
        raise AssertionError("a forgotten session")

    def count(self, event: str) -> None:
        raise AssertionError("a forgotten session")


NOBODY = Nobody()
