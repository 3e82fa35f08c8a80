"""Counters in shared memory."""

from __future__ import annotations

import pytest

from applianced.engine.counters import ENGINE_EVENTS, Counters

EVENTS = {"ftp": ["port", "packets"], "sip": ["invite"]}
"""One of the names is the engine's own: it has one cell."""


@pytest.fixture
def memory() -> memoryview:
    return memoryview(bytearray(Counters.octets(EVENTS)))


def test_every_event_is_there_at_zero(memory: memoryview) -> None:
    values = Counters(EVENTS, memory).values()
    assert values["ftp"] == dict.fromkeys([*ENGINE_EVENTS, "port"], 0)
    assert values["sip"] == dict.fromkeys([*ENGINE_EVENTS, "invite"], 0)
    assert Counters.octets(EVENTS) == 8 * (2 * len(ENGINE_EVENTS) + 2)


def test_counts_are_apart_and_outlive_the_object(memory: memoryview) -> None:
    counters = Counters(EVENTS, memory)
    counters.count("ftp", "port")
    counters.count("ftp", "packets", 2**40)
    counters.memory[counters.cells("sip")["invite"]] += 1
    values = Counters(EVENTS, memory).values()
    assert (values["ftp"]["port"], values["ftp"]["packets"], values["sip"]["invite"]) == (1, 2**40, 1)
    assert sum(sum(events.values()) for events in values.values()) == 2**40 + 2


def test_an_event_that_nobody_declared_is_a_bug(memory: memoryview) -> None:
    with pytest.raises(KeyError):
        Counters(EVENTS, memory).count("ftp", "invite")


def test_clear_one_or_all(memory: memoryview) -> None:
    counters = Counters(EVENTS, memory)
    counters.count("ftp", "port")
    counters.count("sip", "invite")
    counters.clear("ftp")
    assert (counters.values()["ftp"]["port"], counters.values()["sip"]["invite"]) == (0, 1)
    counters.clear()
    assert counters.values()["sip"]["invite"] == 0
