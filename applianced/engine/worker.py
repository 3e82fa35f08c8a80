"""The engine of one queue: packets in, verdicts out, sessions in between.

It owns the session table of its worker. The slot of a session is in the packet's mark, so finding it is an index.
Rule: no I/O here; packets come as `Queued`, effects go through `Kernel`, time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Protocol

from applianced.alg.contract import Descriptor
from applianced.compiler.marks import ALG_MASK, ALG_NAMES, SLOT_SHIFT, UNACKED, UNTOUCHED
from applianced.engine.checkpoint import Checkpoint, Saved
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import GateKeeper, GateLimits
from applianced.engine.judge import StreamError
from applianced.engine.kernel import Kernel
from applianced.engine.reporter import SILENT, Reporter
from applianced.engine.sessions import Session
from applianced.errors import ProtocolError
from applianced.model.gates import Gate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, TCP, Direction, Endpoint, FlowTuple
from applianced.packet.segment import ACK, FIN, PSH, RST, SYN, Segment

LINGER_S = 60.0
"""A session that has ended is remembered this long, for repeats that are still under way."""
IDLE_CHECK_S = 60.0
"""A session silent for so long is looked up in conntrack: pure ACKs and untouched sessions are not seen here."""
UNREAD_CHECK_S = 5.0
"""The same for a session that has gone over to TLS and holds a gate for every port."""
CHECKS_PER_TICK = 256

_SEQUENCES_FLAGS = Struct("!IIBB")
_NOT_ORDINARY = 0xFF & ~(PSH | ACK)
_BASE = ~(UNACKED | UNTOUCHED | -1 << SLOT_SHIFT)


class Queued(Protocol):
    """A packet in the queue, as the outside hands it over."""

    raw: bytes
    mark: int

    @property
    def incoming(self) -> int:
        """Index of the interface where it entered, 0 when nobody knows; of a packet that waits for its verdict."""
        ...

    def release(self, packet: bytes | None, mark: int) -> None:
        """Accept, with this content (None: as it is) and this mark."""
        ...

    def drop(self) -> None:
        """Drop."""
        ...


class Travelling:
    """A queued packet on its way through a session: the stream's Carrier."""

    __slots__ = ("engine", "queued", "segment", "session")

    def __init__(self, queued: Queued, segment: Segment, session: Session, engine: Engine) -> None:
        self.queued = queued
        self.segment = segment
        self.session = session
        self.engine = engine

    def accept(self, packet: bytes | None) -> None:
        self.engine.save(self.session)
        self.queued.release(packet, self.session.mark)

    def drop(self) -> None:
        self.queued.drop()


class Engine:
    """Everything that one worker knows."""

    def __init__(
        self,
        descriptors: Mapping[str, Descriptor],
        *,
        kernel: Kernel,
        keeper: GateKeeper,
        counters: Counters,
        checkpoint: Checkpoint,
        reporter: Reporter = SILENT,
    ) -> None:
        self.descriptors = descriptors
        self.kernel = kernel
        self.keeper = keeper
        self.counters = counters
        self.checkpoint = checkpoint
        self.reporter = reporter
        self.settings: dict[str, Any] = {}
        self.message_limit = 65536
        self.session_limit = checkpoint.slots
        """Sessions under way at once; the slots are the other limit."""
        self.most = 0
        """The most that were under way at once."""
        self.sessions: list[Session | None] = [None] * (checkpoint.slots + 1)
        self._free = list(range(checkpoint.slots, 0, -1))
        """Slots at rest; the one that was in use last is taken first, its memory is at hand."""
        self._lingering: deque[tuple[float, Session]] = deque()
        self._check_from = 0

    def configure(self, settings: Mapping[str, Any], limits: GateLimits, message_limit: int, now: float) -> None:
        """New settings (ALG name -> settings object of the enabled ones). Sessions of an ALG that is no longer
        enabled pass untouched from here; the others keep the settings they began with."""
        self.settings = dict(settings)
        self.keeper.limits = limits
        self.message_limit = message_limit
        for session in self.live():
            if session.descriptor.name not in self.settings and not session.untouched:
                session.last_s = now
                session.hand_over()
                self.save(session)

    @property
    def under_way(self) -> int:
        """How many sessions have not ended."""
        return self.checkpoint.slots - len(self._free) - len(self._lingering)

    def live(self) -> list[Session]:
        """The sessions that have not ended."""
        return [session for session in self.sessions if session is not None and not session.over]

    def handle(self, queued: Queued, now: float) -> None:
        """One packet. The ordinary one, in order and with nothing waiting, takes a path of its own."""
        session = self._find(queued.mark >> SLOT_SHIFT)
        if session is None or not self._ordinary(session, queued, now):
            self._any(session, queued, now)

    def _ordinary(self, session: Session, queued: Queued, now: float) -> bool:
        """A segment with octets that follow on; False when it is anything else, and nothing was done."""
        raw = queued.raw
        first = raw[0]
        if first == 0x45:
            key, at = raw[12:24], 20
        elif first >> 4 == 6:
            key, at = raw[8:44], 40
        else:
            return False
        if key == session.keys[0]:
            direction, stream, other = ORIGINAL, *session.streams
        elif key == session.keys[1]:
            direction, (other, stream) = REPLY, session.streams
        else:
            return False
        # A key that matches has TCP right behind the addresses: every session's first packet was read with care.
        sequence, acknowledgement, offset, flags = _SEQUENCES_FLAGS.unpack_from(raw, at + 4)
        start = at + (offset >> 4 << 2)
        if sequence != stream.next or flags & _NOT_ORDINARY or stream.buffer or stream.held or other.held:
            return False
        if start >= len(raw) or raw[6 if at == 40 else 9] != TCP:
            return False
        session.last_s = now
        session.messages += 1
        self.counters.memory[session.packets_cell] += 1
        if flags & ACK:
            other.seen = acknowledgement
            if other.unacked >= 0 or other.probing:
                other.acked(acknowledgement)
        payload = raw[start:]
        verdicts = session.judge(direction, payload, False)
        if len(verdicts) == 1 and verdicts[0] == (len(payload), None):
            stream.next = stream.judged = (sequence + len(payload)) & 0xFFFFFFFF
            self.save(session)
            queued.release(None, session.mark)
            if direction is REPLY and not session.looked_up:
                session.look_up()  # while the client reads the greeting: its first announcement need not wait for it
            return True
        travelling = Travelling(queued, Segment(raw), session, self)
        try:
            stream.enter(travelling, payload, verdicts)
        except StreamError as error:
            self._reset(session, travelling, error.event)
        return True

    def _any(self, session: Session | None, queued: Queued, now: float) -> None:
        """A packet of any kind."""
        try:
            segment = Segment(queued.raw)
        except ProtocolError:
            self._count(queued.mark, "malformed-packet")
            return queued.drop()
        direction = _direction(session, segment) if session is not None else None
        if session is None or direction is None:
            session = self._take_up(queued, segment, now)
            if session is None:
                return None
            direction = ORIGINAL
        session.last_s = now
        session.messages += 1
        self.counters.memory[session.packets_cell] += 1
        travelling = Travelling(queued, segment, session, self)
        try:
            self._step(session, direction, segment, travelling)
        except StreamError as error:
            self._reset(session, travelling, error.event)
        return None

    def session(self, slot: int) -> Session | None:
        """A live session by its slot."""
        session = self._find(slot)
        return None if session is None or session.over else session

    def abandon(self, session: Session, now: float) -> None:
        """End a session from our side: no gate, no conntrack entry, no memory of it."""
        session.last_s = now
        for stream in session.streams:
            for held in stream.held:
                held.carrier.drop()
            stream.held.clear()
        self.kernel.forget(session.control.tuple, session.base_mark)
        self._end(session)

    def _find(self, slot: int) -> Session | None:
        return self.sessions[slot] if 0 < slot < len(self.sessions) else None

    def _step(self, session: Session, direction: Direction, segment: Segment, travelling: Travelling) -> None:
        flags = segment.flags
        streams = session.streams
        other = streams[1 - direction]
        if flags & ACK:
            other.seen = segment.acknowledgement
            if other.unacked >= 0 or other.probing:
                other.acked(segment.acknowledgement)
        if flags & RST:
            travelling.accept(None)
            return self._end(session)
        streams[direction].take(travelling)
        if flags & FIN:
            self._closing(session, direction)
        return None

    def _closing(self, session: Session, direction: Direction) -> None:
        """A FIN in each direction ends the session; what repeats may still come is answered while it lingers."""
        session.finished |= 1 << direction
        session.version += 1
        if session.finished == 3:
            self._end(session)

    def _end(self, session: Session) -> None:
        if session.over:
            return
        session.over = True
        session.close_gates()
        self.checkpoint.clear(session.slot)
        self._lingering.append((session.last_s + LINGER_S, session))

    def _reset(self, session: Session, travelling: Travelling, event: str) -> None:
        """Neither end can go on: one gets a reset now, the other with its next segment, which conntrack no longer
        knows."""
        session.count(event)
        session.count("session-resets")
        self.reporter.noted(session, event, "session reset")
        for stream in session.streams:
            for held in stream.held:
                if held.carrier is not travelling:
                    held.carrier.drop()
            stream.held.clear()
        travelling.queued.release(travelling.segment.reset(), session.mark)
        self.kernel.forget(session.control.tuple, session.base_mark)
        self._end(session)

    def _take_up(self, queued: Queued, segment: Segment, now: float) -> Session | None:
        """A packet without a session: the first of one, or one that nobody can vouch for."""
        mark = queued.mark
        name = ALG_NAMES.get(mark & ALG_MASK, "")
        if segment.flags & (SYN | ACK) != SYN or name not in self.settings:
            self._count(mark, "sessions-unknown")
            queued.release(None, mark | UNTOUCHED)
            return None
        under_way = self.under_way
        if not self._free or under_way >= self.session_limit:
            self._count(mark, "sessions-refused")
            queued.release(None, mark | UNTOUCHED)
            return None
        self.most = max(self.most, under_way + 1)
        slot = self._free.pop()
        session = self._make(name, slot, ControlSession(segment.flow, incoming=queued.incoming), mark, now)
        session.count("sessions")
        return session

    def _make(self, name: str, slot: int, control: ControlSession, mark: int, now: float) -> Session:
        session = Session(
            control,
            self.descriptors[name],
            self.settings[name],
            keeper=self.keeper,
            counters=self.counters,
            reporter=self.reporter,
            slot=slot,
            base_mark=mark & _BASE | slot << SLOT_SHIFT,
            message_limit=self.message_limit,
            now=now,
        )
        self.sessions[slot] = session
        return session

    def _count(self, mark: int, event: str) -> None:
        name = ALG_NAMES.get(mark & ALG_MASK, "")
        if name in self.descriptors:
            self.counters.count(name, event)

    # ----- checkpoint

    def save(self, session: Session) -> None:
        """Bring the session's checkpoint up to date; called before each verdict."""
        if session.over:
            return
        slot, checkpoint = session.slot, self.checkpoint
        alg = session.alg.snapshot()
        if alg != session.saved_alg:
            session.saved_alg = alg
            checkpoint.save_alg(slot, alg)
        first, second = session.streams
        version = session.version + first.version + second.version
        if version != session.saved_version or first.buffer or second.buffer:
            session.saved_version = version
            checkpoint.save_session(slot, session.snapshot())
        checkpoint.publish(slot, first.next, second.next)

    def resume(self, now: float, failed: Callable[[int], None] = lambda _: None) -> int:
        """Take up the sessions of a worker that died; how many.

        One that cannot be restored is treated as one that nobody saved: it passes untouched from its next packet on,
        which is counted. failed: hears its slot, while its exception is being handled.
        """
        for slot, saved in self.checkpoint.load().items():
            try:
                session = self._restored(slot, saved, now)
            except Exception:
                failed(slot)
                session = None
            if session is None:
                self.sessions[slot] = None
                self.checkpoint.clear(slot)
                continue
            for gate in session.gates.values():
                self.keeper.adopt(gate)
            self._free.remove(slot)
            session.count("sessions-resumed")
        self.most = max(self.most, self.under_way)
        return len(self.live())

    def _restored(self, slot: int, saved: Saved, now: float) -> Session | None:
        """The session of a slot; None when its ALG is no longer enabled."""
        name, source, source_port, destination, destination_port, mark, *_ = saved.session
        if name not in self.settings:
            return None
        flow = FlowTuple(TCP, Endpoint(source, source_port), Endpoint(destination, destination_port))
        session = self._make(name, slot, ControlSession(flow, incoming=saved.session[12]), mark, now)
        session.restore(saved)
        session.agree_on_offsets()
        self.save(session)
        return session

    # ----- time

    def tick(self, now: float) -> None:
        """Once a second or so: expire gates, forget ended sessions, look after silent ones."""
        by_session: dict[int, list[Gate]] = {}
        for gate in self.keeper.expired(now):
            by_session.setdefault(gate.session, []).append(gate)
        for slot, gates in by_session.items():
            session = self._find(slot)
            if session is not None:
                for gate in gates:
                    session.expire(gate, now)
                session.close_struck()
                self.save(session)
        self.keeper.shut((), now)
        while self._lingering and self._lingering[0][0] <= now:
            self._forget(self._lingering.popleft()[1])
        self._check_silent(now)
        self._check_unread(now)

    def _forget(self, session: Session) -> None:
        if self.sessions[session.slot] is session:
            self.sessions[session.slot] = None
            session.release()
            self._free.append(session.slot)

    def _check_silent(self, now: float) -> None:
        """Sessions whose end nobody saw: conntrack has let go of them."""
        count = len(self.sessions)
        for _ in range(min(CHECKS_PER_TICK, count)):
            self._check_from = (self._check_from + 1) % count
            session = self.sessions[self._check_from]
            if session is None or session.over or now - session.checked_s < IDLE_CHECK_S:
                continue
            session.checked_s = now
            if now - session.last_s >= IDLE_CHECK_S and not self.kernel.alive(session.control.tuple, session.base_mark):
                self._end(session)

    def _check_unread(self, now: float) -> None:
        """Sessions that nobody reads any more and whose gate is for every port: it ends with them, soon."""
        for gate in self.keeper.for_every_port():
            session = self.session(gate.session)
            if session is None or now - session.checked_s < UNREAD_CHECK_S:
                continue
            session.checked_s = now
            if not self.kernel.alive(session.control.tuple, session.base_mark):
                session.last_s = now
                self._end(session)


def _direction(session: Session, segment: Segment) -> Direction | None:
    """Which way the packet goes; None when it is not of this session (a stale slot)."""
    flow = session.control.tuple
    source, destination = flow.source, flow.destination
    raw = segment.raw
    packet = (raw[8:24], raw[24:40]) if segment.v6 else (raw[12:16], raw[16:20])
    ports = (segment.source, segment.destination)
    if ports == (source.port, destination.port) and packet == (source.address, destination.address):
        return ORIGINAL
    if ports == (destination.port, source.port) and packet == (destination.address, source.address):
        return REPLY
    return None
