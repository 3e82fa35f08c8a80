"""Streams that close while media that they announced go on."""

from __future__ import annotations

import pytest

from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.gatekeeper import GateLimits
from applianced.model.media import MediaGate
from applianced.model.tuples import TCP, Endpoint, FlowTuple
from applianced.packet.segment import ACK, FIN, PSH, RST, SYN
from tests.support.callers import DESCRIPTOR, CallerStream
from tests.support.engine import CLIENT, SERVER, Bench, FakeKernel, Packet, octets

FRESH = ALG_NUMBERS["sip"] | CONTROL
OWN = "10.0.0.1:4000"
OPEN = f"open a {OWN} {OWN} 192.0.2.9:6000 idle 40\n".encode()


class StreamBench(Bench):
    """A routed client whose session is open."""

    def connect(self, client: Endpoint = CLIENT) -> None:
        self.positions = {client: 1, SERVER: 1}
        self.client = client
        self.segment(client, SERVER, SYN, -1)
        self.segment(SERVER, client, SYN | ACK, -1)

    def segment(
        self, source: Endpoint, destination: Endpoint, flags: int, before: int = 0, payload: bytes = b""
    ) -> Packet:
        flow = FlowTuple(TCP, source, destination)
        flow = flow.reversed if flow.reversed in self.marks else flow
        sequence = self.positions[source] + before
        packet = Packet(
            octets(source, destination, flags, sequence=sequence, ack=self.positions[destination], payload=payload),
            self.marks.get(flow, FRESH),
        )
        self.engine.handle(packet, self.now)
        self.positions[source] += len(payload) + (1 if flags & FIN else 0)
        self.marks[flow] = packet.mark
        return packet

    def word(self, said: bytes) -> None:
        assert self.segment(self.client, SERVER, ACK | PSH, payload=said).released

    def close(self) -> None:
        self.segment(self.client, SERVER, ACK | FIN)
        self.segment(SERVER, self.client, ACK | FIN)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.engine.tick(self.now)
        while self.engine.turn(self.now):
            pass

    @property
    def media(self) -> list[MediaGate]:
        return [gate for gate in self.kernel.gates.values() if isinstance(gate, MediaGate)]


@pytest.fixture
def bench() -> StreamBench:
    made = StreamBench(kernel=FakeKernel(public=CLIENT.address), descriptor=DESCRIPTOR)
    made.connect()
    made.word(OPEN)
    assert len(made.media) == 2
    return made


def test_media_go_on_until_another_session_closes_them(bench: StreamBench) -> None:
    (session,) = bench.engine.live()
    bench.close()
    bench.later(1)
    assert bench.engine.live() == [session]
    assert len(bench.media) == 2
    alg = session.alg
    assert isinstance(alg, CallerStream)
    assert alg.ticks, "its time goes on"
    bench.marks.clear()
    bench.connect(CLIENT._replace(port=1001))
    bench.word(b"close a\n")
    assert not bench.media
    bench.later(1)
    assert session.over


def test_also_after_a_reset(bench: StreamBench) -> None:
    bench.segment(CLIENT, SERVER, RST)
    bench.later(1)
    assert len(bench.media) == 2
    bench.later(45)
    bench.later(45)
    assert not bench.media, "they were silent"
    assert not bench.engine.live()


def test_also_when_nobody_saw_the_end(bench: StreamBench) -> None:
    bench.kernel.knows = False
    for step in range(4):
        bench.kernel.heard = dict.fromkeys(bench.kernel.gates, step + 1)
        bench.later(30)
    assert len(bench.media) == 2
    assert bench.engine.live()


def test_a_successor_takes_it_up(bench: StreamBench) -> None:
    bench.close()
    assert bench.start() == 1
    bench.later(1)
    assert len(bench.media) == 2
    bench.connect(CLIENT._replace(port=1001))
    bench.word(b"close a\n")
    bench.later(1)
    assert len(bench.engine.live()) == 1


def test_a_stream_without_media_ends(bench: StreamBench) -> None:
    bench.word(b"close a\n")
    bench.close()
    assert not bench.engine.live()


def test_where_data_sessions_are_coupled_media_end_with_it() -> None:
    made = StreamBench(kernel=FakeKernel(public=CLIENT.address), descriptor=DESCRIPTOR)
    made.start(GateLimits(coupled=True))
    made.connect()
    made.word(OPEN)
    made.close()
    assert not made.media
