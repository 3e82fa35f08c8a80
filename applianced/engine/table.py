"""The session table of one worker: who is in which slot, and how sessions begin, outlive their worker, and end.

Rule: no I/O here; effects go through `Kernel`, time is an argument.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import methodcaller
from typing import Any

from applianced.alg.contract import Descriptor, Shared
from applianced.compiler.marks import ALG_MASK, ALG_NAMES, SLOT_SHIFT, UNACKED, UNTOUCHED
from applianced.engine.checkpoint import Checkpoint, Saved
from applianced.engine.counters import Counters
from applianced.engine.datagram_sessions import DatagramSession
from applianced.engine.gatekeeper import GateKeeper, GateLimits
from applianced.engine.inheritance import inherit
from applianced.engine.judge import StreamError
from applianced.engine.kernel import Kernel
from applianced.engine.reporter import SILENT, Reporter
from applianced.engine.sessions import Session, Surroundings, identity, record
from applianced.engine.stream_sessions import CLOSED, StreamSession
from applianced.engine.waiting import Waiting
from applianced.model.gates import Gate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import TCP, FlowTuple

LINGER_S = 60.0
"""A stream that has ended is remembered this long, for repeats that are still under way."""
IDLE_CHECK_S = 60.0
"""A stream silent for so long is looked up in conntrack: pure ACKs and untouched sessions are not seen here."""
UNREAD_CHECK_S = 5.0
"""The same for a session that has gone over to TLS and holds a gate for every port."""
CHECKS_PER_TICK = 256
GRACE_S = 0.1
"""A session of datagrams that is over goes on for so long: another datagram of it may wait in the queue already, and
would be left without its conntrack entry."""
ENDS_PER_TICK = 4096
"""Sessions of datagrams that end by silence, at most, so that packets need not wait long."""
TICK_S = 1.0
"""Between two ticks of a session whose ALG is timed."""
TICKS_AT_ONCE = 128
"""Sessions that get theirs in one go, so that packets need not wait long."""
CROWDED_S = 1.0
"""When there is no room, a session of datagrams makes way that has been silent for so long."""
CROWDED_LOOKS = 16
"""Sessions that are looked at for that, of each ALG."""

_BASE = ~(UNACKED | UNTOUCHED | -1 << SLOT_SHIFT)


class SessionTable:
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
        self.zones: Mapping[int, str] = {}
        """Index of an interface -> the zone that it is in."""
        self.message_limit = 65536
        self.session_limit = checkpoint.slots
        """Sessions under way at once; the slots are the other limit."""
        self.most = 0
        """The most that were under way at once."""
        self.sessions: list[Session | None] = [None] * (checkpoint.slots + 1)
        self.shared: dict[str, Shared] = {
            name: descriptor.shared() for name, descriptor in descriptors.items() if descriptor.shared is not None
        }
        """By ALG, what its sessions know together."""
        self._timed: deque[tuple[float, Session]] = deque()
        """Sessions whose ALG is timed, with when their next tick is due."""
        self._kept: dict[int, Session] = {}
        """By slot, sessions that live longer than others."""
        self._parted: dict[int, StreamSession] = {}
        """By slot, streams that have closed and whose media go on."""
        self._around = Surroundings(keeper, counters, reporter, self.session, self.shared, self._kept)
        self._free = list(range(checkpoint.slots, 0, -1))
        """Slots at rest; the one that was in use last is taken first, its memory is at hand."""
        self._lingering: deque[tuple[float, Session]] = deque()
        self._ending: deque[tuple[float, Session]] = deque()
        """Sessions of datagrams that are over, with the time of their last one."""
        self._quiet: dict[str, deque[tuple[float, Session]]] = {name: deque() for name in descriptors}
        """ALG -> its sessions of datagrams, with when they are to be looked at."""
        self._flows: dict[bytes, DatagramSession] = {}
        """Sessions of datagrams by their keys, one for each direction. The packets that follow a first one closely have
        no mark yet: the queue sees them before its verdict has given their conntrack entry one."""
        self.waiting = Waiting()
        self._check_from = 0

    def configure(self, settings: Mapping[str, Any], limits: GateLimits, message_limit: int, now: float) -> None:
        """New settings (ALG name -> settings object of the enabled ones). Sessions of an ALG that is no longer
        enabled pass untouched from here; the others keep the settings they began with."""
        self.settings = dict(settings)
        limits.of_alg = {name: found.limits.gates for name, found in self.descriptors.items() if found.limits.gates}
        self.keeper.limits = limits
        self.message_limit = message_limit
        for session in self.live():
            if session.descriptor.name not in self.settings and not session.untouched:
                session.last_s = now
                session.hand_over()
                session.save(self.checkpoint)

    @property
    def under_way(self) -> int:
        """How many sessions have not ended."""
        return self.checkpoint.slots - len(self._free) - len(self._lingering)

    def live(self) -> list[Session]:
        """The sessions that have not ended."""
        return [session for session in self.sessions if session is not None and not session.over]

    def session(self, slot: int) -> Session | None:
        """A live session by its slot."""
        session = self.find(slot)
        return None if session is None or session.over else session

    def find(self, slot: int) -> Session | None:
        """The session in a slot, also one that has ended and is remembered."""
        return self.sessions[slot] if 0 < slot < len(self.sessions) else None

    def count(self, mark: int, event: str) -> None:
        """Count an event of a packet without a session, under the ALG that its mark names."""
        name = ALG_NAMES.get(mark & ALG_MASK, "")
        if name in self.descriptors:
            self.counters.count(name, event)

    # ----- the beginning

    def begin(self, flow: FlowTuple, mark: int, now: float, interfaces: tuple[int, int]) -> Session | None:
        """A session for this flow, when its ALG is enabled and there is room; else None, and it is counted.

        interfaces: indices of those that its first packet came in by and leaves by, 0 when nobody knows.
        """
        name = ALG_NAMES.get(mark & ALG_MASK, "")
        if name not in self.settings or not self._reads(name, flow.protocol):
            self.count(mark, "sessions-unknown")
            return None
        if self._full():
            self._make_room(now)
        if self._full():
            self.count(mark, "sessions-refused")
            return None
        incoming, outgoing = interfaces
        zone = self.zones.get
        control = ControlSession(flow, zone(incoming, ""), zone(outgoing, ""), incoming=incoming)
        session = self._make(name, self._free.pop(), control, mark, now)
        under_way = self.under_way
        if under_way > self.most:
            self.most = under_way
        session.count("sessions")
        return session

    def _full(self) -> bool:
        return not self._free or self.under_way >= self.session_limit

    def _make_room(self, now: float) -> None:
        """End what is over, or else a session of datagrams that has been silent for a moment: it has most likely done
        what it was for, and begins anew with its next datagram."""
        self.settle(now, patience_s=0.0)
        if not self._full():
            return
        for quiet in self._quiet.values():
            for _ in range(min(len(quiet), CROWDED_LOOKS)):
                due_s, session = quiet.popleft()
                if session.over:
                    continue
                if session.last_s + CROWDED_S > now:
                    quiet.append((due_s, session))
                    continue
                session.count("sessions-crowded-out")
                for gate in [gate for gate in session.gates.values() if gate.awaited]:
                    session.give_up(gate)
                self._end_quietly(session)
                return

    def _end_quietly(self, session: Session) -> None:
        """End a session of datagrams that has not said that it is over."""
        if session.descriptor.kept:
            self.end(session)
        else:
            # An answer that comes later would find nobody who knows the question.
            self.abandon(session, session.last_s)

    def _reads(self, name: str, protocol: int) -> bool:
        descriptor = self.descriptors[name]
        return (descriptor.streams if protocol == TCP else descriptor.datagrams) is not None

    def _make(self, name: str, slot: int, control: ControlSession, mark: int, now: float) -> Session:
        descriptor, settings, flow = self.descriptors[name], self.settings[name], control.tuple
        base_mark = mark & _BASE | slot << SLOT_SHIFT
        if flow.protocol == TCP:
            stream = StreamSession(
                control, descriptor, settings, self._around,
                slot=slot, base_mark=base_mark, message_limit=self.message_limit, now=now,
            )  # fmt: skip
            self.sessions[slot] = stream
            if descriptor.timed:
                self._timed.append((now + TICK_S, stream))
            return stream
        session = DatagramSession(control, descriptor, settings, self._around, slot=slot, base_mark=base_mark, now=now)
        asked, answered = session.keys
        self.sessions[slot] = self._flows[asked] = self._flows[answered] = session
        self._quiet[name].append((now + descriptor.limits.silence_s, session))
        if descriptor.timed:
            self._timed.append((now + TICK_S, session))
        return session

    # ----- the end

    def abandon(self, session: Session, now: float) -> None:
        """End a session from our side: no gate, no conntrack entry, no memory of it."""
        session.last_s = now
        session.drop_held()
        self.kernel.forget(session.control.tuple, session.base_mark)
        self.end(session)

    def end(self, session: Session) -> None:
        """A session has ended. A stream is remembered for a while."""
        if session.over:
            return
        session.over = True
        session.close_gates()
        session.leave()
        self._kept.pop(session.slot, None)
        self._parted.pop(session.slot, None)
        self.checkpoint.clear(session.slot)
        if session.streamed:
            self._lingering.append((session.last_s + LINGER_S, session))
        else:
            self._forget(session)

    def part(self, session: Session) -> None:
        """A stream has closed. Media that it announced go on, until the ALG closes them (over another session, it may
        be) or they fall silent, and so long the session stays."""
        if isinstance(session, StreamSession) and session.outlived and not self.keeper.limits.coupled:
            session.finished = CLOSED
            session.version += 1
            self._parted[session.slot] = session
            session.save(self.checkpoint)
        else:
            self.end(session)

    def end_soon(self, session: Session) -> None:
        """A session of datagrams is over, unless another one comes."""
        self._ending.append((session.last_s, session))

    def settle(self, now: float, *, patience_s: float = GRACE_S) -> None:
        """End the sessions that are over and have been silent since, for `patience_s`. Called between packets."""
        ending = self._ending
        while ending and ending[0][0] + patience_s <= now:
            last_s, session = ending.popleft()
            if not session.over and session.last_s == last_s:
                session.count("sessions-over")
                self.abandon(session, last_s)

    def _forget(self, session: Session) -> None:
        if self.sessions[session.slot] is session:
            self.sessions[session.slot] = None
            session.release()
            self._free.append(session.slot)
        if not session.streamed:
            for key in session.keys:
                if self._flows.get(key) is session:
                    del self._flows[key]

    # ----- checkpoint

    def resume(self, now: float, failed: Callable[[int], None] = lambda _: None) -> int:
        """Take up the sessions of a worker that died; how many.

        One that cannot be restored is treated as one that nobody saved: it passes untouched from its next packet on,
        which is counted. failed: hears its slot, while its exception is being handled.
        """
        kept = inherit(self.keeper.ledger)
        for name, entries in kept.shared.items():
            if name in self.shared:
                self.shared[name].restore(entries)
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
            if session.kept_s > now:
                self._kept[slot] = session
        kept.hand_out(self.session, self.keeper, now)
        for session in self.live():
            if isinstance(session, StreamSession) and session.finished == CLOSED:
                self.part(session)
        self.most = max(self.most, self.under_way)
        return len(self.live())

    def _restored(self, slot: int, saved: Saved, now: float) -> Session | None:
        """The session of a slot; None when its ALG is no longer enabled."""
        name, control, mark = identity(saved)
        if name not in self.settings:
            return None
        session = self._make(name, slot, control, mark, now)
        session.restore(saved)
        session.save(self.checkpoint)
        return session

    # ----- time

    def tick(self, now: float) -> None:
        """Once a second or so: renew and expire gates, forget ended sessions, look after silent ones."""
        self._renew(now)
        self._close_over(now)
        self.keeper.shut((), now)
        self.keeper.tidy()
        self._keep_alive(now)
        for session in [each for each in self._parted.values() if not each.outlived]:
            self.end(session)
        while self._lingering and self._lingering[0][0] <= now:
            self._forget(self._lingering.popleft()[1])
        self.settle(now)
        self._check_silent(now)
        self._check_unread(now)
        for name, shared in self.shared.items():
            record(self.keeper.ledger, name, shared)
        for name, quiet in self._quiet.items():
            self._end_quiet(quiet, self.descriptors[name], now)

    def _close_over(self, now: float) -> None:
        """Close the gates whose time is over, and the media that are silent."""
        over = (*self.keeper.expired(now), *self.keeper.silent(now))
        for slot, gates in _by_session(over).items():
            session = self.find(slot)
            if session is not None:
                self.close(session, gates, now)

    def close(self, session: Session, gates: Sequence[Gate], now: float) -> None:
        """Close gates of a session that its ALG has not closed, and tell it."""
        for gate in gates:
            session.expire(gate, now)
        session.close_struck()
        if session.descriptor.timed and not session.over:
            for gate in gates:
                self._prompt(session, methodcaller("gone", gate.number), now)
        session.save(self.checkpoint)

    def turn(self, now: float) -> bool:
        """Give sessions whose ALG is timed their ticks, as many as may be between packets; whether more are due."""
        timed = self._timed
        for _ in range(TICKS_AT_ONCE):
            if not timed or timed[0][0] > now:
                return False
            _, session = timed.popleft()
            if session.over:
                continue
            timed.append((now + TICK_S, session))
            # One that is not read any further has gates, and may be the last that looks after what it shares.
            self._prompt(session, methodcaller("tick", now), now)
            session.save(self.checkpoint)
        return bool(timed) and timed[0][0] <= now

    def _prompt(self, session: Session, ask: Callable[[Any], Any], now: float) -> None:
        """Have an ALG ask for what it wants without a packet at hand."""
        try:
            session.prompt(ask(session.alg), now)
        except StreamError as error:
            session.count(error.event)
            session.count("session-resets")
            self.abandon(session, now)
        if isinstance(session, DatagramSession) and session.ending:
            session.ending = False
            self.end_soon(session)

    def _keep_alive(self, now: float) -> None:
        """Sessions that are kept: each packet makes the kernel forget for how long."""
        for slot, session in list(self._kept.items()):
            if session.kept_s <= now:
                del self._kept[slot]
            elif session.last_s >= session.kept_set_s:
                if session.translation is None:
                    session.look_up()
                session.keep_in_kernel(now)

    def _renew(self, now: float) -> None:
        """Have lasting gates go on, and their sessions remember it."""
        for slot, gates in _by_session(self.keeper.renew(now)).items():
            session = self.session(slot)
            if session is not None:
                for gate in gates:
                    session.take(gate)
                session.save(self.checkpoint)

    def _end_quiet(self, quiet: deque[tuple[float, Session]], descriptor: Descriptor, now: float) -> None:
        """End sessions of datagrams that have been silent for long enough."""
        silence_s = descriptor.limits.silence_s
        for _ in range(min(len(quiet), ENDS_PER_TICK)):
            if quiet[0][0] > now:
                break
            _, session = quiet.popleft()
            if session.over:
                continue
            if session.needed or max(session.last_s + silence_s, session.kept_s) > now:
                quiet.append((max(session.last_s, now - silence_s / 2) + silence_s, session))
                continue
            session.count("sessions-silent")
            self._end_quietly(session)

    def _check_silent(self, now: float) -> None:
        """Streams whose end nobody saw: conntrack has let go of them."""
        count = len(self.sessions)
        for _ in range(min(CHECKS_PER_TICK, count)):
            self._check_from = (self._check_from + 1) % count
            session = self.sessions[self._check_from]
            if session is None or session.over or not session.streamed or now - session.checked_s < IDLE_CHECK_S:
                continue
            session.checked_s = now
            if session.slot in self._parted:
                continue
            if now - session.last_s >= IDLE_CHECK_S and not self.kernel.alive(session.control.tuple, session.base_mark):
                self.part(session)

    def _check_unread(self, now: float) -> None:
        """Sessions that nobody reads any more and whose gate is for every port: it ends with them, soon."""
        for gate in self.keeper.for_every_port():
            session = self.session(gate.session)
            if session is None or now - session.checked_s < UNREAD_CHECK_S:
                continue
            session.checked_s = now
            if not self.kernel.alive(session.control.tuple, session.base_mark):
                session.last_s = now
                self.end(session)


def _by_session(gates: Iterable[Gate]) -> dict[int, list[Gate]]:
    """Gates by the slot of their session."""
    found: dict[int, list[Gate]] = {}
    for gate in gates:
        found.setdefault(gate.session, []).append(gate)
    return found
