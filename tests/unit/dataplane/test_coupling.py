"""Control sessions and data sessions that live and end together."""

from __future__ import annotations

from dataclasses import dataclass, field

from applianced.dataplane.conntrack import Entry
from applianced.dataplane.coupling import INTERVAL_S, Coupling
from applianced.engine.kernel import Translation
from applianced.model.tuples import UDP, FlowTuple
from tests.support.datagrams import CLIENT, SERVER, DatagramBench, bench_of

DATA = FlowTuple(UDP, SERVER._replace(port=4444), CLIENT)


@dataclass
class Sessions:
    """Stands for conntrack: one data session, and what was deleted."""

    deleted: list[FlowTuple] = field(default_factory=list)

    def data_sessions(self) -> list[Entry]:
        if DATA in self.deleted:
            return []
        return [
            Entry(
                translation=Translation(DATA, DATA.reversed), mark=0, policy=1, state="none", ending=False,
                packets=9, octets=900, timeout_s=60, started_s=0.0,
            )
        ]  # fmt: skip

    def lookup(self, flow: FlowTuple) -> Entry | None:
        return None

    def delete(self, original: FlowTuple) -> int:
        self.deleted.append(original)
        return 0


def coupled(bench: DatagramBench) -> tuple[Coupling, Sessions]:
    bench.say(b"await")
    sessions = Sessions()
    coupling = Coupling(sessions)  # type: ignore[arg-type]
    coupling.enabled = True
    (session,) = bench.engine.live()
    coupling.opened(session, next(iter(session.gates.values())))
    return coupling, sessions


def test_a_transfer_keeps_its_silent_control_session() -> None:
    bench = bench_of()
    coupling, sessions = coupled(bench)
    for step in range(60):
        bench.now += INTERVAL_S
        coupling.tick(INTERVAL_S * step, bench.now)
        bench.engine.tick(bench.now)
    assert len(bench.engine.live()) == 1
    assert not sessions.deleted


def test_a_transfer_ends_with_its_control_session() -> None:
    bench = bench_of()
    coupling, sessions = coupled(bench)
    bench.engine.abandon(bench.engine.live()[0], bench.now)
    coupling.tick(INTERVAL_S, bench.now)
    assert sessions.deleted == [DATA]


def test_sessions_go_their_own_way_unless_they_are_coupled() -> None:
    bench = bench_of()
    coupling, sessions = coupled(bench)
    coupling.enabled = False
    bench.engine.abandon(bench.engine.live()[0], bench.now)
    coupling.tick(INTERVAL_S, bench.now)
    assert not sessions.deleted
