"""Calls whose last session is no more: they are over at once, and touch nothing that may be another one's by then."""

from __future__ import annotations

import pytest

from applianced.alg.actions import HandOver, OpenMedia, Unbind
from applianced.alg.sip import DESCRIPTOR, Books, SipSettings, Stream
from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.gatekeeper import GateLimits
from applianced.model.tuples import ORIGINAL, REPLY, TCP
from tests.support.datagrams import DatagramBench, bench_of
from tests.support.dialog import Player, control_session
from tests.unit.alg.sip.test_dialogs import ALICE, BOB, MALLORY, Scene, asked, message

MARK = ALG_NUMBERS["sip"] | CONTROL
INSIDE, OUTSIDE = "10.0.0.1", "192.0.2.1"


def called(bench: DatagramBench) -> None:
    """A call from inside, answered; its media are open."""
    bench.say(message("OPTIONS", call_id="o"), mark=MARK)
    assert bench.say(message("INVITE", media=INSIDE)).released is not None
    assert bench.answer(message("INVITE", 200, media=OUTSIDE, to="b1")).released is not None
    assert bench.say(message("ACK", to="b1")).released is not None
    assert len(bench.kernel.gates) == 2


def shown(bench: DatagramBench) -> int:
    return len(bench.engine.shared["sip"].listing()["calls/call"])


@pytest.mark.parametrize("how", ["cleared", "disabled"])
def test_the_end_of_its_session(how: str) -> None:
    bench = bench_of(DESCRIPTOR)
    called(bench)
    [session] = bench.engine.live()
    if how == "disabled":
        bench.engine.configure({}, GateLimits(), 65536, bench.now)
        assert (shown(bench), len(bench.kernel.gates)) == (0, 0)
    bench.engine.abandon(session, bench.now)
    assert (shown(bench), len(bench.kernel.gates)) == (0, 0)
    bench.engine.configure({"sip": SipSettings()}, GateLimits(), 65536, bench.now)
    bench.engine.tick(bench.now)
    bench.marks.clear()
    called(bench)
    held = set(bench.ports.held)
    for _ in range(70):
        bench.now += 1
        bench.engine.tick(bench.now)
        while bench.engine.turn(bench.now):
            pass
    assert bench.count("call-dropped") == 1
    assert (shown(bench), set(bench.ports.held)) == (1, held), "what was the first one's is the second one's now"


def test_another_session_speaks_of_it() -> None:
    """It goes on until that is over, too."""
    scene = Scene()
    scene.call()
    scene.other.feed(ORIGINAL, message("INVITE", media=MALLORY, origin="b1", to="a1", branch="again"))
    scene.own.alg.closed()  # type: ignore[attr-defined]
    assert scene.books.calls
    scene.other.alg.closed()  # type: ignore[attr-defined]
    assert not scene.books.calls
    assert not scene.books.belongings.uses
    assert not scene.books.belongings.owners
    assert len(scene.books.changes()) == 1


@pytest.fixture
def shaken() -> Scene:
    """A call of two sessions, of which the one that had bound and opened everything has ended."""
    scene = Scene()
    scene.call()
    scene.other.feed(ORIGINAL, message("UPDATE", origin="b1", to="a1"))
    scene.own.alg.closed()  # type: ignore[attr-defined]
    scene.other.bound.clear()
    scene.other.next_port = 51000
    return scene


def test_it_goes_on_over_another_session(shaken: Scene) -> None:
    """Its next offer has a port of its own, and its media are opened anew."""
    other = shaken.other
    other.feed(REPLY, message("INVITE", media=ALICE, to="b1", branch="again"))
    assert not other.open
    other.feed(ORIGINAL, message("INVITE", 200, media=MALLORY, to="b1", branch="again"))
    [opened] = asked(other, OpenMedia)
    assert [medium.known[1].port for medium in opened.media] == [51000, 51001]
    assert len(other.open) == 2


@pytest.mark.parametrize("status", [200, 481])
def test_it_ends_over_another_session(shaken: Scene, status: int) -> None:
    """What was bound before is not let go of: it may be another one's."""
    other = shaken.other
    other.feed(ORIGINAL, message("BYE", origin="b1", to="a1"))
    other.feed(REPLY, message("BYE", status, origin="b1", to="a1"))
    assert not shaken.books.calls
    assert not other.open
    assert not asked(other, Unbind)
    assert not shaken.books.belongings.uses


def test_a_refusal_over_another_session(shaken: Scene) -> None:
    other = shaken.other
    other.feed(REPLY, message("UPDATE", to="b1", branch="again"))
    other.feed(ORIGINAL, message("UPDATE", 488, to="b1", branch="again"))
    assert not other.open
    assert not asked(other, Unbind)
    assert shaken.books.calls


def test_a_session_that_is_not_read_any_further_has_its_calls() -> None:
    """Until it ends: its gates go on."""
    session, books = control_session(ALICE, BOB, 5060, 5060, TCP, ("trust", "untrust")), Books()
    alg = Stream(SipSettings(application_screen_unknown_message_permit_routed=True), session, books)
    player = Player(alg, DESCRIPTOR.events, {}, session=session)
    player.feed(ORIGINAL, message("INVITE", media=ALICE))
    player.feed(REPLY, message("INVITE", 200, media=BOB, to="b1"))
    player.feed(ORIGINAL, b"\0 what is this\r\n\r\n")
    assert any(isinstance(action, HandOver) for _, action, _ in player.log)
    alg.closed()
    assert books.calls
    alg.closed()
    assert not books.calls
