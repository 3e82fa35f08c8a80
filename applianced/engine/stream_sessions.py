"""A control session over TCP: two streams, and the verdicts that its ALG gives of their octets."""

from __future__ import annotations

from typing import Any

from applianced.alg.contract import Descriptor, StreamAlg
from applianced.compiler.marks import UNACKED, UNTOUCHED
from applianced.engine.checkpoint import Checkpoint, Saved
from applianced.engine.judge import NOBODY, StreamError, Verdicts
from applianced.engine.sessions import Session, Surroundings
from applianced.engine.streams import Stream
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction

ROOM_V4 = 1440
ROOM_V6 = 1420
"""Payload that fits into a packet of 1,500 octets without TCP options; the sender's own is clamped to 1,200."""


CLOSED = 3
"""`finished` when both have."""


class StreamSession(Session):
    """One control session over TCP. It is the Judge of both of its streams."""

    __slots__ = ("finished", "shifted", "streams")

    alg: StreamAlg
    streamed = True

    def __init__(
        self,
        control: ControlSession,
        descriptor: Descriptor,
        settings: Any,
        around: Surroundings,
        *,
        slot: int,
        base_mark: int,
        message_limit: int,
        now: float,
    ) -> None:
        assert descriptor.streams is not None
        alg = around.alg(descriptor.streams, descriptor, settings, control)
        super().__init__(control, descriptor, alg, around, slot=slot, base_mark=base_mark, now=now)
        room = ROOM_V4 if len(control.tuple.source.address) == 4 else ROOM_V6
        self.streams = (
            Stream(ORIGINAL, self, limit=message_limit, room=room),
            Stream(REPLY, self, limit=message_limit, room=room),
        )
        self.shifted = False
        """The kernel has kept a length change."""
        self.finished = 0
        """Bit per direction whose speaker has closed."""

    @property
    def outlived(self) -> bool:
        """Whether it has announced media that go on when it has closed: another session may speak of them."""
        return self.shared is not None and not self.over and any(gate.media for gate in self.gates.values())

    @property
    def mark(self) -> int:
        """The ct mark that the next verdict sets."""
        first, second = self.streams
        if first.unacked >= 0 or second.unacked >= 0 or first.probing or second.probing:
            return self.base_mark | UNACKED
        return self.base_mark | UNTOUCHED if self.untouched else self.base_mark

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
            consumed += self.drive(self.alg.octets(direction, rest), direction, rest, verdicts)
            if final:
                consumed += self._finish(direction, data[consumed:], verdicts)
        except ProtocolError as error:
            # The ALG cannot go on: nothing more is opened, what it has not judged passes as it is.
            self.count(error.event if error.event in self.cells else "protocol-errors")
            self.reporter.noted(self, error.event, str(error))
            self.hand_over()
            consumed = sum(octets for octets, _ in verdicts)
        self.close_struck()
        if self.unused is not None:
            self.give_unused()
        if consumed < len(data):
            verdicts += self._rest(len(data) - consumed)
        return _joined(verdicts)

    def urge(self, direction: Direction, data: bytes) -> int:
        """What the ALG can spare of an incomplete message. See streams.Judge."""
        return len(data) if self.untouched else self.alg.urge(direction, data)

    def acknowledge(self, direction: Direction, acknowledgement: int) -> bool:
        """Acknowledge to the speaker, as the other party would. See streams.Judge."""
        other = self.streams[direction.opposite]
        translation = self.known_translation()
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
        return self.drive(self.alg.end(direction, rest), direction, rest, verdicts)

    def replacement(self, direction: Direction, before: bytes, after: bytes) -> bytes | None:
        """What may leave in place of `before`: only where NAT translates the session may its length change."""
        if len(after) != len(before):
            translation = self.known_translation()
            if translation is None or not translation.translated:
                self.count("length-change-refused")
                return None
        return super().replacement(direction, before, after)

    def refuse(self) -> None:
        """Reset the session. Raises StreamError."""
        self.close_struck()
        self.give_unused()
        raise StreamError("packets-refused")

    def announce(self, direction: Direction, position: int, before: int, after: int) -> None:
        """Tell the kernel of a length change. Raises StreamError when it does not take it."""
        translation = self.known_translation()
        taken = translation is not None and self.keeper.kernel.announce(
            translation, direction, position, before, after, first=not self.shifted
        )
        if not taken:
            raise StreamError("announce-failed")
        self.shifted = True
        self.count("length-changes")

    def drop_held(self) -> None:
        """Take the segments that wait here off the wire."""
        for stream in self.streams:
            for held in stream.held:
                held.carrier.drop()
            stream.held.clear()

    def release(self) -> None:
        """Nobody will ask this session again: untie it from its streams, so that it needs no garbage collector."""
        for stream in self.streams:
            stream.judge = NOBODY

    def save(self, checkpoint: Checkpoint) -> None:
        """As for any session; the next octet of each direction is kept beside the snapshot."""
        if self.over or not self.descriptor.kept:
            return
        slot = self.slot
        if self.shared is not None:
            self.record_shared()
        alg = self.alg.snapshot()
        if alg != self.saved_alg:
            self.saved_alg = alg
            checkpoint.save_alg(slot, alg)
        first, second = self.streams
        version = self.version + first.version + second.version
        if version != self.saved_version or first.buffer or second.buffer:
            self.saved_version = version
            checkpoint.save_session(slot, self.snapshot())
        checkpoint.publish(slot, first.next, second.next)

    def snapshot(self) -> tuple[Any, ...]:
        """Plain values for the checkpoint; the streams' next octets are kept beside it."""
        first, second = self.streams
        return (
            *super().snapshot(),
            self.finished,
            first.snapshot()[1:] if first.buffer or first.changed or first.unacked >= 0 else None,
            second.snapshot()[1:] if second.buffer or second.changed or second.unacked >= 0 else None,
        )

    def restore(self, saved: Saved) -> None:
        """Take up what was saved, in a session made for the same tuple."""
        super().restore(saved)
        *_, self.finished, first, second = saved.session
        for stream, state, following in zip(self.streams, (first, second), saved.sequences, strict=True):
            if state is None:
                stream.next = stream.judged = following
            else:
                stream.restore((following, *state))
                if not stream.buffer:
                    stream.judged = following
        self._agree_on_offsets()

    def _agree_on_offsets(self) -> None:
        """Put the kernel's offsets back to what was saved: the worker before this one may have died after it had
        announced a change and before the change was saved and could leave."""
        translation = self.known_translation()
        if translation is None:
            return
        for stream, known in zip(self.streams, translation.offsets, strict=True):
            if known != stream.offset:
                self.keeper.kernel.announce(
                    translation, stream.direction, stream.position, stream.before, stream.offset, first=False
                )


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
