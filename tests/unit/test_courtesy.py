"""What has time waits while the event loop has something to do, and no longer than its share."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE

import pytest

from applianced import courtesy

BUSY_S = 0.04


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=courtesy.new_event_loop) as made:
        yield made


def took_s(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


async def beside(work: Callable[[], object], busy_s: float) -> float:
    """What `work` takes in a thread, in seconds, while the event loop is busy for so long."""
    started = threading.Event()

    def timed() -> float:
        started.set()
        return took_s(work)

    with ThreadPoolExecutor(1) as threads:
        working = asyncio.get_running_loop().run_in_executor(threads, timed)
        started.wait()
        time.sleep(busy_s)
        return await working


def test_a_thread_waits_until_the_event_loop_rests(runner: asyncio.Runner) -> None:
    assert runner.run(beside(courtesy.give_way, BUSY_S)) > 0.5 * BUSY_S


def test_a_thread_goes_on_when_the_event_loop_never_rests(runner: asyncio.Runner) -> None:
    """A thousand waits of all the credit would take a minute."""

    def works() -> None:
        for _ in range(1000):
            courtesy.give_way()

    assert runner.run(beside(works, 1)) < 0.7


def test_a_thread_waits_its_share_again_when_it_has_worked(runner: asyncio.Runner) -> None:
    waited = []

    def works() -> None:
        waited.append(took_s(courtesy.give_way))
        time.sleep(0.01)
        waited.append(took_s(courtesy.give_way))

    runner.run(beside(works, 0.5))
    assert [wait > 0.01 for wait in waited] == [True, True]


def test_a_thread_goes_through_many_things_and_waits_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    seen: list[int] = []
    monkeypatch.setattr(courtesy, "give_way", lambda: asked.append(len(seen)))
    for each in courtesy.unhurried(iter(range(10)), 3):
        seen.append(each)
    assert (seen, asked) == (list(range(10)), [3, 6, 9])


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Has an element for each time that a thread came to wait."""
    found: list[None] = []
    monkeypatch.setattr(courtesy, "_wait", lambda: found.append(None))
    return found


def test_nobody_waits_on_the_event_loop_itself(runner: asyncio.Runner, waits: list[None]) -> None:
    async def works() -> None:
        courtesy.give_way()

    runner.run(works())
    assert not waits
    runner.run(beside(courtesy.give_way, BUSY_S))
    assert waits


def test_nobody_waits_for_an_event_loop_that_was_closed(waits: list[None]) -> None:
    with asyncio.Runner(loop_factory=courtesy.new_event_loop) as runner:
        runner.run(asyncio.sleep(0))
    with ThreadPoolExecutor(1) as threads:
        threads.submit(courtesy.give_way).result()
    assert not waits


# --- on the event loop itself --------------------------------------------------------------------------------------


class Loop:
    """Descriptors and work, by number or name, and what the event loop's selector would have it do in a turn."""

    def __init__(self, now: list[float]) -> None:
        self.now = now
        self.done: list[object] = []
        self.selector = courtesy._Selector(lambda work: work())
        self.pairs = [socket.socketpair() for _ in range(4)]
        for place, (near, _) in enumerate(self.pairs):
            self.selector.register(near.fileno(), EVENT_READ, place)

    def be_patient(self, *places: int) -> None:
        for place in places:
            self.selector.be_patient(self.pairs[place][0].fileno())

    def say(self, *places: int) -> None:
        for place in places:
            self.pairs[place][1].send(b"x")

    def wait_for_idle(self, *names: str) -> None:
        for name in names:
            self.selector.idle.append(partial(self.done.append, name))

    def turn(self, *, occupied: bool = False) -> list[object]:
        """What is done in one. occupied: there is something to do that has come from elsewhere."""
        for key, events in self.selector.select(0 if occupied else 0.01):
            assert events == EVENT_READ
            self.pairs[key.data][0].recv(1)
            self.done.append(key.data)
        done = self.done.copy()
        self.done.clear()
        return done

    def turns(self, number: int) -> list[list[object]]:
        return [self.turn() for _ in range(number)]

    def close(self) -> None:
        self.selector.close()
        for pair in self.pairs:
            for end in pair:
                end.close()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """Its clock says 1."""
    now = [1.0]
    with monkeypatch.context() as patched:
        patched.setattr(courtesy.time, "monotonic", lambda: now[0])
        made = Loop(now)
        yield made
        made.close()


def test_what_has_time_has_idle_turns_one_each(loop: Loop) -> None:
    loop.be_patient(0, 1)
    loop.say(0, 1)
    loop.wait_for_idle("a", "b")
    assert sorted(map(str, loop.turn() + loop.turn())) == ["0", "a"]
    assert sorted(map(str, loop.turn() + loop.turn())) == ["1", "b"]
    assert loop.turns(2) == [[], []]


def test_those_that_have_none_come_first(loop: Loop) -> None:
    loop.be_patient(0, 1)
    loop.say(0, 1, 0, 1)
    loop.wait_for_idle("a")
    loop.turn()
    loop.say(2, 3)
    assert sorted(map(str, loop.turn())) == ["2", "3"]
    assert loop.turn(occupied=True) == []
    loop.say(2)
    assert loop.turn() == [2]
    assert len(loop.turn()) == 1


def test_they_are_served_now_and_then_however_busy_it_is(loop: Loop) -> None:
    loop.be_patient(0, 1)
    loop.say(0, 1)
    loop.turn()
    for occupied in (True, False):
        for later_s in (0.4, 0.4, 0.4):
            loop.now[0] += later_s * courtesy.PATIENCE_S
            loop.say(3)
            done = loop.turn(occupied=occupied)
            assert done[:1] == [3]
        assert len(done) == 2
        loop.say(0)


def test_nobody_is_served_twice_before_the_others(loop: Loop) -> None:
    loop.be_patient(0, 1, 2)
    loop.say(0, 0, 1, 1, 2, 2)
    seen = [each for turn in loop.turns(6) for each in turn]
    assert sorted(map(str, seen[:3])) == sorted(map(str, seen[3:])) == ["0", "1", "2"]


def test_a_descriptor_is_patient_until_it_is_told_otherwise_or_read_anew(loop: Loop) -> None:
    loop.be_patient(0, 1)
    loop.selector.be_as_others(loop.pairs[0][0].fileno())
    again = loop.pairs[1][0].fileno()
    assert loop.selector.unregister(again).data == 1
    loop.selector.be_patient(again)
    loop.selector.be_as_others(again)
    loop.selector.register(again, EVENT_READ, 1)
    loop.say(0, 1)
    assert sorted(map(str, loop.turn())) == ["0", "1"]


def test_a_patient_descriptor_is_found_and_changed_as_any_other(loop: Loop) -> None:
    loop.be_patient(0)
    near = loop.pairs[0][0]
    assert loop.selector.get_key(near.fileno()).data == loop.selector.get_key(near).data == 0
    assert {key.data for key in loop.selector.get_map().values()} >= {0, 1, 2, 3}
    loop.selector.modify(near, EVENT_READ | EVENT_WRITE, 3)
    assert [(key.data, events) for key, events in loop.selector.select(0.01)] == [(3, EVENT_WRITE)]
    loop.say(0)
    loop.pairs[0][1].close()
    assert [events for _, events in loop.selector.select(0.01)] == [EVENT_READ | EVENT_WRITE]
    loop.selector.unregister(near)
    with pytest.raises(KeyError):
        loop.selector.get_key(near)


def test_patience_is_seen_by_an_event_loop(runner: asyncio.Runner) -> None:
    async def play() -> list[str]:
        done: list[str] = []
        here, there = socket.socketpair()
        with here, there:
            there.setblocking(False)
            there.send(b"x")
            loop = asyncio.get_running_loop()
            loop.add_reader(here, lambda: done.append(here.recv(1).decode()))
            courtesy.be_patient(here.fileno())
            courtesy.when_idle(lambda: done.append("idle"))
            await asyncio.sleep(0.05)
            courtesy.be_as_others(here.fileno())
            there.send(b"y")
            await asyncio.sleep(0.05)
            loop.remove_reader(here)
        return done

    done = runner.run(play())
    assert (sorted(done[:2]), done[2:]) == (["idle", "x"], ["y"])


def test_any_other_event_loop_knows_no_patience() -> None:
    async def play() -> list[str]:
        done: list[str] = []
        courtesy.be_patient(0)
        courtesy.be_as_others(0)
        courtesy.when_idle(lambda: done.append("next"))
        assert not done
        await asyncio.sleep(0)
        return done

    assert asyncio.run(play()) == ["next"]
