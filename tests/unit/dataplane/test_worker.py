"""A worker's process without its queue: settings, state, and what an exception costs."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from applianced.dataplane.worker import BEGUN_AT_ONCE, WorkerProcess
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from tests.support import callers, datagrams
from tests.support.engine import CLIENT, DESCRIPTOR, EVENTS, FRESH, SERVER, Packet, octets


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    ours, theirs = socket.socketpair()
    events = {"ftp": EVENTS}
    yield WorkerProcess(
        0,
        1,
        {"ftp": DESCRIPTOR},
        control=theirs,
        counters=Counters(events, memoryview(bytearray(Counters.octets(events)))),
        checkpoint=Checkpoint(memoryview(bytearray(Checkpoint.octets(4))), 4),
    )
    ours.close()
    theirs.close()


def test_an_exception_costs_a_packet_and_not_the_worker(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(worker._engine, "handle", bug)
    packet = Packet(octets(CLIENT, SERVER), FRESH)
    with caplog.at_level(logging.ERROR):
        worker._packet(packet, 0.0)
    assert packet.dropped
    assert "a bug of ours" in caplog.text, "the trace says where"
    monkeypatch.undo()
    following = Packet(octets(CLIENT, SERVER), FRESH)
    worker._packet(following, 0.0)
    assert following.released


def test_an_exception_in_the_tick_does_not_end_the_worker(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker._engine, "tick", bug)
    worker._tick()
    assert "tick" in caplog.text


def test_lists_of_nothing(worker: WorkerProcess) -> None:
    assert worker._on_gates({"state": "all"}) == {"entries": [], "matched": 0, "beyond": 0}
    assert worker._on_sessions({}) == {"entries": [], "matched": 0, "beyond": 0}
    assert worker._on_admitting({"flows": [["192.0.2.1", "203.0.113.1", 5, "10.0.0.1", 6]]}) == {"gates": []}
    nothing = {"control-sessions": 0, "gates": 0, "ports": 0}
    assert worker._on_resources({}) == {
        "used": nothing,
        "peaks": nothing,
        "limits": {"control-sessions": 4, "gates": 16384, "ports": None},
    }
    assert worker._on_stop({}) == nothing


def test_what_is_not_there_is_not_found(worker: WorkerProcess) -> None:
    assert worker._on_close_gate({"gate": 7}) == {"found": False}
    assert worker._on_end_session({"slot": 3}) == {"found": False, "gates": 0}
    assert worker._on_end_session({"slot": 99999}) == {"found": False, "gates": 0}
    assert worker._on_entered({"slots": [3, 99999]}) == {"entered": []}


def test_settings_that_do_not_fit_are_refused_at_prepare(worker: WorkerProcess) -> None:
    with pytest.raises(TypeError):
        worker._on_prepare({"generation": 1, "algs": {"ftp": {"no-such-leaf": True}}})
    worker._on_prepare({"generation": 2, "algs": {"ftp": {"shout": True}}})
    worker._on_abort({"generation": 2})
    with pytest.raises(KeyError):
        worker._on_switch({"generation": 2})


def test_lists_of_an_alg_come_in_pages() -> None:
    """As they were when the first page was asked for."""
    ours, theirs = socket.socketpair()
    events = {"sip": callers.EVENTS}
    worker = WorkerProcess(
        0,
        1,
        {"sip": callers.DESCRIPTOR},
        control=theirs,
        counters=Counters(events, memoryview(bytearray(Counters.octets(events)))),
        checkpoint=Checkpoint(memoryview(bytearray(Checkpoint.octets(4))), 4),
    )
    calls = worker._engine.shared["sip"]
    assert isinstance(calls, callers.Calls)
    for name in ("a", "b", "c"):
        calls.set(name, (1, 2))
    first = worker._on_alg_lists({"alg": "sip", "count": 2})
    calls.pop("c")
    second = worker._on_alg_lists({"alg": "sip", "count": 2, "after": 2})
    assert first == {
        "entries": [("call", {"name": "a", "gates": 2}), ("call", {"name": "b", "gates": 2})],
        "more": True,
    }
    assert second == {"entries": [("call", {"name": "c", "gates": 2})], "more": False}
    assert worker._on_alg_lists({"alg": "sip", "count": 2, "after": 2}) == {"entries": [], "more": False}
    assert worker._on_alg_lists({"alg": "ftp", "count": 2}) == {"entries": [], "more": False}
    ours.close()
    theirs.close()


def test_an_exception_in_a_sessions_tick_costs_that_tick(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker._engine, "turn", bug)
    assert worker._turn(0.0), "the others are still due"
    assert "tick of a session" in caplog.text


class Queue:
    """A packet queue that brings what goes on between any two that begin. full: there is more."""

    def __init__(self, worker: WorkerProcess, *, full: bool = False) -> None:
        self.worker = worker
        self.full = full
        self.drained = 0

    def drain(self) -> bool:
        self.drained += 1
        self.worker._packet(Packet(datagrams.octets(datagrams.CLIENT, datagrams.SERVER, b"goes on" * 4), TFTP), NOW)
        return not self.full


NOW = 1e9
TFTP = datagrams.FRESH
BEGINS = replace(datagrams.DESCRIPTOR, begins=lambda data: data.startswith(b"begin"))


@pytest.fixture
def beginning(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[WorkerProcess, list[bytes]]]:
    """A worker of an ALG whose datagrams begin something, and the payloads that it has handled."""
    ours, theirs = socket.socketpair()
    events = {"tftp": datagrams.EVENTS}
    made = WorkerProcess(
        0,
        1,
        {"tftp": BEGINS},
        control=theirs,
        counters=Counters(events, memoryview(bytearray(Counters.octets(events)))),
        checkpoint=Checkpoint(memoryview(bytearray(Checkpoint.octets(4))), 4),
    )
    handled: list[bytes] = []
    monkeypatch.setattr(made._engine, "handle", lambda packet, now: handled.append(packet.raw[28:33]))
    monkeypatch.setattr("time.time", lambda: NOW)
    yield made, handled
    ours.close()
    theirs.close()


def begin(worker: WorkerProcess, count: int) -> None:
    for _ in range(count):
        worker._packet(Packet(datagrams.octets(datagrams.CLIENT, datagrams.SERVER, b"begin" * 5), TFTP), NOW)


def test_what_goes_on_comes_before_what_begins(
    beginning: tuple[WorkerProcess, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, handled = beginning
    begin(worker, 2)
    assert handled == []
    worker._begin()
    assert handled == [b"begin"] * 2, "before there is a queue"
    monkeypatch.setattr(worker, "_queue", Queue(worker))
    begin(worker, BEGUN_AT_ONCE + 1)
    handled.clear()
    worker._begin()
    assert handled == [b"begin", b"goes "] * BEGUN_AT_ONCE, "then others have their turn"
    assert len(worker._beginnings) == 1
    worker._begin()
    assert handled[-2:] == [b"begin", b"goes "]
    worker._begin()
    assert handled.count(b"begin") == BEGUN_AT_ONCE + 1


def test_nothing_begins_while_more_goes_on(
    beginning: tuple[WorkerProcess, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, handled = beginning
    monkeypatch.setattr(worker, "_queue", Queue(worker, full=True))
    begin(worker, 3)
    worker._begin()
    assert handled == [b"begin", b"goes "]
    worker._on_stop({})
    assert handled == [b"begin", b"goes ", b"goes ", b"begin", b"begin"], "a worker that stops leaves none"
