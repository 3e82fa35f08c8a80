"""A control session: two streams, one ALG, and what the ALG's actions become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from applianced.alg.contract import (
    Actions,
    Bind,
    CloseGate,
    Descriptor,
    Drop,
    HandOver,
    Note,
    OpenGate,
    Pass,
    Reply,
    Rewrite,
    StreamAlg,
)
from applianced.compiler.marks import UNACKED, UNTOUCHED
from applianced.engine.checkpoint import Saved
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import GateKeeper
from applianced.engine.judge import NOBODY, StreamError, Verdicts
from applianced.engine.kernel import Translation
from applianced.engine.reporter import Reporter
from applianced.engine.streams import Stream
from applianced.errors import ProtocolError
from applianced.model.gates import Gate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint

ROOM_V4 = 1440
ROOM_V6 = 1420
"""Payload that fits into a packet of 1,500 octets without TCP options; the sender's own is clamped to 1,200."""


class Session:
    """One control session in its worker's books. It is the Judge of both of its streams."""

    __slots__ = (
        "_plain",
        "alg",
        "base_mark",
        "cells",
        "checked_s",
        "closing",
        "control",
        "counters",
        "created_s",
        "descriptor",
        "finished",
        "gates",
        "keeper",
        "keys",
        "last_s",
        "looked_up",
        "messages",
        "over",
        "packets_cell",
        "reporter",
        "rewrites",
        "saved_alg",
        "saved_version",
        "shifted",
        "slot",
        "streams",
        "translation",
        "untouched",
        "unused",
        "version",
    )

    def __init__(
        self,
        control: ControlSession,
        descriptor: Descriptor,
        settings: Any,
        *,
        keeper: GateKeeper,
        counters: Counters,
        reporter: Reporter,
        slot: int,
        base_mark: int,
        message_limit: int,
        now: float,
    ) -> None:
        self.control = control
        self.descriptor = descriptor
        self.alg: StreamAlg = descriptor.factory(settings, control)
        self.keeper = keeper
        self.counters = counters
        self.cells = counters.cells(descriptor.name)
        self.reporter = reporter
        self.slot = slot
        self.base_mark = base_mark
        room = ROOM_V4 if len(control.tuple.source.address) == 4 else ROOM_V6
        self.streams = (
            Stream(ORIGINAL, self, limit=message_limit, room=room),
            Stream(REPLY, self, limit=message_limit, room=room),
        )
        self.gates: dict[int, Gate] = {}
        self._plain: dict[int, tuple[Any, ...]] = {}
        """The gates as the checkpoint wants them, made once."""
        self.version = 0
        """Counts what the checkpoint must follow, beside the ALG and the streams."""
        self.saved_version = -1
        self.saved_alg: tuple[Any, ...] | None = None
        """What the checkpoint was last written for."""
        flow = control.tuple
        ends = [end.address for end in (flow.source, flow.destination)]
        ports = [end.port.to_bytes(2, "big") for end in (flow.source, flow.destination)]
        self.keys = (b"".join(ends + ports), b"".join(ends[::-1] + ports[::-1]))
        """Addresses and ports as packets of either direction carry them, without IP options."""
        self.packets_cell = self.cells["packets"]
        self.closing: list[Gate] = []
        self.translation: Translation | None = None
        self.looked_up = False
        self.unused: Endpoint | None = None
        """A binding whose gate has not been opened yet."""
        self.shifted = False
        """The kernel has kept a length change."""
        self.untouched = False
        self.over = False
        self.messages = 0
        self.rewrites = 0
        self.finished = 0
        """Bit per direction whose speaker has closed."""
        self.created_s = self.last_s = self.checked_s = now

    @property
    def mark(self) -> int:
        """The ct mark that the next verdict sets."""
        first, second = self.streams
        if first.unacked >= 0 or second.unacked >= 0 or first.probing or second.probing:
            return self.base_mark | UNACKED
        return self.base_mark | UNTOUCHED if self.untouched else self.base_mark

    def count(self, event: str) -> None:
        """Count an event under this session's ALG."""
        self.counters.count(self.descriptor.name, event)

    def judge(self, direction: Direction, data: bytes, final: bool) -> Verdicts:
        """Have the ALG judge octets and perform what it asks. See streams.Judge."""
        if self.untouched:
            return [(len(data), None)]
        consumed = self.alg.plain(direction, data)
        verdicts: Verdicts = [(consumed, None)] if consumed else []
        if consumed == len(data):
            return verdicts
        try:
            rest = data[consumed:] if consumed else data
            consumed += self._drive(self.alg.octets(direction, rest), direction, rest, verdicts)
            if final:
                consumed += self._finish(direction, data[consumed:], verdicts)
        except ProtocolError as error:
            # The ALG cannot go on: nothing more is opened, what it has not judged passes as it is.
            self.count(error.event if error.event in self.cells else "protocol-errors")
            self.reporter.noted(self, error.event, str(error))
            self.hand_over()
            consumed = sum(octets for octets, _ in verdicts)
        if self.closing:
            self._close_now()
        if self.unused is not None:
            self._give_unused()
        if consumed < len(data):
            verdicts += self._rest(len(data) - consumed)
        return _joined(verdicts)

    def urge(self, direction: Direction, data: bytes) -> int:
        """What the ALG can spare of an incomplete message. See streams.Judge."""
        return len(data) if self.untouched else self.alg.urge(direction, data)

    def acknowledge(self, direction: Direction, acknowledgement: int) -> bool:
        """Acknowledge to the speaker, as the other party would. See streams.Judge."""
        other = self.streams[direction.opposite]
        translation = self._translation()
        if translation is None or other.next < 0:
            return False
        # As the speaker sees it: before NAT, and behind the length changes of the other direction.
        seen = translation.original if direction is ORIGINAL else translation.reply
        sequence = (other.next + other.offset) & 0xFFFFFFFF
        return self.keeper.kernel.acknowledge(seen.reversed, sequence, acknowledgement)

    def _rest(self, octets: int) -> Verdicts:
        """Octets that nobody judged: they wait, unless the session was handed over meanwhile."""
        return [(octets, None)] if self.untouched else []

    def _finish(self, direction: Direction, rest: bytes, verdicts: Verdicts) -> int:
        """The speaker has closed: offer the ALG what it left."""
        if self.untouched or not rest:
            return 0
        return self._drive(self.alg.end(direction, rest), direction, rest, verdicts)

    def _drive(self, actions: Actions, direction: Direction, data: bytes, verdicts: Verdicts) -> int:
        """Run a generator of actions to its end; how many octets it consumed."""
        consumed = 0
        reply: Reply = None
        send = actions.send
        try:
            while True:
                action: Any = send(reply)
                kind = type(action)
                reply = None
                if kind is Pass:
                    verdicts.append((action.octets, None))
                    consumed += action.octets
                elif kind is Rewrite or kind is Drop:
                    end = consumed + action.octets
                    after = action.replacement if kind is Rewrite else b""
                    verdicts.append((action.octets, self._replacement(direction, data[consumed:end], after)))
                    consumed = end
                else:
                    reply = _PERFORM[kind](self, action)
        except StopIteration:
            return consumed

    def _note(self, note: Note) -> None:
        self.count(note.event)
        self.reporter.noted(self, note.event, note.detail)

    def _replacement(self, direction: Direction, before: bytes, after: bytes) -> bytes | None:
        """What may leave in place of `before`."""
        if after == before:
            return None
        if len(after) != len(before):
            translation = self._translation()
            if translation is None or not translation.translated:
                self.count("length-change-refused")
                return None
        self.rewrites += 1
        self.reporter.rewritten(self, direction, before, after)
        return after

    def look_up(self) -> None:
        """Ask conntrack for the session's translation."""
        self.looked_up = True
        self.translation = self.keeper.kernel.translation(self.control.tuple, self.base_mark)

    def _translation(self) -> Translation | None:
        if self.translation is None:
            self.look_up()
        return self.translation

    def _bind(self, asked: Bind) -> Endpoint | None:
        translation = self._translation()
        if translation is None:
            self.count("bindings-unknown")
            return None
        outside = translation.outside(asked.speaker)
        if outside == translation.inside(asked.speaker):
            return asked.endpoint
        self._give_unused()
        self.unused = self.keeper.bind(outside, self.control.tuple.protocol, self.count)
        if self.unused is None:
            self.reporter.gate_refused(self, f"no outside port left for {asked.endpoint}")
        return self.unused

    def _give_unused(self) -> None:
        """A binding that no gate used goes back."""
        if self.unused is not None:
            self.keeper.unbind(self.unused, self.control.tuple.protocol)
            self.unused = None

    def _open(self, asked: OpenGate) -> int | None:
        inside, outside, lifetime = asked.inside, asked.outside, self.keeper.limits.lifetime_s
        if asked.any_port:
            if self._published(asked.speaker):
                # A server that was made reachable on one port must not be opened on every other.
                self.count("gates-refused-any-port")
                return None
            inside = outside = Endpoint(inside.address, 0)
            lifetime = asked.lifetime_s
        peer = asked.speaker.opposite
        now = self.last_s
        gate = Gate(
            number=0,
            alg=self.descriptor.name,
            session=self.slot,
            protocol=asked.protocol,
            peer=self.control.party(peer).address,
            inside=inside,
            outside=outside,
            one_shot=asked.one_shot,
            source=self._source(peer),
            reason=asked.reason,
            created_s=now,
            expires_s=now + lifetime,
        )
        if not self.keeper.open(gate, self.closing, len(self.gates), self.count):
            self.reporter.gate_refused(self, asked.reason)
            return None
        if outside == self.unused:
            self.unused = None
        self._take(gate)
        self.reporter.gate_opened(self, gate)
        return gate.number

    def _published(self, speaker: Direction) -> bool:
        """Whether the speaker is a server that the other party reaches by a translated address."""
        translation = self._translation()
        if translation is None:
            return True
        return speaker is REPLY and translation.outside(speaker) != translation.inside(speaker)

    def _take(self, gate: Gate) -> None:
        self.gates[gate.number] = gate
        self._plain[gate.number] = gate.plain
        self.version += 1

    def _source(self, initiator: Direction) -> bytes:
        """The address a data session must leave from when its initiator is known by another than its own.

        An inside client's own sessions go through source NAT like its control session (address pooling paired); an
        inside server's do not, since only destination or static NAT made it reachable.
        """
        if initiator is ORIGINAL:
            return b""
        translation = self._translation()
        if translation is None or translation.outside(initiator) == translation.inside(initiator):
            return b""
        return translation.outside(initiator)

    def _strike(self, number: int, *, over: bool) -> None:
        """A gate that the ALG is done with: out of the books now, out of the kernel with the next transaction."""
        if self.gates.pop(number, None) is None:
            return
        del self._plain[number]
        self.version += 1
        gate = self.keeper.strike(number, self.last_s, over=over)
        if gate is not None:
            self.closing.append(gate)
            self.count("gates-closed")
            self.reporter.gate_closed(self, gate)

    def _close_now(self) -> None:
        closing, self.closing = self.closing, []
        self.keeper.shut(closing, self.last_s)

    def expire(self, gate: Gate, now: float) -> None:
        """The gate's time is over, used or not."""
        self._strike(gate.number, over=False)
        gate.closed_s = now
        self.count("gates-expired")

    def close_struck(self) -> None:
        """Take struck gates out of the kernel now; the end of judge() does so by itself."""
        if self.closing:
            self._close_now()

    def hand_over(self, *, keep_gates: bool = False) -> None:
        """Read no further: everything passes from here."""
        self.untouched = True
        self.version += 1
        if not keep_gates:
            self.close_gates()

    def close_gates(self) -> None:
        """Close what is open; data sessions under way go on."""
        for number in tuple(self.gates):
            self._strike(number, over=False)
        self.close_struck()

    def release(self) -> None:
        """Nobody will ask this session again: untie it from its streams, so that it needs no garbage collector."""
        for stream in self.streams:
            stream.judge = NOBODY

    def announce(self, direction: Direction, position: int, before: int, after: int) -> None:
        """Tell the kernel of a length change. Raises StreamError when it does not take it."""
        translation = self._translation()
        taken = translation is not None and self.keeper.kernel.announce(
            translation, direction, position, before, after, first=not self.shifted
        )
        if not taken:
            raise StreamError("announce-failed")
        self.shifted = True
        self.count("length-changes")

    def snapshot(self) -> tuple[Any, ...]:
        """Plain values for the checkpoint; the streams' next octets are kept beside it."""
        flow = self.control.tuple
        first, second = self.streams
        return (
            self.descriptor.name,
            flow.source.address,
            flow.source.port,
            flow.destination.address,
            flow.destination.port,
            self.base_mark,
            self.untouched,
            self.finished,
            self.created_s,
            first.snapshot()[1:] if first.buffer or first.changed or first.unacked >= 0 else None,
            second.snapshot()[1:] if second.buffer or second.changed or second.unacked >= 0 else None,
            tuple(self._plain.values()),
            self.control.incoming,
        )

    def restore(self, saved: Saved) -> None:
        """Take up what was saved, in a session made for the same tuple."""
        snapshot = saved.session
        self.untouched, self.finished, self.created_s = snapshot[6:9]
        for stream, state, following in zip(self.streams, snapshot[9:11], saved.sequences, strict=True):
            if state is None:
                stream.next = stream.judged = following
            else:
                stream.restore((following, *state))
                if not stream.buffer:
                    stream.judged = following
        self.alg.restore(saved.alg)
        for plain in snapshot[11]:
            self._take(Gate.of(plain))

    def agree_on_offsets(self) -> None:
        """Put the kernel's offsets back to what was saved: the worker before this one may have died after it had
        announced a change and before the change was saved and could leave."""
        translation = self._translation()
        if translation is None:
            return
        for stream, known in zip(self.streams, translation.offsets, strict=True):
            if known != stream.offset:
                self.keeper.kernel.announce(
                    translation, stream.direction, stream.position, stream.before, stream.offset, first=False
                )


_PERFORM: dict[type, Callable[[Session, Any], Reply]] = {
    Bind: Session._bind,
    OpenGate: Session._open,
    CloseGate: lambda session, action: session._strike(action.gate, over=True),
    Note: Session._note,
    HandOver: lambda session, _: session.hand_over(keep_gates=True),
}
"""What the actions that consume nothing do, and their replies."""


def _joined(verdicts: Verdicts) -> Verdicts:
    """Neighbouring octets that pass unchanged, as one."""
    if len(verdicts) < 2:
        return verdicts
    joined = [verdicts[0]]
    for octets, replacement in verdicts[1:]:
        last, before = joined[-1]
        if before is None and replacement is None:
            joined[-1] = (last + octets, None)
        else:
            joined.append((octets, replacement))
    return joined
