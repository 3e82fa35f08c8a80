"""Timeouts of applications for sessions that have left the flow table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from applianced.compiler.marks import OWN_TIME, OWN_TIME_SHIFT
from applianced.dataplane.conntrack import Entry
from applianced.dataplane.owntimes import AT_ONCE, BETWEEN_S, OwnTimes, time_left_s
from applianced.engine.kernel import Translation
from applianced.model.tuples import TCP, UDP, Endpoint, FlowTuple, packed

FLOW = {"tcp_session_timeout_s": 1800, "udp_session_timeout_s": 60}


def session(timeout_s: int, own_s: int = 300, *, protocol: int = TCP, port: int = 1000, **fields: object) -> Entry:
    flow = FlowTuple(protocol, Endpoint(packed("10.0.0.1"), port), Endpoint(packed("192.0.2.1"), 80))
    entry = Entry(
        translation=Translation(flow, flow.reversed), mark=OWN_TIME | own_s << OWN_TIME_SHIFT, policy=1,
        state="established" if protocol == TCP else "none", ending=False, packets=9, octets=900, timeout_s=timeout_s,
        started_s=0.0,
    )  # fmt: skip
    return replace(entry, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "left_s"),
    [
        (session(1770), 270),  # silent for the 30 seconds that it was in the flow table yet
        (session(1500), 1),  # found very late
        (session(1801), 300),  # after a commit that made the protocol's shorter
        (session(300), None),
        (session(12), None),
        (session(86400, offloaded=True), None),
        (session(1700, state="syn-sent"), None),
        (session(30, own_s=20, protocol=UDP), 1),
        (session(55, own_s=20, protocol=UDP), 15),
    ],
)
def test_what_is_left(entry: Entry, left_s: int | None) -> None:
    assert time_left_s(entry, FLOW) == left_s


@dataclass
class Table:
    """Stands for conntrack: its sessions, how often it was looked through, and whose time was set."""

    sessions: list[Entry] = field(default_factory=list)
    looks: int = 0
    kept: dict[FlowTuple, int] = field(default_factory=dict)

    def marked(self, mark: int, mask: int) -> Iterator[Entry]:
        self.looks += 1
        return (entry for entry in list(self.sessions) if entry.mark & mask == mark)

    def keep(self, original: FlowTuple, timeout_s: int) -> int:
        self.kept[original] = timeout_s
        return 0


def own_times(table: Table) -> OwnTimes:
    return OwnTimes(table, table)  # type: ignore[arg-type]


def test_a_large_table_is_looked_through_a_part_at_a_time() -> None:
    table = Table([session(1770, port=port) for port in range(2 * AT_ONCE + 1)])
    times = own_times(table)
    for tick, done in enumerate((AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1)):
        times.tick(tick, FLOW, offloading=True)
        assert (len(table.kept), table.looks) == (done, 1)
    assert set(table.kept.values()) == {270}


def test_the_next_look_comes_after_a_pause() -> None:
    table = Table([session(1770)])
    times = own_times(table)
    times.tick(1.0, FLOW, offloading=True)
    times.tick(1.0 + BETWEEN_S / 2, FLOW, offloading=True)
    assert table.looks == 1
    times.tick(1.0 + BETWEEN_S, FLOW, offloading=True)
    assert table.looks == 2


def test_nobody_looks_while_nothing_was_ever_offloaded() -> None:
    table = Table([session(1770)])
    own_times(table).tick(1.0, FLOW, offloading=False)
    assert table.looks == 0


def test_it_goes_on_without_offload_until_the_last_one_has_gone() -> None:
    table = Table([session(1770)])
    times = own_times(table)
    times.tick(1.0, FLOW, offloading=True)
    for second in (10.0, 20.0):
        times.tick(second, FLOW, offloading=False)
    assert table.looks == 3
    table.sessions.clear()
    for second in (30.0, 40.0, 50.0):
        times.tick(second, FLOW, offloading=False)
    assert table.looks == 4
