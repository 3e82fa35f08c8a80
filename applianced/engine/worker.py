"""The engine of one queue: packets in, verdicts out, sessions in between.

The slot of a session is in the packet's mark, so finding it is an index.
Rule: no I/O here; packets come as `Queued`, effects go through `Kernel`, time is an argument.
"""

from __future__ import annotations

from struct import Struct
from typing import Protocol

from applianced.compiler.marks import AFTER_NAT, PUBLISHED, SLOT_SHIFT, UNTOUCHED
from applianced.engine import keyed, late
from applianced.engine.datagram_sessions import DatagramSession
from applianced.engine.judge import StreamError
from applianced.engine.sessions import Session
from applianced.engine.stream_sessions import CLOSED, StreamSession
from applianced.engine.table import SessionTable
from applianced.engine.waiting import Held
from applianced.errors import ProtocolError
from applianced.model.tuples import ESP, ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint, FlowTuple
from applianced.packet.datagram import Datagram, GrowthError
from applianced.packet.ip import transport
from applianced.packet.segment import ACK, FIN, PSH, RST, SYN, Segment
from applianced.packet.usual import changed

_SEQUENCES_FLAGS = Struct("!IIBB")
_LENGTH = Struct("!H")
_NOT_ORDINARY = 0xFF & ~(PSH | ACK)
_LEAST = 28
"""Octets of an IPv4 header and a UDP one."""


class Queued(Protocol):
    """A packet in the queue, as the outside hands it over."""

    raw: bytes
    mark: int

    @property
    def interfaces(self) -> tuple[int, int]:
        """Indices of the interfaces that it came in by and leaves by, 0 when nobody knows; of a packet that waits for
        its verdict."""
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

    def __init__(self, queued: Queued, segment: Segment, session: StreamSession, engine: Engine) -> None:
        self.queued = queued
        self.segment = segment
        self.session = session
        self.engine = engine

    def accept(self, packet: bytes | None) -> None:
        self.session.save(self.engine.checkpoint)
        self.queued.release(packet, self.session.mark)

    def drop(self) -> None:
        self.queued.drop()


class Engine(SessionTable):
    """The packet path of one worker over its session table."""

    def handle(self, queued: Queued, now: float) -> None:
        """One packet. The ordinary one, of a session that is known, takes a path of its own."""
        slot = queued.mark >> SLOT_SHIFT
        session = self.sessions[slot] if slot < len(self.sessions) else None
        if isinstance(session, StreamSession):
            if not self._ordinary(session, queued, now):
                self._any(session, queued, now)
        elif not self._ordinary_datagram(session, queued, now):
            self._any(session, queued, now)

    def _any(self, session: Session | None, queued: Queued, now: float) -> None:
        """A packet of any kind. session: in the slot that its mark names, perhaps another one's by now."""
        raw = queued.raw
        try:
            protocol = transport(raw)[0]
            if protocol == UDP:
                self._datagram(queued, Datagram(raw), now)
            elif protocol == ESP:
                keyed.handle(self, session if isinstance(session, DatagramSession) else None, queued, now)
            else:
                self._segment(session if isinstance(session, StreamSession) else None, queued, now)
        except ProtocolError:
            self.count(queued.mark, "malformed-packet")
            queued.drop()

    # ----- streams

    def _ordinary(self, session: StreamSession, queued: Queued, now: float) -> bool:
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
        try:
            verdicts = session.judge(direction, payload, False)
        except StreamError as error:
            self._reset(session, Travelling(queued, Segment(raw), session, self), error.event)
            return True
        if len(verdicts) == 1 and verdicts[0] == (len(payload), None):
            stream.next = stream.judged = (sequence + len(payload)) & 0xFFFFFFFF
            session.save(self.checkpoint)
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

    def _segment(self, session: StreamSession | None, queued: Queued, now: float) -> None:
        """A TCP packet of any kind. Raises ProtocolError."""
        segment = Segment(queued.raw)
        direction = _direction(session, segment) if session is not None else None
        if session is None or direction is None:
            session = self._take_up(queued, segment, now)
            if session is None:
                return
            direction = ORIGINAL
        session.last_s = now
        session.messages += 1
        self.counters.memory[session.packets_cell] += 1
        travelling = Travelling(queued, segment, session, self)
        try:
            self._step(session, direction, segment, travelling)
        except StreamError as error:
            self._reset(session, travelling, error.event)
        return

    def _step(self, session: StreamSession, direction: Direction, segment: Segment, travelling: Travelling) -> None:
        flags = segment.flags
        streams = session.streams
        other = streams[1 - direction]
        if flags & ACK:
            other.seen = segment.acknowledgement
            if other.unacked >= 0 or other.probing:
                other.acked(segment.acknowledgement)
        if flags & RST:
            travelling.accept(None)
            return self.part(session)
        streams[direction].take(travelling)
        if flags & FIN:
            self._closing(session, direction)
        return None

    def _closing(self, session: StreamSession, direction: Direction) -> None:
        """A FIN in each direction ends the session; what repeats may still come is answered while it lingers."""
        session.finished |= 1 << direction
        session.version += 1
        if session.finished == CLOSED:
            self.part(session)

    def _reset(self, session: StreamSession, travelling: Travelling, event: str) -> None:
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
        self.end(session)

    def _take_up(self, queued: Queued, segment: Segment, now: float) -> StreamSession | None:
        """A segment without a session: the first of one, or one that nobody can vouch for."""
        session: Session | None = None
        if segment.flags & (SYN | ACK) == SYN:
            session = self.begin(segment.flow, queued.mark, now, queued.interfaces)
        else:
            self.count(queued.mark, "sessions-unknown")
        if isinstance(session, StreamSession):
            return session
        queued.release(None, queued.mark | UNTOUCHED)
        return None

    # ----- datagrams

    def _ordinary_datagram(self, session: Session | None, queued: Queued, now: float) -> bool:
        """A datagram without IP options; False when it is anything else, and nothing was done."""
        raw = queued.raw
        if len(raw) < _LEAST or queued.mark & AFTER_NAT == AFTER_NAT:
            return False
        first = raw[0]
        if first == 0x45:
            key, at, protocol = raw[12:24], 20, raw[9]
        elif first >> 4 == 6:
            key, at, protocol = raw[8:44], 40, raw[6]
        else:
            return False
        if protocol != UDP or len(raw) < at + 8 or _LENGTH.unpack_from(raw, at + 4)[0] + at != len(raw):
            return False
        if isinstance(session, DatagramSession) and key in session.keys:
            self._judged(session, ORIGINAL if key == session.keys[0] else REPLY, queued, raw[at + 8 :], now)
        else:
            self._keyed(key, queued, raw[at + 8 :], now)
        return True

    def _datagram(self, queued: Queued, datagram: Datagram, now: float) -> None:
        """A datagram of any kind."""
        if queued.mark & AFTER_NAT == AFTER_NAT:
            self._behind_nat(queued, datagram, now)
        else:
            self._keyed(datagram.key, queued, datagram.payload, now)

    def _keyed(self, key: bytes, queued: Queued, payload: bytes, now: float) -> None:
        """A datagram with these addresses and ports, whose mark does not say whose it is."""
        known, mark = self._flows.get(key), queued.mark
        if known is not None:
            if self._undecided(known, mark):
                return queued.release(None, known.base_mark | AFTER_NAT)
            return self._judged(known, ORIGINAL if key == known.keys[0] else REPLY, queued, payload, now)
        flow = _flow(key)
        if mark >> SLOT_SHIFT and self._answers(flow, mark):
            # Nobody knows any more what it answers. The next one from the other side begins a session.
            self.count(mark, "sessions-unknown")
            return queued.release(None, mark)
        made = self.begin(flow, mark, now, queued.interfaces)
        if isinstance(made, DatagramSession):
            if self._undecided(made, mark):
                return queued.release(None, made.base_mark | AFTER_NAT)
            return self._judged(made, ORIGINAL, queued, payload, now)
        return queued.release(None, mark | UNTOUCHED)

    def _undecided(self, session: DatagramSession, mark: int) -> bool:
        """Whether a datagram is to be judged behind source NAT: its conntrack entry is new, so it has no slot yet."""
        return (
            session.descriptor.after_nat
            and not mark >> SLOT_SHIFT
            and self.kernel.nat_decides_late
            and not session.untouched
        )

    def _behind_nat(self, queued: Queued, datagram: Datagram, now: float) -> None:
        """A datagram that was let through the forward path unjudged: NAT has decided what others know its sender by."""
        slot, flow = queued.mark >> SLOT_SHIFT, datagram.flow
        session = self.session(slot)
        direction = late.direction(session, flow) if isinstance(session, DatagramSession) else None
        if direction is None or not isinstance(session, DatagramSession):
            # The session has ended meanwhile.
            self.count(queued.mark, "sessions-unknown")
            return queued.drop()
        if not late.translated(session, direction, flow, published=bool(queued.mark & PUBLISHED)):
            session.count("clashed")
            return queued.drop()
        session.count("judged-after-nat")
        return self._judged(session, direction, queued, datagram.payload, now)

    def _answers(self, flow: FlowTuple, mark: int) -> bool:
        """Whether a packet goes in the reply direction of its conntrack entry."""
        translation = self.kernel.translation(flow, mark)
        return translation is not None and translation.original.source != flow.source

    def _judged(
        self,
        session: DatagramSession,
        direction: Direction,
        queued: Queued,
        payload: bytes,
        now: float,
        *,
        since: float = 0.0,
    ) -> None:
        """Have a datagram's payload judged, and give its verdict. since: when it began to wait, 0 for now."""
        before, session.last_s = session.last_s, now
        if not since:
            session.messages += 1
            self.counters.memory[session.packets_cell] += 1
        left = session.judge(direction, payload)
        if session.waiting:
            session.waiting = False
            session.last_s = before
            self.waiting.enter(Held(session, direction, queued, payload, since or now))
            return
        if session.descriptor.kept:
            session.save(self.checkpoint)
        if left is payload:
            queued.release(None, session.mark)
        elif left is None:
            session.last_s = before  # what is refused keeps no session alive
            queued.drop()
        else:
            try:
                queued.release(changed(queued.raw, left), session.mark)
            except GrowthError:
                session.count("growth-refused")
                queued.drop()
        if session.ending:
            session.ending = False
            self.end_soon(session)
        self.proceed(session, now)

    def proceed(self, session: DatagramSession, now: float) -> None:
        """Judge anew what waits, when the session has said so."""
        if session.proceeding:
            session.proceeding = False
            self.judge_waiting(now, session.descriptor.name)

    def judge_waiting(self, now: float, alg: str = "") -> None:
        """Judge anew what waits of an ALG, or of every one."""
        for held in self.waiting.take(now, alg):
            if held.session.over:
                held.queued.drop()
            elif isinstance(held.what, bytes):
                self._judged(held.session, held.direction, held.queued, held.what, now, since=held.since)
            else:
                keyed.handle(self, held.session, held.queued, now, since=held.since)

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.waiting:
            self.judge_waiting(now)


def _flow(key: bytes) -> FlowTuple:
    """What a datagram's addresses and ports say."""
    octets = len(key) - 4 >> 1
    ports = 2 * octets
    return FlowTuple(
        UDP,
        Endpoint(key[:octets], key[ports] << 8 | key[ports + 1]),
        Endpoint(key[octets:ports], key[ports + 2] << 8 | key[ports + 3]),
    )


def _direction(session: StreamSession, segment: Segment) -> Direction | None:
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
