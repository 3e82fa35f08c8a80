"""A worker's process without its queue: settings, state, and what an exception costs."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from applianced.dataplane.worker import WorkerProcess
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from tests.support import callers
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
