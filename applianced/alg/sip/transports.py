"""The two forms of the ALG: a message in each datagram (RFC 3261 18.3), or messages in a stream, by Content-Length."""

from __future__ import annotations

from typing import Any

from applianced.alg.actions import Actions, Drop, Note, Pass, Refuse, Rewrite
from applianced.alg.sip.bodies import describes
from applianced.alg.sip.books import Books
from applianced.alg.sip.dialogue import Dialogue
from applianced.alg.sip.edits import of_length
from applianced.alg.sip.framing import Framer, Kind, datagram
from applianced.alg.sip.settings import SipSettings
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import Direction

_KEEP_ALIVES = frozenset((b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b""))


class Datagrams(Dialogue):
    """The SIP ALG over UDP; see `DatagramAlg`."""

    __slots__ = ()

    def plain(self, direction: Direction, data: bytes) -> bool:
        """Keep-alives (RFC 5626 3.5)."""
        return len(data) < 5 and data in _KEEP_ALIVES

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """One message, or what is none."""
        try:
            kind = datagram(data)
        except ProtocolError as error:
            left = yield from self.unread(data, error)
        else:
            if kind is Kind.TLS and not self.context.parties.settled:
                yield Note("tls")
                yield from self.hand_over()
                return
            if kind is Kind.TLS:
                # A session that has begun in the clear goes on so: anybody can write a sender's address.
                left = yield from self.unread(data, ProtocolError("not-sip", "a hello of TLS, too late"))
            else:
                left = (yield from self.judged(direction, data)) if kind is Kind.MESSAGE else data
        if left is None:
            yield Refuse()
        elif left is not data:
            yield Rewrite(len(data), left)


class Stream(Dialogue):
    """The SIP ALG over TCP; see `StreamAlg`.

    A body in which nothing is to be read leaves as it comes, behind its header: it may be longer than what a sender
    sends before it wants an acknowledgement.
    """

    __slots__ = ("_dropping", "_flowing", "_framers")

    def __init__(self, settings: SipSettings, session: ControlSession, books: Books) -> None:
        super().__init__(settings, session, books)
        self._framers = (Framer(), Framer())
        self._flowing = [0, 0]
        """By direction, octets of a body that are still to leave."""
        self._dropping = [False, False]
        """By direction, whether the message at the front is refused, and only waited for."""

    def plain(self, direction: Direction, data: bytes) -> int:
        """Nothing: what keeps alive is rare."""
        return 0

    def octets(self, direction: Direction, data: bytes) -> Actions:
        """Every message that is whole, or whose header is, when its body is of no matter."""
        framer, at = self._framers[direction], 0
        while at < len(data):
            if self._flowing[direction]:
                octets = min(self._flowing[direction], len(data) - at)
                self._flowing[direction] -= octets
                at += octets
                yield Pass(octets)
                continue
            rest = data[at:] if at else data
            try:
                kind, octets = framer.frame(rest)
            except ProtocolError as error:
                yield from self._lost(rest, error)
                return
            if kind is Kind.TLS:
                yield Note("tls")
                yield from self.hand_over()
                return
            ahead = framer.head and framer.body and not self._dropping[direction] and not describes(rest[: framer.head])
            if ahead:
                octets = framer.head
                yield from self._ahead(direction, rest[:octets], framer.body)
                if self._dropping[direction]:
                    continue
            elif kind is Kind.PART:
                return
            elif self._dropping[direction]:
                self._dropping[direction] = False
                yield Drop(octets)
            elif kind is Kind.KEEP_ALIVE:
                yield Pass(octets)
            else:
                yield from self._message(direction, rest[:octets])
            framer.taken()
            at += octets

    def end(self, direction: Direction, data: bytes) -> Actions:
        """What is no whole message is never one."""
        yield Note("truncated")

    def urge(self, direction: Direction, data: bytes) -> int:
        """A message leaves whole or not at all."""
        return 0

    def _ahead(self, direction: Direction, data: bytes, body: int) -> Actions:
        """A header whose body, of so many octets, leaves as it is."""
        left = yield from self.judged(direction, data, awaited=True)
        if left is None and any(self.context.parties.translated):
            self._dropping[direction] = True
            return
        yield from self._leave(data, left)
        self._flowing[direction] = body

    def _message(self, direction: Direction, data: bytes) -> Actions:
        left = yield from self.judged(direction, data)
        if left is None and any(self.context.parties.translated):
            yield Drop(len(data))
        else:
            yield from self._leave(data, left)

    @staticmethod
    def _leave(data: bytes, left: bytes | None) -> Actions:
        """What is left of a message; without translation a session ends with one that is refused."""
        if left is None:
            yield Refuse()
        elif left is data:
            yield Pass(len(data))
        else:
            # A change that keeps the length need not wait for the acknowledgement of the one before.
            yield Rewrite(len(data), of_length(left, len(data)) or left)

    def _lost(self, data: bytes, error: ProtocolError) -> Actions:
        """Nobody knows where the next message begins."""
        # How much of it there is to be shown is a matter of segments.
        left = yield from self.unread(data, ProtocolError(error.event))
        if left is None:
            yield Refuse()
        else:
            yield from self.hand_over()

    def snapshot(self) -> tuple[Any, ...]:
        """As Dialogue's, and where a message is; a framer finds again what it has found."""
        return super().snapshot(), tuple(self._flowing), tuple(self._dropping)

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """As Dialogue's."""
        dialogue, flowing, dropping = snapshot
        super().restore(dialogue)
        self._flowing, self._dropping = list(flowing), list(dropping)
