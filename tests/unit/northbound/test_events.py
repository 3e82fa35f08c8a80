"""Events inside management: from any thread, before anybody listens, and not too many."""

from __future__ import annotations

import asyncio

import pytest

from applianced.config.notifications import NotificationSettings, Told
from applianced.northbound import events as module
from applianced.northbound.alarms import Alarms, Severity
from applianced.northbound.events import Event, Events, changed_by, host_of, session_parameters
from applianced.northbound.recording import Author
from tests.support.until import eventually


def events(**told: Told) -> Events:
    switches = {name.replace("_", "-"): value for name, value in told.items()}
    return Events(lambda: NotificationSettings(events=switches))


def test_what_happened_before_anybody_listened_is_told_first() -> None:
    async def play() -> None:
        source, told = events(), list[Event]()
        for number in range(module.EARLY_MAX + 5):
            source.tell("m", "alarm-raised", {"n": number}, 1.0)
        source.follow(told.append)
        source.tell("m", "alarm-raised", {"n": -1}, 2.0)
        *early, lost, late = told
        assert [event.content["n"] for event in (*early, late)] == [*range(module.EARLY_MAX), -1]
        assert (told[0].name, told[0].time_s, told[-1].time_s) == ("m:alarm-raised", 1.0, 2.0)
        assert (lost.name, lost.content) == (f"{module.OURS}:events-suppressed", {"count": "5"})

    asyncio.run(play())


def test_other_threads_tell_on_the_loop() -> None:
    async def play() -> None:
        source, told = events(), list[Event]()
        loop = asyncio.get_running_loop()
        source.follow(lambda event: told.append(event) if asyncio.get_running_loop() is loop else None)
        await asyncio.to_thread(source.tell, "m", "alarm-raised", {})
        await eventually(lambda: told)

    asyncio.run(play())


def test_switched_off_is_not_told() -> None:
    async def play() -> None:
        source, told = events(alarm_raised=Told(on=False)), list[Event]()
        source.follow(told.append)
        source.tell("m", "alarm-raised", {})
        source.tell("m", "gate-opened", {})
        assert not told
        assert not source.wanted("gate-opened")

    asyncio.run(play())


def test_the_rest_of_a_second_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.05)

    async def play() -> None:
        source, told = events(alarm_raised=Told(rate=2), gate_opened=Told(rate=1)), list[Event]()
        source.follow(told.append)
        for _ in range(7):
            source.tell("m", "alarm-raised", {})
        await eventually(lambda: len(told) == 3)
        assert told[-1].name == "applianced-notifications:events-suppressed"
        assert told[-1].content == {"event": "alarm-raised", "count": "5"}
        # The dataplane has counted its own.
        for _ in range(3):
            source.tell("m", "gate-opened", {})
        assert len(told) == 6
        source.stop()

    asyncio.run(play())


def test_alarms_are_told_when_something_changes() -> None:
    told: list[tuple[str, bool]] = []
    alarms = Alarms()
    alarms.follow(lambda alarm, stands: told.append((alarm.text, stands)))
    alarms.raise_alarm("a", Severity.MAJOR, "one")
    alarms.raise_alarm("a", Severity.MAJOR, "one")
    alarms.raise_alarm("a", Severity.MAJOR, "two")
    alarms.clear("a")
    alarms.clear("a")
    assert told == [("one", True), ("two", True), ("two", False)]


def test_who_it_was() -> None:
    assert session_parameters(3, Author("a", "[2001:db8::1]:22")) == {
        "username": "a", "session-id": 3, "source-host": "2001:db8::1",
    }  # fmt: skip
    assert (host_of("192.0.2.1:5"), host_of("restart"), host_of("?:0")) == ("192.0.2.1", "", "")
    assert changed_by(0, Author("applianced", "restart")) == {"changed-by": {"server": [None]}}
