"""One PPTP control connection, read message by message (RFC 2637 2 and 3).

    client                                        server
    Start-Control-Connection-Request   ─────────►
                                       ◄───────── ...-Reply
    Outgoing-Call-Request: call c      ─────────►             gate: server's packets with c', as c, to the client
                                       ◄───────── ...-Reply: call s, peer's call c
                                                              gate: client's packets with s', as s, to the server

Incoming calls are the same with Incoming-Call-Request and -Reply, and either party may ask. The ID that NAT puts in
place of one (c', s') goes into every message that names it, the other way too. Which of the parties is the PAC and
which the PNS makes no difference here.

Rule: nothing here performs I/O, and no input raises.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from applianced.alg.actions import Action, Actions, Bind, CloseGate, Note, OpenGate, Pass, Refuse, Reply, Rewrite
from applianced.alg.pptp.calls import NO_GATE, UNNAMED, Call, Calls, Phase
from applianced.alg.pptp.messages import CONNECTED, Kind, Message, first_of
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import GRE, ORIGINAL, REPLY, Direction, Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class PptpSettings:
    """`security alg pptp` has no leaves of its own."""


class ControlConnection:
    """The PPTP ALG of one control connection; see `StreamAlg`."""

    __slots__ = ("_asked", "_calls", "_kept", "_session", "_started")

    def __init__(self, settings: PptpSettings, session: ControlSession) -> None:
        self._session = session
        self._calls = Calls()
        self._asked = 0  # bit per direction whose Start-Control-Connection-Request has no reply yet
        self._started = False
        self._kept: tuple[Any, ...] | None = None  # what `snapshot` says of all this, while it holds

    def plain(self, direction: Direction, data: bytes) -> int:
        """Every message is counted."""
        return 0

    def octets(self, direction: Direction, data: bytes) -> Actions:
        """Judge the whole messages of `data`; an incomplete one is wanted again."""
        self._kept = None
        try:
            while data and (message := first_of(data)) is not None:
                yield from self._message(direction, message)
                data = data[len(message.octets) :]
        except ProtocolError as error:
            yield Note(error.event, str(error))
            yield Refuse()

    def end(self, direction: Direction, data: bytes) -> Actions:
        """What is left is part of a message: it announces nothing."""
        yield Note("cut-message", f"{len(data)} octets")

    def urge(self, direction: Direction, data: bytes) -> int:
        """No part of a message leaves before its call IDs are known."""
        return 0

    def snapshot(self) -> tuple[Any, ...]:
        """Flags, and 33 octets for each call."""
        if self._kept is None:
            self._kept = self._asked, self._started, self._calls.saved
        return self._kept

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Take up what `snapshot` gave."""
        self._asked, self._started, calls = snapshot
        self._calls.restore(calls)
        self._kept = None

    def _message(self, direction: Direction, message: Message) -> Actions:
        """One message. Raises ProtocolError when it ends the connection."""
        kind = message.kind
        if kind >= Kind.OUTGOING_CALL_REQUEST and not self._started:
            raise ProtocolError("not-started", kind.event)
        yield Note(kind.event)
        step = _STEPS.get(kind)
        if step is None:
            yield Pass(len(message.octets))
        else:
            yield from step(self, direction, message)

    # The connection

    def _start_request(self, direction: Direction, message: Message) -> Actions:
        self._asked |= 1 << direction
        yield Pass(len(message.octets))

    def _start_reply(self, direction: Direction, message: Message) -> Actions:
        bit = 1 << direction.opposite
        if not self._asked & bit:
            raise ProtocolError("unasked-reply", message.kind.event)
        self._asked &= ~bit
        if message.result == CONNECTED:
            self._started = True
        else:
            yield Note("start-declined", f"result {message.result}")
        yield Pass(len(message.octets))

    def _stop(self, direction: Direction, message: Message) -> Actions:
        """Its sender is done with every call (2.3)."""
        for call in tuple(self._calls.all):
            yield from self._close(call)
            self._calls.forget(call)
        yield Pass(len(message.octets))

    # Calls

    def _call_request(self, direction: Direction, message: Message) -> Actions:
        own = message.first
        before = self._calls.of_speaker(direction, own)
        if before is not None:
            self._must_be_over(before, own)
        call = Call(direction, incoming=message.kind is Kind.INCOMING_CALL_REQUEST)
        if not self._calls.add(call):
            raise ProtocolError("too-many-calls", f"call {own}")
        opened = yield from self._open(call, direction, own, message.kind)
        if not opened:
            call.phase = Phase.REFUSED
        yield from _tell(message, message.told(call.known[direction]))

    def _call_reply(self, direction: Direction, message: Message) -> Actions:
        call = self._calls.of_peer(direction, message.second)
        expected = Kind.INCOMING_CALL_REPLY if call is not None and call.incoming else Kind.OUTGOING_CALL_REPLY
        if call is None or call.asker is direction or call.phase is Phase.UP or message.kind is not expected:
            raise ProtocolError("unasked-reply", f"{message.kind.event} to call {message.second}")
        granted = message.result == CONNECTED
        if call.phase is Phase.ASKED and granted:
            yield from self._answered(call, direction, message)
        if call.phase is Phase.REFUSED and granted:
            message = message.declined()
        elif not granted:
            yield Note("call-declined", f"call {message.second}, result {message.result}")
        if call.known[direction] == UNNAMED:
            call.own[direction] = call.known[direction] = message.first
        yield from _tell(message, message.told(call.known[direction], call.own[call.asker]))
        if call.phase is Phase.REFUSED or not granted:
            yield from self._close(call)
            self._calls.forget(call)

    def _answered(self, call: Call, direction: Direction, message: Message) -> Actions:
        """The party that was asked takes the call."""
        own = message.first
        before = self._calls.of_speaker(direction, own)
        if before is not None:
            self._must_be_over(before, own)
        opened = yield from self._open(call, direction, own, message.kind)
        call.phase = Phase.UP if opened else Phase.REFUSED
        if opened:
            yield Note("call", f"calls {call.own[call.asker]} and {own}")

    def _must_be_over(self, before: Call, own: int) -> None:
        """An ID is free again when its call is over. Raises ProtocolError."""
        if not before.over:
            raise ProtocolError("duplicate-call", f"call {own}")
        self._calls.forget(before)

    def _clear(self, direction: Direction, message: Message) -> Actions:
        """Call-Clear-Request (2.12): its sender, whose own ID it has, is done with the call."""
        call = self._calls.of_speaker(direction, message.first)
        if call is None:
            yield from _unknown(message)
            return
        yield from self._close(call)
        call.phase = Phase.CLEARED
        yield from _tell(message, message.told(call.known[direction]))

    def _disconnect(self, direction: Direction, message: Message) -> Actions:
        """Call-Disconnect-Notify (2.13) names the call as its sender does; some name it as the receiver does."""
        call = self._calls.of_speaker(direction, message.first)
        if call is not None:
            told = call.known[direction]
        else:
            call = self._calls.of_peer(direction, message.first)
            if call is None:
                yield from _unknown(message)
                return
            yield Note("call-id-of-peer", f"call {message.first}")
            told = call.own[direction.opposite]
        yield from self._close(call)
        self._calls.forget(call)
        yield from _tell(message, message.told(told))

    def _about_peers(self, direction: Direction, message: Message) -> Actions:
        """A message that names the call as its receiver does."""
        call = self._calls.of_peer(direction, message.first)
        if call is None:
            return _unknown(message)
        return _tell(message, message.told(call.own[direction.opposite]))

    # What is asked of the engine

    def _open(self, call: Call, party: Direction, own: int, kind: Kind) -> Generator[Action, Reply, bool]:
        """Open the gate towards a party that names its ID, and enter both into the call; whether it is open."""
        call.own[party] = call.known[party] = own
        inside = Endpoint(self._session.party(party).address, own)
        reason = f"{kind.event}, call {own}"
        outside = yield Bind(party, inside, GRE)
        gate = None
        if isinstance(outside, Endpoint):
            gate = yield OpenGate(party, inside, outside, reason, GRE, one_shot=False, lasting=True)
        if not isinstance(outside, Endpoint) or not isinstance(gate, int):
            yield Note("refused-gate", reason)
            return False
        call.gates[party], call.known[party] = gate, outside.port
        if outside.port != own:
            yield Note("call-id-translated", f"call {own} is {outside.port} to the other party")
        return True

    def _close(self, call: Call) -> Actions:
        """Close the gates that it has."""
        for party in (ORIGINAL, REPLY):
            if call.gates[party] != NO_GATE:
                yield CloseGate(call.gates[party])
                call.gates[party] = NO_GATE


def _tell(message: Message, told: bytes) -> Actions:
    yield Rewrite(len(message.octets), told)


def _unknown(message: Message) -> Actions:
    """Nothing follows from it: both sides may have spoken at once."""
    yield Note("unknown-call", f"{message.kind.event} about call {message.first}")
    yield Pass(len(message.octets))


_STEPS: dict[Kind, Callable[[ControlConnection, Direction, Message], Actions]] = {
    Kind.START_REQUEST: ControlConnection._start_request,
    Kind.START_REPLY: ControlConnection._start_reply,
    Kind.STOP_REQUEST: ControlConnection._stop,
    Kind.OUTGOING_CALL_REQUEST: ControlConnection._call_request,
    Kind.OUTGOING_CALL_REPLY: ControlConnection._call_reply,
    Kind.INCOMING_CALL_REQUEST: ControlConnection._call_request,
    Kind.INCOMING_CALL_REPLY: ControlConnection._call_reply,
    Kind.INCOMING_CALL_CONNECTED: ControlConnection._about_peers,
    Kind.CALL_CLEAR_REQUEST: ControlConnection._clear,
    Kind.CALL_DISCONNECT_NOTIFY: ControlConnection._disconnect,
    Kind.WAN_ERROR_NOTIFY: ControlConnection._about_peers,
    Kind.SET_LINK_INFO: ControlConnection._about_peers,
}
"""What becomes of a message; the others pass."""
