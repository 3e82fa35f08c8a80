"""What becomes of each message of one session, over either transport: checked, matched, translated.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from typing import NamedTuple

from applianced.alg.actions import Note
from applianced.alg.dns.messages import AUTHENTIC, AXFR, IXFR, Message, question_of, read
from applianced.alg.dns.settings import UNANSWERED_LIMIT, DnsSettings
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction

_TRANSFERS = (AXFR, IXFR)
_IDENTIFICATION = 2


class Outcome(NamedTuple):
    """What is to be done about a message, beside letting it go. replacement: of equal length."""

    notes: tuple[Note, ...] = ()
    replacement: bytes | None = None
    refused: bool = False


ORDINARY = Outcome()


class Inspection:
    """One session's messages. limit: octets of a message that is inspected."""

    __slots__ = ("_limit", "_settings", "_streamed", "_translator", "_unanswered")

    def __init__(self, settings: DnsSettings, session: ControlSession, *, limit: int, streamed: bool) -> None:
        self._settings = settings
        self._limit = limit
        self._streamed = streamed
        self._translator = settings.tables.of(session.zone_from, session.zone_to)
        self._unanswered: dict[bytes, int] = {}
        """Question -> its type, oldest first."""

    @property
    def answered(self) -> bool:
        """No query waits for its reply."""
        return not self._unanswered

    def judge(self, direction: Direction, data: bytes) -> Outcome:
        """One whole message."""
        if self._settings.doctoring_none:
            return self._unread(direction, data)
        if len(data) > self._limit:
            return self.oversize(direction, data)
        try:
            message = read(data)
        except ProtocolError as error:
            return _refused(error.event, str(error))
        if message.response is not (direction is REPLY):
            return _refused("wrong-way")
        if direction is ORIGINAL:
            return self._asked(message.question, message.kind)
        if not self._answers(message):
            return _refused("unmatched", f"id {int.from_bytes(data[:2], 'big')}, type {message.kind}")
        if self._translator is not None and message.addresses:
            return self._translated(data, message)
        return ORDINARY

    def oversize(self, direction: Direction, data: bytes) -> Outcome:
        """A message, or its beginning, that is over the limit."""
        if self._settings.oversize_message_drop:
            return _refused("oversize-dropped")
        if direction is REPLY and not self._streamed and question_of(data) not in self._unanswered:
            return _refused("unmatched", f"{len(data)} octets")
        outcome = self._unread(direction, data)
        return outcome._replace(notes=(*outcome.notes, Note("oversize")))

    def _unread(self, direction: Direction, data: bytes) -> Outcome:
        """A message that is not looked at beyond its question."""
        question = question_of(data)
        if direction is ORIGINAL:
            return self._asked(question, 0)
        if not (self._streamed and self._unanswered.get(question) in _TRANSFERS):
            self._unanswered.pop(question, None)
        return ORDINARY

    def _asked(self, question: bytes, kind: int) -> Outcome:
        unanswered = self._unanswered
        unanswered[question] = kind
        if len(unanswered) <= UNANSWERED_LIMIT:
            return ORDINARY
        del unanswered[next(iter(unanswered))]
        return Outcome((Note("forgotten"),))

    def _answers(self, message: Message) -> bool:
        """Whether a reply answers a query; it does so once, unless it is a part of a transfer (RFC 5936 2.2)."""
        unanswered, question = self._unanswered, message.question
        if question not in unanswered:
            if len(question) != _IDENTIFICATION:
                return False
            question = self._by_identification(message)
            if not question:
                return False
        if not (self._streamed and unanswered[question] in _TRANSFERS and not message.code):
            del unanswered[question]
        return True

    def _by_identification(self, message: Message) -> bytes:
        """The query of a reply that does not repeat its question: an error, or a further part of a transfer."""
        for question, kind in self._unanswered.items():
            if question[:_IDENTIFICATION] == message.question and (message.code or kind in _TRANSFERS):
                return question
        return b""

    def _translated(self, data: bytes, message: Message) -> Outcome:
        """The reply with its addresses as static NAT has them."""
        assert self._translator is not None
        changed = bytearray(data)
        kinds: set[int] = set()
        for start, kind in message.addresses:
            end = start + (4 if kind == 1 else 16)
            address = self._translator(data[start:end])
            if address is not None:
                changed[start:end] = address
                kinds.add(kind)
        if not kinds:
            return ORDINARY
        if message.signed & {0, *kinds}:
            if self._settings.doctoring_drop_signed:
                return _refused("signed-dropped")
            return Outcome((Note("signed-left"),))
        # What was changed here is no longer what somebody has validated (RFC 4035 3.2.3).
        changed[3] &= ~AUTHENTIC & 0xFF
        return Outcome((Note("doctored"),), bytes(changed))


def _refused(event: str, detail: str = "") -> Outcome:
    return Outcome((Note(event, detail), Note("refused")), refused=True)
