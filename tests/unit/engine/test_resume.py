"""A worker killed at any packet: its successor goes on from the checkpoint, and both ends see one stream."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.compiler.marks import SLOT_SHIFT, UNACKED, UNTOUCHED
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.kernel import Translation
from applianced.engine.worker import Engine
from applianced.model.tuples import ORIGINAL, TCP, Direction, FlowTuple
from applianced.packet.segment import ACK, FIN, PSH, SYN, Segment
from applianced.packet.sequence import advance, distance
from tests.support.engine import CLIENT, FRESH, SERVER, Bench, FakeKernel, Packet, announcement, octets
from tests.support.soak import rounds
from tests.support.tcp_model import Kernel as Offsets

START = 1000


class KilledError(BaseException):
    """The worker is gone in the middle of a packet; nothing in it can catch that."""


@dataclass
class DyingPacket(Packet):
    """A packet at whose verdict the worker may die: before it is given, or just after."""

    world: World | None = None

    def release(self, packet: bytes | None, mark: int) -> None:
        assert self.world is not None
        when = self.world.death()
        if when != "before":
            super().release(packet, mark)
            self.world.leave(self)
        if when:
            raise KilledError


class DyingCheckpoint(Checkpoint):
    """A checkpoint at whose every write the worker may die."""

    def __init__(self, world: World, memory: memoryview, slots: int) -> None:
        super().__init__(memory, slots)
        self.world = world

    def _write(self, slot: int, values: tuple[Any, ...], bit: int, offset: int, room: int) -> None:
        self.world.write()
        super()._write(slot, values, bit, offset, room)

    def publish(self, slot: int, first: int, second: int) -> None:
        self.world.write()
        super().publish(slot, first, second)


class OffsetKernel(FakeKernel):
    """Shifts sequence numbers of the client's direction, with one correction point."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Offsets()

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        found = super().translation(flow, mark)
        return found._replace(offsets=(self.offsets.after, 0)) if found is not None else None

    def announce(
        self, session: Translation, direction: Direction, position: int, before: int, after: int, *, first: bool
    ) -> bool:
        assert direction is ORIGINAL
        self.offsets = Offsets(position, before, after)
        return True


class World:
    """A client that sends `data`, loses, repeats and repacks, and a server that acknowledges what it has."""

    def __init__(self, data: bytes, seed: int, *, deaths: float, loss: float, deaths_in_writes: float = 0.0) -> None:
        self.data = data
        self.random = random.Random(seed)
        self.deaths, self.loss = deaths, loss
        self.deaths_in_writes = 0.0
        self.kernel = OffsetKernel()
        self.bench = Bench(self.kernel, checkpoint=lambda memory, slots: DyingCheckpoint(self, memory, slots))
        self.deaths_in_writes = deaths_in_writes
        self.mark = FRESH
        self.received = b""
        self.early: dict[int, bytes] = {}
        self.acks: list[int] = []
        self.finished = False
        self.una = 0
        self.killed = 0

    def death(self) -> str:
        if self.random.random() >= self.deaths:
            return ""
        return self.random.choice(("before", "after"))

    def pass_through(self, raw: bytes) -> None:
        """One packet through the queue, or past it where the ruleset lets it."""
        segment = Segment(raw)
        assert not self.mark & UNTOUCHED, "a session that was known is lost"
        packet = DyingPacket(raw, self.mark, world=self)
        if not segment.payload and not segment.flags & (SYN | FIN) and not self.mark & UNACKED:
            packet.released = raw
            self.leave(packet)
            return
        try:
            self.bench.engine.handle(packet, self.bench.now)
        except KilledError:
            self.killed += 1
            self._restart()

    def _restart(self) -> None:
        """The next worker, which may die as well before it is ready."""
        for _ in range(50):
            try:
                self.bench.start()
            except KilledError:
                continue
            return

    def write(self) -> None:
        if self.random.random() < self.deaths_in_writes:
            raise KilledError

    def leave(self, packet: Packet) -> None:
        """A packet behind the gateway."""
        self.mark = packet.mark
        assert packet.released is not None
        segment = Segment(packet.released)
        if self.random.random() < self.loss:
            return
        if segment.source == SERVER.port:
            back = self.kernel.offsets.back(segment.acknowledgement)
            self.una = max(self.una, distance(back, START))
        elif not segment.flags & SYN:
            self._receive(segment)

    def _receive(self, segment: Segment) -> None:
        at = distance(self.kernel.offsets.out(segment.sequence), START)
        if segment.payload:
            self.early[at] = max(self.early.get(at, b""), segment.payload, key=len)
        for begin in sorted(self.early):
            octets_ = self.early[begin]
            overlap = self.received[begin:]
            if begin <= len(self.received):
                assert octets_[: len(overlap)] == overlap[: len(octets_)], "a repeat with other octets"
                self.received += octets_[len(self.received) - begin :]
        end = at + len(segment.payload)
        self.finished = self.finished or bool(segment.flags & FIN and end == len(self.received))
        self.acks.append(advance(START, len(self.received) + self.finished))

    def _send(self, at: int, size: int, flags: int = ACK | PSH) -> None:
        if self.random.random() >= self.loss:
            sequence = advance(START, at)
            self.pass_through(octets(CLIENT, SERVER, flags, sequence=sequence, payload=self.data[at : at + size]))

    def _acknowledge(self) -> None:
        acks, self.acks = self.acks, []
        for ack in acks:
            self.pass_through(octets(SERVER, CLIENT, ACK, ack=ack))

    def run(self) -> bytes:
        """Send everything, and a FIN; what the server has got."""
        while self.mark == FRESH:
            self.pass_through(octets(CLIENT, SERVER, SYN, sequence=advance(START, -1)))
        total, following = len(self.data), 0
        for _ in range(3000):
            if self.una > total:
                return self.received
            for _ in range(self.random.randint(1, 4)):
                size = min(self.random.randint(1, 30), total - following)
                if size > 0:
                    self._send(following, size)
                    following += size
            if following >= total:
                self._send(total, 0, ACK | FIN)
            self._acknowledge()
            if self.random.random() < 0.5:
                following = min(max(self.una, 0), total)
                size = min(self.random.randint(60, 200), total - following)
                if size > 0:
                    self._send(following, size)
                    following += size
                self._acknowledge()
        raise AssertionError(f"stuck: {self.una} of {total} acknowledged, {len(self.received)} received")


LINES = st.lists(st.sampled_from([b"P2000\n", b"P2001\n", b"C\n", b"hello\n", b"a longer line\n", b"\n"]), max_size=25)


def expected(lines: list[bytes]) -> bytes:
    """What the server gets without any deaths."""
    sent, asked = [], 0
    for line in lines:
        if line.startswith(b"P"):
            asked += 1
            line = announcement(asked, int(line[1:]))
        sent.append(line)
    return b"".join(sent)


def check(world: World, lines: list[bytes]) -> None:
    assert world.run() == expected(lines)
    assert not world.bench.count("sessions-unknown")
    assert not world.bench.count("session-resets")
    assert {gate.number for gate in world.kernel.gates.values()} >= set(world.bench.keeper.gates), "books without gates"


@settings(max_examples=rounds(60), deadline=None)
@given(LINES, st.integers(0, 2**32))
def test_killed_at_any_packet(lines: list[bytes], seed: int) -> None:
    check(World(b"".join(lines), seed, deaths=0.3, loss=0.0), lines)


@settings(max_examples=rounds(60), deadline=None)
@given(LINES, st.integers(0, 2**32))
def test_killed_at_any_packet_with_loss(lines: list[bytes], seed: int) -> None:
    check(World(b"".join(lines), seed, deaths=0.15, loss=0.15), lines)


@settings(max_examples=rounds(60), deadline=None)
@given(LINES, st.integers(0, 2**32))
def test_killed_at_any_write_to_the_checkpoint(lines: list[bytes], seed: int) -> None:
    """Nothing is torn: what was being written counts as not written."""
    check(World(b"".join(lines), seed, deaths=0.0, loss=0.1, deaths_in_writes=0.15), lines)


def test_gates_and_changes_outlive_the_worker() -> None:
    """The successor has the gates in its books, the ports held, and answers a repeat as its predecessor would."""
    bench = Bench()
    bench.send(CLIENT, SERVER, SYN, sequence=100)
    first = bench.send(CLIENT, SERVER, sequence=101, ack=501, payload=b"P2000\n")
    before = dict(bench.keeper.gates)

    assert bench.start() == 1

    assert bench.keeper.gates == before
    assert bench.kernel.gates.keys() == before.keys()
    again = bench.send(CLIENT, SERVER, sequence=101, ack=501, payload=b"P2000\n")
    assert again.payload == first.payload
    assert bench.count("sessions-resumed") == 1
    assert bench.count("asked") == 1, "a repeat opens nothing"
    waiting = bench.send(CLIENT, SERVER, sequence=107, ack=501, payload=b"P2001\n")
    assert waiting.waiting, "the successor knows of the change that is on its way"
    bench.send(SERVER, CLIENT, ACK, sequence=501, ack=101 + len(first.payload))
    assert waiting.payload == announcement(2, 2001)
    numbers = [gate.number for gate in bench.keeper.gates.values()]
    assert len(set(numbers)) == 2
    assert bench.kernel.announced[-1][2] == len(announcement(1, 2000)) - 6


def test_where_a_session_entered_outlives_the_worker() -> None:
    bench = Bench()
    bench.engine.handle(Packet(octets(CLIENT, SERVER, SYN, sequence=100), FRESH, interfaces=(7, 8)), bench.now)
    assert bench.start() == 1
    (session,) = bench.engine.live()
    assert session.control.incoming == 7


def test_a_disabled_alg_is_not_resumed() -> None:
    bench = Bench()
    bench.send(CLIENT, SERVER, SYN, sequence=100)
    bench.engine.configure({}, bench.keeper.limits, 65536, bench.now)
    flow = FlowTuple(TCP, CLIENT, SERVER)
    assert bench.marks[flow]
    saved = bench.engine.checkpoint.load()
    bench.engine.sessions[1] = None
    assert saved
    assert bench.engine.resume(bench.now) == 0
    assert not bench.engine.checkpoint.load()


def test_a_session_that_cannot_be_restored_passes_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs itself alone: the others are resumed, and the worker starts."""
    another = CLIENT._replace(port=CLIENT.port + 1)
    bench = Bench()
    for client in (CLIENT, another):
        bench.send(client, SERVER, SYN, sequence=100)
        bench.send(client, SERVER, sequence=101, ack=501, payload=b"P2000\n")
    broken = bench.marks[FlowTuple(TCP, CLIENT, SERVER)] >> SLOT_SHIFT
    alg = bench.engine.sessions[broken].alg.snapshot()  # type: ignore[union-attr]
    bench.engine.checkpoint.save_alg(broken, (*alg, "what no ALG of ours writes"))
    bench.engine.checkpoint.publish(broken, 107, 501)
    failed: list[int] = []
    resume = Engine.resume
    monkeypatch.setattr(Engine, "resume", lambda engine, now: resume(engine, now, failed.append))

    assert bench.start() == 1

    assert failed == [broken]
    assert bench.count("sessions-resumed") == 1
    assert bench.engine.checkpoint.load().keys() == {3 - broken}, "cleared"
    opened = bench.count("gates-opened")
    packet = bench.send(CLIENT, SERVER, sequence=107, ack=501, payload=b"P2001\n")
    assert packet.payload == b"P2001\n"
    assert packet.mark & UNTOUCHED
    assert bench.count("sessions-unknown") == 1
    assert bench.count("gates-opened") == opened
    bench.send(SERVER, another, ACK, sequence=501, ack=200)
    assert bench.send(another, SERVER, sequence=107, ack=501, payload=b"P2001\n").payload == announcement(2, 2001)
    fresh = bench.send(CLIENT._replace(port=7), SERVER, SYN, sequence=100)
    assert fresh.mark >> SLOT_SHIFT == broken, "its slot is free"
