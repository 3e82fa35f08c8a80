"""One TFTP control session: the datagrams between a client's endpoint and the port that a server is asked on.

    client:p ── RRQ or WRQ ──► server:69        a gate opens: server, any port ──► client:p
    client:p ◄── DATA, ACK or OACK ── server:t  through the gate; the rest of the transfer follows it, unread

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from applianced.alg.actions import Actions, AwaitAnswer, CloseGate, Note, Refuse
from applianced.alg.tftp.requests import READ, WRITE, parse
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, Direction

_DATA, _ACK, _ERROR, _OACK = b"\0\3", b"\0\4", b"\0\5", b"\0\6"
_TRANSFER = (_DATA, _ACK)
_ANSWERS = (_DATA, _ACK, _OACK, _ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class TftpSettings:
    """`security alg tftp` has no leaves of its own."""


class Transfers:
    """The TFTP ALG of one control session; see `DatagramAlg`."""

    __slots__ = ("_answered", "_gate", "_request")

    def __init__(self, settings: TftpSettings, session: ControlSession) -> None:
        self._request = b""  # the last one that was let through
        self._gate = 0  # what it opened
        self._answered = False  # from the port that it went to

    def plain(self, direction: Direction, data: bytes) -> bool:
        """A transfer on one port goes on."""
        return self._answered and data[:2] in _TRANSFER

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        """A request, or whatever else comes to its port, or from it."""
        if direction is not ORIGINAL:
            return self._answer(data)
        return self._asked(data) if data[:2] in (READ, WRITE) else self._other(data)

    def snapshot(self) -> tuple[Any, ...]:
        """Numbers and octets, under 600 of them."""
        return self._request, self._gate, self._answered

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        self._request, self._gate, self._answered = snapshot

    # The client

    def _asked(self, data: bytes) -> Actions:
        try:
            request = parse(data)
        except ProtocolError as error:
            yield from self._refuse(error.event, str(error))
            return
        reason = str(request)
        gate = yield AwaitAnswer(reason)
        if not isinstance(gate, int):
            yield from self._refuse("refused-gate", reason)
            return
        if self._gate == gate:
            yield Note("again" if data == self._request else "superseded", reason)
        self._gate = gate
        if data != self._request:
            self._request, self._answered = data, False
            if request.options:
                yield Note("options", reason)
            yield Note("write" if request.write else "read", reason)

    def _other(self, data: bytes) -> Actions:
        """Neither RRQ nor WRQ: the end of a transfer on one port, or nothing that belongs here."""
        if self._answered and data[:2] == _ERROR:
            yield Note("error", _message(data))
            return
        yield Note("no-request", data[:2].hex())
        yield Refuse()

    def _refuse(self, event: str, detail: str) -> Actions:
        yield Note(event, detail)
        yield Note("refused-request", detail)
        yield Refuse()

    # The server, from the port that it was asked on

    def _answer(self, data: bytes) -> Actions:
        kind = data[:2]
        if not self._request or kind not in _ANSWERS:
            yield Note("bad-answer" if self._request else "unasked", kind.hex())
            yield Refuse()
            return
        if self._gate:
            yield CloseGate(self._gate)
            self._gate = 0
        if kind == _ERROR:
            yield Note("error", _message(data))
        elif not self._answered:
            self._answered = True
            yield Note("same-port")


def _message(data: bytes) -> str:
    """The code of an ERROR."""
    return f"code {int.from_bytes(data[2:4])}"
