"""The table of flow offload follows plan and devices; sessions end whatever the kernel does with them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from applianced.dataplane import fastpath
from applianced.dataplane.conntrack import Entry
from applianced.dataplane.fastpath import FastPath
from applianced.engine.kernel import Translation
from applianced.errors import DataplaneError
from applianced.model.tuples import TCP, Endpoint, FlowTuple, packed

ONE, OTHER = (
    FlowTuple(TCP, Endpoint(packed("10.0.0.1"), port), Endpoint(packed("192.0.2.1"), 80)) for port in (1000, 1001)
)


def entry(flow: FlowTuple, *, offloaded: bool = False, number: int = 1) -> Entry:
    return Entry(
        translation=Translation(flow, flow.reversed), mark=0, policy=1, state="established", ending=False, packets=9,
        octets=900, timeout_s=0, started_s=0.0, id=number, offloaded=offloaded,
    )  # fmt: skip


FLOW = {"tcp_session_timeout_s": 1800, "udp_session_timeout_s": 60}


def plan(*policies: int, interfaces: tuple[str, ...] = ("lan0", "wan0")) -> dict[str, Any]:
    return {"offload": {"policies": list(policies), "interfaces": list(interfaces), "silent_s": 30}, "flow": FLOW}


@dataclass
class Kernel:
    """Stands for nft, the devices and conntrack of a kernel, which has flow tables or not."""

    flowtables: bool = True
    devices: dict[str, int] = field(default_factory=lambda: {"lo": 1, "lan0": 2, "wan0": 3})
    table: str = ""
    loads: list[str] = field(default_factory=list)
    refuses: str = ""
    sessions: set[FlowTuple] = field(default_factory=set)
    offloaded_sessions: set[FlowTuple] = field(default_factory=set)
    leaving: int = 0
    """How often a session that has left the flow table is in it yet."""
    number: int = 1
    """By which the kernel tells sessions of the same tuple apart."""

    def load(self, text: str) -> None:
        if self.refuses:
            raise DataplaneError("nft", self.refuses)
        self.loads.append(text)
        self.table = "" if text == "delete table inet fastpath\n" else text

    def table_exists(self, _: object, name: str) -> bool:
        assert name == "fastpath"
        return bool(self.table)

    def delete(self, original: FlowTuple) -> int:
        if original not in self.sessions:
            return errno.ENOENT
        if original in self.offloaded_sessions:
            if self.table:
                return errno.EBUSY
            self.leaving -= 1
            if self.leaving >= 0:
                return errno.EBUSY
            self.offloaded_sessions.discard(original)
        self.sessions.discard(original)
        return 0

    def lookup(self, original: FlowTuple) -> Entry | None:
        return entry(original, number=self.number) if original in self.sessions else None

    def offloaded(self) -> int:
        return len(self.offloaded_sessions)

    def named(self) -> list[str]:
        """The devices that the table names."""
        return [name for name in ("lan0", "wan0", "lo") if f'"{name}"' in self.table]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(fastpath.nft, "load", made.load)
    monkeypatch.setattr(fastpath.nft, "table_exists", made.table_exists)
    monkeypatch.setattr(fastpath.nft, "counted", lambda _, table, counter: 7 if counter in made.table else 0)
    monkeypatch.setattr(fastpath.nft, "has_flowtables", lambda: made.flowtables)
    monkeypatch.setattr(
        fastpath.socket, "if_nameindex", lambda: [(index, name) for name, index in made.devices.items()]
    )
    return made


@pytest.fixture
def path(kernel: Kernel) -> Iterator[FastPath]:
    made = FastPath(None, kernel)  # type: ignore[arg-type]
    yield made
    made.close()


def state(path: FastPath) -> dict[str, Any]:
    shown = path.operations["offload"]({})
    assert shown is not None
    return shown


def after_a_while(path: FastPath) -> None:
    """A tick after the pause between two looks."""
    path._next_look = 0.0
    path.tick()


def test_nothing_is_asked_of_the_kernel_without_such_a_policy(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(interfaces=()))
    path.tick()
    assert not kernel.loads
    assert state(path) == {"state": "unused", "reason": "", "interfaces": [], "sessions": 0, "by-rules": 0}


def test_the_table_names_the_devices_that_are_there(path: FastPath, kernel: Kernel) -> None:
    del kernel.devices["wan0"]
    path.take(plan(1))
    assert kernel.named() == ["lan0"]
    kernel.offloaded_sessions.add(ONE)
    assert state(path) == {"state": "active", "reason": "", "interfaces": ["lan0"], "sessions": 1, "by-rules": 7}


def test_it_follows_devices(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(1))
    path.tick()
    assert len(kernel.loads) == 1
    kernel.devices["wan0"] = 9
    after_a_while(path)
    assert len(kernel.loads) == 2, "another device of this name"
    del kernel.devices["wan0"]
    after_a_while(path)
    assert kernel.named() == ["lan0"]
    del kernel.devices["lan0"]
    after_a_while(path)
    assert not kernel.table
    assert "none of the interfaces" in state(path)["reason"]
    assert state(path)["state"] == "failed"


def test_a_plan_that_changes_nothing_of_it_leaves_it_alone(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(1, 2))
    path.take(plan(1, 2))
    assert len(kernel.loads) == 1
    path.take(plan(2))
    assert len(kernel.loads) == 2
    path.take(plan())
    assert not kernel.table
    path.take(None)
    assert len(kernel.loads) == 3


def test_a_table_that_was_deleted_comes_back(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(1))
    kernel.table = ""
    after_a_while(path)
    assert kernel.named() == ["lan0", "wan0"]


def test_a_kernel_without_flow_tables_says_so_once(
    path: FastPath, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    kernel.flowtables = False
    path.take(plan(1))
    after_a_while(path)
    assert not kernel.loads
    assert state(path)["state"] == "unsupported"
    assert "this kernel has none" in state(path)["reason"]
    assert len(caplog.records) == 1
    assert "the rules forward these sessions" in caplog.text


def test_what_the_kernel_refuses_is_tried_again(path: FastPath, kernel: Kernel) -> None:
    kernel.refuses = "no memory"
    path.take(plan(1))
    assert state(path) | {"reason": ""} == {
        "state": "failed",
        "reason": "",
        "interfaces": [],
        "sessions": 0,
        "by-rules": 0,
    }
    assert "no memory" in state(path)["reason"]
    kernel.refuses = ""
    after_a_while(path)
    assert state(path)["state"] == "active"


def test_renewal_is_a_new_table_where_there_is_one(path: FastPath, kernel: Kernel) -> None:
    path.renew()
    assert not kernel.loads
    path.take(plan(1))
    path.renew()
    assert len(kernel.loads) == 2


def test_sessions_that_are_not_offloaded_end_beside_the_table(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(1))
    kernel.sessions = {ONE}
    assert path.end([entry(ONE), entry(OTHER)]) == [True, False]
    assert len(kernel.loads) == 1


def test_an_offloaded_session_leaves_the_table_at_once(path: FastPath, kernel: Kernel) -> None:
    """Also where the kernel deletes it right away."""
    path.take(plan(1))
    kernel.sessions = {ONE}
    assert path.end([entry(ONE, offloaded=True)]) == [True]
    assert len(kernel.loads) == 2
    assert kernel.loads[0] == kernel.loads[1]


def test_an_offloaded_session_ends_while_the_table_is_away(path: FastPath, kernel: Kernel) -> None:
    path.take(plan(1))
    kernel.sessions, kernel.offloaded_sessions, kernel.leaving = {ONE, OTHER}, {OTHER}, 3
    assert path.end([entry(ONE), entry(OTHER, offloaded=True)]) == [True, True]
    assert not kernel.sessions
    assert kernel.loads[1] == "delete table inet fastpath\n"
    assert kernel.named() == ["lan0", "wan0"], "and it is back"


@pytest.fixture
def late(path: FastPath, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONE was to end, and the kernel does not let go of it."""
    monkeypatch.setattr(fastpath, "LEAVING_S", 0.05)
    path.take(plan(1))
    kernel.sessions, kernel.offloaded_sessions, kernel.leaving = {ONE}, {ONE}, 1 << 30
    assert path.end([entry(ONE, offloaded=True), entry(OTHER)]) == [False, False]


@pytest.mark.usefixtures("late")
def test_while_one_does_not_leave_there_is_no_table(path: FastPath, kernel: Kernel) -> None:
    after_a_while(path)
    path.take(plan(1, 2))
    assert not kernel.table
    assert (state(path)["state"], "away until" in state(path)["reason"]) == ("failed", True)
    assert kernel.sessions == {ONE}


@pytest.mark.usefixtures("late")
def test_one_that_leaves_late_ends_then(path: FastPath, kernel: Kernel) -> None:
    path.tick()
    assert kernel.sessions == {ONE}
    kernel.leaving = 0
    path.tick()
    assert not kernel.sessions
    assert kernel.named() == ["lan0", "wan0"]
    assert (state(path)["state"], state(path)["reason"]) == ("active", "")


@pytest.mark.usefixtures("late")
def test_another_of_the_same_tuple_stays(path: FastPath, kernel: Kernel) -> None:
    kernel.offloaded_sessions, kernel.number = set(), 2
    path.tick()
    assert kernel.sessions == {ONE}
    assert kernel.named() == ["lan0", "wan0"]


@pytest.mark.usefixtures("late")
def test_one_that_has_ended_by_itself_is_not_waited_for(path: FastPath, kernel: Kernel) -> None:
    kernel.sessions, kernel.offloaded_sessions = set(), set()
    path.tick()
    assert kernel.named() == ["lan0", "wan0"]
