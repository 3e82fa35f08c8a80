"""Which gates a list shows, page by page, against filtering the whole list."""

from __future__ import annotations

import random
from typing import Any

import pytest

from applianced.dataplane.selection import Choice, Prefix, admitting, gates_of
from applianced.model.gates import Gate
from applianced.model.tuples import TCP, Endpoint, packed


def gate(number: int, **more: Any) -> Gate:
    inside = Endpoint(packed(f"10.0.{number % 4}.1"), 2000 + number)
    fields: dict[str, Any] = {
        "number": number,
        "alg": "ftp" if number % 2 else "sip",
        "session": number % 5,
        "protocol": TCP,
        "peer": packed("192.0.2.1"),
        "inside": inside,
        "outside": Endpoint(packed("203.0.113.1"), 50000 + number),
        "one_shot": True,
        "source": b"",
        "reason": "PORT",
        "created_s": 1.0,
        "expires_s": 2.0,
    }
    return Gate(**{**fields, **more})


GATES = [gate(number) for number in range(100)]
random.Random(7).shuffle(GATES)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.77/30", "10.0.0.79", "10.0.0.80"),
        ("0.0.0.0/0", "255.1.1.1", "::1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("::/0", "2001:db9::1", "10.0.0.1"),
    ],
)
def test_prefixes(text: str, inside: str, outside: str) -> None:
    prefix = Prefix.of(text)
    assert prefix.holds(packed(inside))
    assert not prefix.holds(packed(outside))
    assert not prefix.holds(b"")


def test_no_prefix() -> None:
    with pytest.raises(ValueError):
        Prefix.of("10.0.0.0/33")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, range(100)),
        ({"alg": "ftp"}, range(1, 100, 2)),
        ({"slots": [0, 3]}, [number for number in range(100) if number % 5 in (0, 3)]),
        ({"slots": []}, []),
        ({"address": "10.0.2.0/24", "alg": "sip"}, range(2, 100, 4)),
        ({"address": "203.0.113.0/24"}, range(100)),
        ({"address": "192.0.2.1"}, range(100)),
        ({"address": "2001:db8::/32"}, []),
        ({"state": "closed"}, []),
        ({"state": "all"}, range(100)),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_together_are_the_list(request_: dict[str, Any], expected: Any, size: int) -> None:
    wanted, after, found = list(expected), -1, []
    while True:
        page = gates_of(Choice.of({**request_, "after": after, "count": size}), GATES, [])
        assert page.matched == len(wanted)
        assert page.beyond == len(wanted) - len(found)
        assert len(page.entries) == min(size, page.beyond)
        found += [each.number for each in page.entries]
        if page.beyond <= size:
            break
        after = found[-1]
    assert found == wanted


def test_closed_gates_are_listed_apart() -> None:
    closed = [gate(1000), gate(500)]
    assert [each.number for each in gates_of(Choice.of({"state": "closed"}), GATES, closed).entries] == [500, 1000]
    assert gates_of(Choice.of({"state": "all"}), GATES, closed).matched == 102


def test_gates_that_may_have_admitted_a_session() -> None:
    peer, outside, inside = packed("192.0.2.1"), Endpoint(packed("203.0.113.1"), 50007), Endpoint(packed("10.9.9.9"), 1)
    assert [each.number for each in admitting(GATES, [(peer, outside, inside)])] == [7]
    assert [each.number for each in admitting(GATES, [(peer, inside, Endpoint(packed("10.0.3.1"), 2007))])] == [7]
    assert admitting(GATES, [(packed("192.0.2.9"), outside, inside)]) == []
    every_port = gate(500, inside=Endpoint(packed("10.9.9.9"), 0), outside=Endpoint(packed("10.9.9.9"), 0))
    assert admitting([every_port], [(peer, outside, inside)]) == [every_port]
