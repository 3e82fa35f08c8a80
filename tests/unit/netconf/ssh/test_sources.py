"""What counts as one source, and how much is remembered of it."""

from __future__ import annotations

import pytest

from applianced.netconf.ssh import sources
from applianced.netconf.ssh.sources import Sources, source_of


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
