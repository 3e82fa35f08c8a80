"""Events to management: what is wanted, so many a second, and never waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from applianced.dataplane import eventfeed as module
from applianced.dataplane.channel import Decoder
from applianced.dataplane.eventfeed import EventFeed
from applianced.dataplane.eventlog import EventLog
from tests.support.until import until

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


class Management:
    """The other end of a feed."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._decoder = Decoder()

    def read(self) -> list[dict[str, Any]]:
        found = []
        while True:
            try:
                found += self._decoder.feed(self._end.recv(1 << 16))
            except BlockingIOError:
                return found


def test_nothing_is_made_for_nobody(ends: Ends) -> None:
    feed = EventFeed()
    feed.configure({"violation": 0})
    feed.tell("violation", 1.0, {"a": object()})
    feed.follow(ends[0])
    feed.tell("gate-opened", 1.0, {"a": object()})
    feed.tick()
    assert Management(ends[1]).read() == []


def test_what_is_wanted_is_told_and_the_rest_of_a_second_counted(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, management = EventFeed(), Management(ends[1])
    clock = [10.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    feed.configure({"violation": 2, "worker-down": 0})
    feed.follow(ends[0])
    for number in range(5):
        feed.tell("violation", 1.5, {"n": number})
        feed.tell("worker-down", 2.5, {"worker": number})
    feed.tick()
    told = management.read()
    assert [each for each in told if each["event"] == "violation"] == [
        {"event": "violation", "time": 1.5, "fields": {"n": number}} for number in range(2)
    ]
    assert len(told) == 7
    clock[0] = 11.0
    feed.tick()
    assert management.read() == [{"suppressed": {"violation": 3}}]
    feed.tick()
    assert management.read() == []


def test_what_workers_could_not_tell_is_passed_on(ends: Ends) -> None:
    feed, management = EventFeed(), Management(ends[1])
    feed.follow(ends[0])
    feed.configure({"worker-down": 0})
    feed.tell("events-lost", 1.0, {"count": 4})
    feed.configure({"violation": 0})
    feed.tell("events-lost", 1.0, {"count": 5})
    feed.tick()
    assert management.read() == [{"lost": 5}]


def test_management_that_does_not_read_loses_and_learns_how_many(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING_MAX", 10_000)
    feed, management = EventFeed(), Management(ends[1])
    feed.configure({"violation": 0})
    feed.follow(ends[0])
    for number in range(5_000):
        feed.tell("violation", 1.0, {"n": number, "x": "x" * 100})
    told: list[dict[str, Any]] = []

    def all_told() -> bool:
        told.extend(management.read())
        feed.tick()
        return "lost" in told[-1]

    until(all_told)
    # Whole messages, in order, and the rest is a number.
    assert [each["fields"]["n"] for each in told[:-1]] == list(range(len(told) - 1))
    assert told[-1] == {"lost": 5_000 - (len(told) - 1)}
    feed.tell("violation", 1.0, {"n": -1})
    assert management.read()[0]["fields"] == {"n": -1}


def test_the_latest_listener_is_told_and_one_that_is_gone_is_not(ends: Ends) -> None:
    feed = EventFeed()
    feed.configure({"violation": 0})
    gone, other = socket.socketpair()
    feed.follow(gone)
    other.close()
    feed.tell("violation", 1.0, {})
    feed.follow(ends[0])
    feed.forget(gone)
    feed.tell("violation", 2.0, {})
    assert [each["time"] for each in Management(ends[1]).read()] == [2.0]
    feed.forget(ends[0])
    feed.tell("violation", 3.0, {})
    assert Management(ends[1]).read() == []
    gone.close()


def test_the_log_feeds_it(ends: Ends, tmp_path: Any) -> None:
    log = EventLog(tmp_path)
    log.configure({}, {}, {}, {"worker-up": 0})
    log.feed.follow(ends[0])
    log.write("worker-up", {"worker": 1, "time": 7.0})
    log.write("worker-down", {"worker": 1})
    assert Management(ends[1]).read() == [{"event": "worker-up", "time": 7.0, "fields": {"worker": 1}}]
