"""What the state shows of calls, transactions, registrations and denied callers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from applianced.alg.sip import DESCRIPTOR, Books, SipSettings
from applianced.alg.sip.books import SOON_S
from applianced.alg.sip.bound import Belongings, Bound
from applianced.alg.sip.screens import Screens
from applianced.alg.sip.settings import DENY_LIMIT, SOURCE_LIMIT, Prefixes
from applianced.alg.sip.wheel import PER_TURN, Wheel
from applianced.model.tuples import Endpoint, packed
from tests.support.dialog import Case, Player

CASES = Path(__file__).parents[3] / "alg" / "sip"
MODULE = Path(__file__).parents[4] / "yang" / "applianced-alg-sip.yang"


def played(name: str, steps: int) -> Player:
    case = Case.load(CASES / name)
    player = case.player(DESCRIPTOR)
    for direction, data in case.steps()[:steps]:
        player.feed(direction, data)
    return player


def listing(player: Player) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = player.alg.context.books.listing()
    json.dumps(found)
    return found


def test_a_call_is_shown() -> None:
    shown = listing(played("call-through-nat", 4))
    (call,) = shown["calls/call"]
    assert call["call-id"] == "c1@10.0.0.2"
    assert (call["party"], call["state"]) == ("10.0.0.2", "established")
    assert (call["dialogs"], call["bindings"], call["gates"]) == (1, 1, 2)
    assert call["created"] == "1970-01-01T00:16:40.000Z"
    (transaction,) = shown["transactions/transaction"]
    assert transaction["method"] == "INVITE"
    assert (transaction["role"], transaction["state"]) == ("client", "completed")


def test_an_endless_call_has_no_end() -> None:
    (call,) = listing(played("endless-call", 3))["calls/call"]
    assert "expires" not in call


def test_a_registration_is_shown() -> None:
    (shown,) = listing(played("registration-routed", 2))["registrations/registration"]
    assert shown["address-of-record"] == "sip:alice@198.51.100.9"
    assert (shown["registrar"], shown["gate"]) == ("198.51.100.9", 1)
    (shown,) = listing(played("registration-without-gate", 2))["registrations/registration"]
    assert "gate" not in shown


def test_who_is_denied_is_shown() -> None:
    (shown,) = listing(played("denied", 2))["denied/invite"]
    assert (shown["caller"], shown["server"]) == ("10.0.0.2", "198.51.100.9")


def handed_on(player: Player) -> list[tuple[str, tuple[Any, ...] | None]]:
    changes: list[tuple[str, tuple[Any, ...] | None]] = player.alg.context.books.changes()
    return changes


def test_ringing_is_handed_on_a_moment_later() -> None:
    player = played("call-through-nat", 1)
    ((name, begun),) = handed_on(player)
    books, (call,) = player.alg.context.books, player.alg.context.books.calls.values()
    books.touch_soon(call, 1000.0)
    books.settle(1000.0 + SOON_S / 2)
    assert handed_on(player) == []
    books.settle(1000.0 + SOON_S)
    assert handed_on(player) == [(name, begun)]
    books.touch_soon(call, 1000.0)
    for _ in books.end(call):
        pass
    books.settle(1000.0 + SOON_S)
    assert handed_on(player) == [(name, None)]


def test_what_ends_is_handed_on_with_its_media() -> None:
    player = played("call-through-nat", 5)
    ((name, established),) = handed_on(player)
    (direction, bye), *_ = Case.load(CASES / "call-through-nat").steps()[5:]
    assert bye.startswith(b"BYE")
    player.feed(direction, bye)
    ((again, ending),) = handed_on(player)
    assert established is not None
    assert ending is not None
    assert (again, established[3], ending[3]) == (name, "established", "ending")
    assert ending[6:] == established[6:]
    assert ending[1] == established[1]


def test_the_model_has_what_is_shown() -> None:
    """Every list and every leaf."""
    text = MODULE.read_text()
    leaves = set(re.findall(r"^\s*leaf ([\w-]+)", text, re.MULTILINE))
    for name, steps in (("call-through-nat", 4), ("registration-routed", 2), ("denied", 2)):
        for path, entries in listing(played(name, steps)).items():
            container, entry = path.split("/")
            assert re.search(rf"container {container} \{{\n\s*config false;", text)
            assert f"list {entry} {{" in text
            assert {leaf for each in entries for leaf in each} <= leaves


def test_the_deny_table_is_bounded() -> None:
    screens = Screens()
    for number in range(DENY_LIMIT + 5):
        screens.deny(number.to_bytes(4), b"\1\2\3\4", 10.0)
    assert len(screens.denied) == DENY_LIMIT
    assert not screens.denies((0).to_bytes(4), b"\1\2\3\4", 5.0)
    assert screens.denies((DENY_LIMIT).to_bytes(4), b"\1\2\3\4", 5.0)
    assert not screens.denies((DENY_LIMIT).to_bytes(4), b"\1\2\3\4", 11.0)
    assert len(screens.denied) == DENY_LIMIT - 1
    screens.sweep(9.0)
    assert len(screens.denied) == DENY_LIMIT - 1
    screens.sweep(10.0)
    assert not screens.denied


def test_sources_beyond_what_is_counted_are_refused() -> None:
    screens, settings = Screens(), SipSettings(application_screen_source_rate_all=2)
    for number in range(SOURCE_LIMIT):
        assert screens.refusal(settings, number.to_bytes(4), "options", 1.0) == ""
    assert screens.refusal(settings, b"\xff\0\0\1", "options", 1.5) == "rate-source"
    assert screens.refusal(settings, b"\xff\0\0\1", "options", 2.0) == ""


def test_prefixes() -> None:
    prefixes = Prefixes(("10.0.0.0/8", "2001:db8::/32"))
    assert packed("10.1.2.3") in prefixes
    assert packed("2001:db8::1") in prefixes
    assert packed("11.1.2.3") not in prefixes
    assert packed("11.1.2.3") not in prefixes
    assert packed("11.1.2.3") not in Prefixes(())
    for number in range(SOURCE_LIMIT):
        assert (number + (1 << 24)).to_bytes(4) not in prefixes


class Thing:
    def __init__(self, expires_s: float) -> None:
        self.expires_s = expires_s
        self.over = False
        self.due = 0


def test_the_wheel_turns_a_part_at_a_time() -> None:
    wheel, things = Wheel(), [Thing(10.0) for _ in range(PER_TURN + 3)]
    for thing in things:
        wheel.add(thing, 0.0)
    assert not wheel.due(10.0)
    assert len(list(wheel.turn(12.0))) == PER_TURN
    assert wheel.due(12.0)
    assert len(list(wheel.turn(12.0))) == 3
    assert not wheel.due(1000.0)


def test_what_is_moved_forward_is_found_sooner() -> None:
    wheel, thing = Wheel(), Thing(60.0)
    wheel.add(thing, 0.0)
    thing.expires_s = 5.0
    wheel.add(thing, 0.0)
    assert list(wheel.turn(7.0)) == [thing]
    thing.over = True
    assert list(wheel.turn(100.0)) == []


def test_the_wheel_keeps_up_with_2500_calls_a_second() -> None:
    """Two transactions each, which are remembered for 5 s once they are answered, and for 32 s before."""
    wheel, ended = Wheel(), 0
    for second in range(70):
        ended += len(list(wheel.turn(float(second))))
        for _ in range(5000):
            thing = Thing(second + 32.0)
            wheel.add(thing, float(second))
            thing.expires_s = second + 5.0
            wheel.add(thing, float(second))
    assert ended >= 5000 * 60


def test_what_is_put_off_again_and_again_stands_once() -> None:
    """As a registration that is refreshed for days does."""
    wheel, thing = Wheel(), Thing(0.0)
    for second in range(0, 90_000, 30):
        thing.expires_s = second + 3600.0
        wheel.add(thing, float(second))
        assert list(wheel.turn(float(second))) == []
    assert sum(map(len, wheel._slots.values())) <= 2


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_port_of_two_calls_goes_with_the_last(forgotten: bool) -> None:
    """Also when one of them has ended with its session."""
    belongings = Belongings()
    first, second = Bound(belongings), Bound(belongings)
    inside, outside = Endpoint(b"\n\0\0\2", 40000), Endpoint(b"\xc0\0\2\1", 50000)
    for bound in (first, second):
        bound.add(17, inside, (outside, True))
    if forgotten:
        first.forget()
    else:
        assert list(first.release()) == []
    assert len(list(second.release())) == 1
    assert (len(first), len(second)) == (0, 0)


@pytest.mark.parametrize("name", ["call", "registration"])
def test_books_of_nothing(name: str) -> None:
    books = Books()
    assert books.changes() == []
    books.restore({})
    assert books.listing()[f"{name}s/{name}"] == []
