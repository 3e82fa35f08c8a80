"""What counts as one source, and how much is remembered of it."""

from __future__ import annotations

import math

import pytest

from applianced.config.access import RetryOptions
from applianced.netconf.ssh import sources
from applianced.netconf.ssh.sources import Sources, plain, source_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::9", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("?", "?"),
    ],
)
def test_source_of_an_address(address: str, source: str) -> None:
    assert source_of(address) == source


def test_connections_of_a_minute() -> None:
    clock = Clock()
    known = Sources(clock)
    assert [known.too_fast("a", 2) for _ in range(3)] == [False, False, True]
    assert not known.too_fast("b", 2)
    clock.now += 59.9
    assert known.too_fast("a", 2)
    clock.now += 0.1
    assert not known.too_fast("a", 2)
    assert not any(known.too_fast("a", 0) for _ in range(9))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SOURCES_MAX", 3)
    known = Sources(Clock())
    for name in "abc":
        known.too_fast(name, 1)
    assert known.too_fast("a", 1)
    known.too_fast("d", 1)
    assert len(known) == 3
    assert known.too_fast("a", 1)
    assert not known.too_fast("b", 1), "the one seen longest ago was forgotten"


RETRY = RetryOptions(tries_before_disconnect=5, backoff_threshold=2, backoff_factor_s=5, lockout_period_s=60)
MOST_S = 15.0


def _failing(clock: Clock, times: int, source: str = "a") -> Sources:
    known = Sources(clock)
    for _ in range(times):
        known.failed(source, RETRY, MOST_S)
    return known


@pytest.mark.parametrize(("failures", "wait_s"), [(0, 0), (1, 0), (2, 5), (3, 10), (4, 15)])
def test_each_failure_from_the_threshold_on_costs_more(failures: int, wait_s: float) -> None:
    assert _failing(Clock(), failures).wait_s("a", RETRY, MOST_S) == wait_s


def test_a_wait_has_a_bound_and_passes() -> None:
    clock = Clock()
    known = _failing(clock, 4)
    clock.now += 14
    assert known.wait_s("a", RETRY, MOST_S) == 1
    assert _failing(Clock(), 4).wait_s("a", RETRY, 3.0) == math.inf
    assert Sources(clock).wait_s("a", RETRY, MOST_S) == 0


def test_attempts_at_once_take_turns_and_others_wait_for_nothing() -> None:
    known = _failing(Clock(), 2)
    assert [known.wait_s("a", RETRY, MOST_S) for _ in range(4)] == [5, 10, 15, math.inf]
    assert known.wait_s("b", RETRY, MOST_S) == 0


def test_a_source_is_locked_out_and_only_that_one() -> None:
    clock = Clock()
    known = _failing(clock, 4)
    assert not known.locked()
    assert known.failed("a", RETRY, MOST_S)
    assert known.locked() == {"a": 60}
    assert known.locked_s("b") == 0
    clock.now += 59
    assert known.locked_s("a") == 1
    clock.now += 1
    assert known.locked_s("a") == 0
    assert not known.failed("a", RETRY, MOST_S), "it begins anew"


def test_nobody_is_locked_out_unless_configured() -> None:
    known = Sources(Clock())
    assert not any(known.failed("a", RetryOptions(), MOST_S) for _ in range(50))


def test_failures_age_and_mistakes_are_taken_back() -> None:
    clock = Clock()
    known = _failing(clock, 3)
    known.take_back("a", 2)
    assert known.wait_s("a", RETRY, MOST_S) == 0
    known.take_back("nobody", 1)
    known = _failing(clock, 3)
    clock.now += sources.FORGET_S + 0.1
    assert known.wait_s("a", RETRY, MOST_S) == 0


def test_a_source_can_be_forgiven() -> None:
    known = _failing(Clock(), 5)
    assert known.forgive("a")
    assert not known.locked()
    assert not known.forgive("a")


@pytest.mark.parametrize(
    ("address", "shown"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("::ffff", "::ffff"), ("?", "?")],
)
def test_addresses_are_shown_as_people_write_them(address: str, shown: str) -> None:
    assert plain(address) == shown
