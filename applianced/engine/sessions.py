"""A control session in its worker's books: who it is, its ALG, its gates. What streams and datagrams have in common.

Session
  StreamSession      stream_sessions.py: two streams of octets, which cannot lose or reorder anything
  DatagramSession    datagram_sessions.py: datagrams, each for itself
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from applianced.alg.actions import Actions, Drop, Note, Now, Pass, Reply, Rewrite
from applianced.alg.contract import Closing, DatagramAlg, Descriptor, Shared, StreamAlg
from applianced.compiler.marks import AWAITED_S, UNTOUCHED
from applianced.engine.actions import PERFORM
from applianced.engine.bindings import Held
from applianced.engine.checkpoint import Checkpoint, Saved
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import GateKeeper
from applianced.engine.judge import Verdicts
from applianced.engine.kernel import Translation
from applianced.engine.ledger import Ledger
from applianced.engine.reporter import Reporter
from applianced.errors import ProtocolError
from applianced.model.gates import Gate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, FlowTuple


class Binding(NamedTuple):
    """An outside port that was taken for a gate to come."""

    endpoint: Endpoint
    protocol: int


class Surroundings(NamedTuple):
    """What the sessions of one worker share. neighbour: the session in a slot, None when there is none. shared: by
    ALG, what its sessions know together. kept: by slot, sessions that live longer than others."""

    keeper: GateKeeper
    counters: Counters
    reporter: Reporter
    neighbour: Callable[[int], Session | None]
    shared: Mapping[str, Shared]
    kept: dict[int, Session]

    def alg(self, form: Callable[..., Any], descriptor: Descriptor, settings: Any, control: ControlSession) -> Any:
        """The ALG of one session."""
        shared = self.shared.get(descriptor.name)
        return form(settings, control) if shared is None else form(settings, control, shared)


class Session:
    """One control session. Its subclasses take packets."""

    __slots__ = (
        "_kept",
        "alg",
        "base_mark",
        "cells",
        "checked_s",
        "closing",
        "control",
        "counters",
        "created_s",
        "descriptor",
        "first_octets",
        "gates",
        "held",
        "keeper",
        "kept_s",
        "kept_set_s",
        "keys",
        "last_s",
        "looked_up",
        "messages",
        "neighbour",
        "over",
        "packets_cell",
        "plain_gates",
        "reporter",
        "rewrites",
        "saved_alg",
        "saved_version",
        "shared",
        "slot",
        "translation",
        "untouched",
        "unused",
        "version",
    )

    streamed = False
    """Whether it is a StreamSession."""

    def __init__(
        self,
        control: ControlSession,
        descriptor: Descriptor,
        alg: StreamAlg | DatagramAlg,
        around: Surroundings,
        *,
        slot: int,
        base_mark: int,
        now: float,
    ) -> None:
        self.control = control
        self.descriptor = descriptor
        self.alg = alg
        self.keeper, self.counters, self.reporter, self.neighbour, _, self._kept = around
        self.shared = around.shared.get(descriptor.name)
        self.cells = self.counters.cells(descriptor.name)
        self.slot = slot
        self.base_mark = base_mark
        self.gates: dict[int, Gate] = {}
        self.held: dict[tuple[int, Endpoint], Held] = {}
        """By protocol and inside endpoint."""
        self.kept_s = self.kept_set_s = 0.0
        """Until when it is kept, and when the kernel was last told."""
        self.plain_gates: dict[int, tuple[Any, ...]] = {}
        """The gates as the checkpoint wants them, made once; without those that are kept apart."""
        self.version = 0
        """Counts what the checkpoint must follow, beside the ALG and the streams."""
        self.saved_version = -1
        self.saved_alg: tuple[Any, ...] | None = None
        """What the checkpoint was last written for."""
        _, (source, source_port), (destination, destination_port) = control.tuple
        ports = source_port << 16 | destination_port, destination_port << 16 | source_port
        self.keys = (
            source + destination + ports[0].to_bytes(4, "big"),
            destination + source + ports[1].to_bytes(4, "big"),
        )
        """Addresses and ports as packets of either direction carry them, without IP options."""
        self.packets_cell = self.cells["packets"]
        self.closing: list[Gate] = []
        self.translation: Translation | None = None
        self.looked_up = False
        self.unused: Binding | None = None
        """A binding whose gate has not been opened yet."""
        self.first_octets = 0
        """Of the packet that asks for a key, while that is judged."""
        self.untouched = False
        self.over = False
        self.messages = 0
        self.rewrites = 0
        self.created_s = self.last_s = self.checked_s = now

    @property
    def mark(self) -> int:
        """The ct mark that the next verdict sets."""
        return self.base_mark | UNTOUCHED if self.untouched else self.base_mark

    def count(self, event: str) -> None:
        """Count an event under this session's ALG."""
        self.counters.memory[self.cells[event]] += 1

    def drive(self, actions: Actions, direction: Direction, data: bytes, verdicts: Verdicts) -> int:
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
                    verdicts.append((action.octets, self.replacement(direction, data[consumed:end], after)))
                    consumed = end
                elif kind is Note:
                    # Of all that remains, these two are most of it.
                    self.counters.memory[self.cells[action.event]] += 1
                    self.reporter.noted(self, action.event, action.detail)
                elif kind is Now:
                    reply = self.last_s
                else:
                    reply = PERFORM[kind](self, action)
        except StopIteration:
            return consumed

    def replacement(self, direction: Direction, before: bytes, after: bytes) -> bytes | None:
        """What may leave in place of `before`; None for that itself."""
        if after == before:
            return None
        self.rewrites += 1
        self.reporter.rewritten(self, direction, before, after)
        return after

    def refuse(self) -> None:
        """The ALG will not have what it judges arrive."""
        raise NotImplementedError

    def done(self) -> None:
        """The ALG says that the session has done what it was for."""
        raise NotImplementedError

    def wait(self) -> None:
        """The ALG cannot judge yet what it is asked about."""
        raise NotImplementedError

    def proceed(self) -> None:
        """What waits for this session may go on."""
        raise NotImplementedError

    def look_up(self) -> None:
        """Ask conntrack for the session's translation."""
        self.looked_up = True
        found = self.keeper.kernel.translation(self.control.tuple, self.base_mark)
        if found is not None and self._opened_by_other(found):
            found = found.turned
        self.translation = found

    def _opened_by_other(self, found: Translation) -> bool:
        """Whether conntrack's entry was made anew by the other party."""
        own = self.control.tuple.source
        return found.original.source != own and found.reply.source == own

    def known_translation(self) -> Translation | None:
        """The session's translation, asked for once; None while conntrack does not know the session."""
        if self.translation is None:
            self.look_up()
        return self.translation

    # ----- gates

    def hold_unused(self, endpoint: Endpoint, protocol: int) -> None:
        """A port was taken; it goes back unless a gate uses it."""
        self.unused = Binding(endpoint, protocol)

    def give_unused(self) -> None:
        """A binding that no gate used goes back."""
        if self.unused is not None:
            self.keeper.unbind(*self.unused)
            self.unused = None

    def take(self, gate: Gate) -> None:
        """A gate of this session is in the kernel."""
        self.gates[gate.number] = gate
        if gate.apart:
            self.keeper.ledger.put(("gate", gate.number), gate.plain)
        else:
            self.plain_gates[gate.number] = gate.plain
            self.version += 1

    def strike(self, number: int, *, over: bool, closing: list[Gate] | None = None) -> None:
        """A gate that the ALG is done with: out of the books now, out of the kernel with the next transaction.

        over: its data session is known to have ended. closing: of another session, whose transaction it is.
        """
        if self.gates.pop(number, None) is None:
            return
        if self.plain_gates.pop(number, None) is not None:
            self.version += 1
        gate = self.keeper.strike(number, self.last_s, over=over)
        if gate is not None:
            (self.closing if closing is None else closing).append(gate)
            self.count("gates-closed")
            self.reporter.gate_closed(self, gate)

    def expire(self, gate: Gate, now: float) -> None:
        """The gate's time is over, used or not."""
        self.strike(gate.number, over=False)
        if (
            gate.awaited
            and gate in self.closing
            and gate.expires_s <= now
            and self.keeper.limits.lifetime_s >= AWAITED_S
        ):
            self.closing.remove(gate)  # the kernel has let go of it by itself
        gate.closed_s = now
        self.count("gates-silent" if gate.media else "gates-expired")

    def give_up(self, gate: Gate) -> None:
        """An awaited gate is left to the kernel, which closes it in a moment: out of the books alone."""
        self.strike(gate.number, over=False)
        self.closing = [struck for struck in self.closing if struck is not gate]

    def close_struck(self) -> None:
        """Take struck gates out of the kernel now; the end of a judgement does so by itself."""
        if self.closing:
            closing, self.closing = self.closing, []
            for gate in closing:
                self.locate(gate)
            self.keeper.shut(closing, self.last_s)

    def open_awaited(self) -> None:
        """Have the kernel open the awaited gate as the packet at hand leaves."""
        raise NotImplementedError

    def locate(self, gate: Gate) -> None:
        """Find out what the kernel has entered for a gate that it opened itself."""
        translation = self.known_translation() if gate.awaited else None
        if translation is not None:
            gate.outside = translation.outside_endpoint(ORIGINAL)
            published = translation.outside(REPLY)
            gate.source = b"" if published == translation.inside(REPLY) else published

    def close_gates(self) -> None:
        """Close what is open, and give back what is held; data sessions under way go on, media end."""
        for number in tuple(self.gates):
            self.strike(number, over=False)
        self.close_struck()
        for held in self.held.values():
            self.keeper.bindings.release(held.outside, held.protocol)
        self.held.clear()

    def hand_over(self, *, keep_gates: bool = False) -> None:
        """Read no further: everything passes from here."""
        self.untouched = True
        self.version += 1
        self.leave()
        if not keep_gates:
            self.close_gates()

    def leave(self) -> None:
        """Nothing of what it shares with others is read on."""
        if self.shared is not None and isinstance(self.alg, Closing):
            self.alg.closed()

    # ----- life

    @property
    def needed(self) -> bool:
        """Whether something of it goes on while it is silent."""
        return bool(self.gates or self.held)

    def keep(self, seconds: float) -> None:
        """Live so long from now without a packet, in the kernel too; 0: as others do."""
        self.kept_s = self.last_s + seconds if seconds > 0 else 0.0
        self.version += 1
        self._kept[self.slot] = self
        self.keep_in_kernel(self.last_s)

    def keep_in_kernel(self, now: float) -> None:
        """Tell the kernel how long the session is kept. What it was told before counts until the next packet."""
        left = int(self.kept_s - now)
        if left > 0 and self.translation is not None:
            self.kept_set_s = now
            self.keeper.kernel.keep(self.translation, left)

    def prompt(self, actions: Actions, now: float) -> None:
        """Do what the ALG asks for without a packet at hand. Raises StreamError when a stream is to be reset."""
        before, self.last_s = self.last_s, now
        try:
            self.drive(actions, ORIGINAL, b"", [])
        except ProtocolError as error:
            self.count(error.event if error.event in self.cells else "protocol-errors")
            self.reporter.noted(self, error.event, str(error))
        finally:
            self.close_struck()
            self.give_unused()
            self.last_s = before

    def drop_held(self) -> None:
        """Take the packets that wait here off the wire."""

    def release(self) -> None:
        """Nobody will ask this session again: untie what would need a garbage collector."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Bring the checkpoint up to date; called before each verdict."""
        if self.over or not self.descriptor.kept:
            return
        if self.shared is not None:
            self.record_shared()
        alg = self.alg.snapshot()
        if alg == self.saved_alg and self.version == self.saved_version:
            return
        if alg != self.saved_alg:
            self.saved_alg = alg
            checkpoint.save_alg(self.slot, alg)
        if self.version != self.saved_version:
            self.saved_version = self.version
            checkpoint.save_session(self.slot, self.snapshot())
        checkpoint.publish(self.slot, -1, -1)

    def record_shared(self) -> None:
        """What has changed of what the sessions of this ALG know together goes into the ledger."""
        if self.shared is not None:
            record(self.keeper.ledger, self.descriptor.name, self.shared)

    def snapshot(self) -> tuple[Any, ...]:
        """Plain values for the checkpoint: as `identity` reads them, then what the session is in."""
        protocol, source, destination = self.control.tuple
        return (
            self.descriptor.name,
            (protocol, tuple(source), tuple(destination)),
            self.base_mark,
            self.untouched,
            self.created_s,
            self.control.incoming,
            tuple(self.plain_gates.values()),
            self.kept_s,
        )

    def restore(self, saved: Saved) -> None:
        """Take up what was saved, in a session made for the same tuple."""
        _, _, _, self.untouched, self.created_s, _, gates, self.kept_s, *_ = saved.session
        self.alg.restore(saved.alg)
        if self.untouched:
            self.leave()
        for plain in gates:
            self.take(Gate.of(plain))


def record(ledger: Ledger, name: str, shared: Shared) -> None:
    """Write into the ledger what has changed of what the sessions of an ALG know together."""
    for key, values in shared.changes():
        if values is None:
            ledger.drop(("shared", name, key))
        else:
            ledger.put(("shared", name, key), values)


def identity(saved: Saved) -> tuple[str, ControlSession, int]:
    """ALG, control session and mark of a saved session. The zones are not kept."""
    name, (protocol, source, destination), mark, _, _, incoming, *_ = saved.session
    flow = FlowTuple(protocol, Endpoint(*source), Endpoint(*destination))
    return name, ControlSession(flow, incoming=incoming), mark
