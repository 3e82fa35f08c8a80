"""DNS over UDP, a message in each datagram, and over TCP, each behind its length (RFC 1035 4.2, RFC 7766 8).

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from typing import Any

from applianced.alg.actions import Actions, Note, Over, Pass, Refuse, Rewrite
from applianced.alg.dns.inspection import ORDINARY, Inspection, Outcome
from applianced.alg.dns.settings import DnsSettings
from applianced.model.sessions import ControlSession
from applianced.model.tuples import REPLY, Direction

STREAM_LIMIT = 8192
"""Octets of a message over TCP that is inspected: the most that maximum-message-length can be, which is about UDP."""
_LENGTH = 2
_OVER = Over()
_BEGINNING = 271
"""Octets that hold a header and the longest question."""


class Datagrams:
    """The DNS ALG of one session over UDP; see `DatagramAlg`. It is over when every query has its reply."""

    __slots__ = ("_inspection", "_outcome")

    def __init__(self, settings: DnsSettings, session: ControlSession) -> None:
        self._inspection = Inspection(settings, session, limit=settings.maximum_message_length, streamed=False)
        self._outcome: Outcome | None = None  # of the datagram at hand

    def plain(self, direction: Direction, data: bytes) -> bool | Over:
        """A message with nothing to do about it."""
        inspection = self._inspection
        outcome = inspection.judge(direction, data)
        if outcome is ORDINARY:
            return _OVER if direction is REPLY and inspection.answered else True
        self._outcome = outcome
        return False

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """What `plain` has found out about it."""
        outcome, self._outcome = self._outcome, None
        if outcome is None:
            outcome = self._inspection.judge(direction, data)
        yield from outcome.notes
        if outcome.refused:
            yield Refuse()
            return
        if outcome.replacement is not None:
            yield Rewrite(len(data), outcome.replacement)
        if direction is REPLY and self._inspection.answered:
            yield Over()

    def snapshot(self) -> tuple[Any, ...]:
        """Nothing: a session that began before its worker begins anew."""
        return ()

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Nothing to take up."""


class Stream:
    """The DNS ALG of one session over TCP; see `StreamAlg`."""

    __slots__ = ("_inspection", "_outcome", "_skipped")

    def __init__(self, settings: DnsSettings, session: ControlSession) -> None:
        self._inspection = Inspection(settings, session, limit=STREAM_LIMIT, streamed=True)
        self._outcome: Outcome | None = None  # of the message at the front
        self._skipped = [0, 0]  # octets to come of a message that is not inspected

    def plain(self, direction: Direction, data: bytes) -> int:
        """The whole messages at the front with nothing to do about them."""
        at = 0
        while True:
            if self._skipped[direction]:
                octets = min(self._skipped[direction], len(data) - at)
                self._skipped[direction] -= octets
                at += octets
            end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
            if len(data) < at + _LENGTH or len(data) < end or end - at - _LENGTH > STREAM_LIMIT:
                return at
            outcome = self._inspection.judge(direction, data[at + _LENGTH : end])
            if outcome is not ORDINARY:
                self._outcome = outcome
                return at
            at = end

    def octets(self, direction: Direction, data: bytes) -> Actions:
        """Whole messages, from what `plain` has found out about the first one on."""
        while len(data) >= _LENGTH:
            length = int.from_bytes(data[:_LENGTH], "big")
            octets = min(_LENGTH + length, len(data))
            outcome, self._outcome = self._outcome, None
            if outcome is None and length > STREAM_LIMIT:
                if octets < _LENGTH + _BEGINNING:
                    return
                outcome = self._inspection.oversize(direction, data[_LENGTH:octets])
                self._skipped[direction] = _LENGTH + length - octets
            elif octets < _LENGTH + length:
                return
            if outcome is None:
                outcome = self._inspection.judge(direction, data[_LENGTH:octets])
            yield from outcome.notes
            if outcome.refused:
                yield Refuse()
                return
            if outcome.replacement is None:
                yield Pass(octets)
            else:
                yield Pass(_LENGTH)
                yield Rewrite(length, outcome.replacement)
            passed = octets + self.plain(direction, data[octets:])
            if passed > octets:
                yield Pass(passed - octets)
            data = data[passed:]

    def end(self, direction: Direction, data: bytes) -> Actions:
        """What is left is part of a message: it is released unread."""
        if data:
            yield Note("truncated", f"{len(data)} octets")

    def urge(self, direction: Direction, data: bytes) -> int:
        """Nothing of a message leaves before its end is known."""
        return 0

    def snapshot(self) -> tuple[Any, ...]:
        """As for datagrams."""
        return ()

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Nothing to take up."""
