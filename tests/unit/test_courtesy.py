"""Threads with long work wait while the event loop has something to do, and no longer than their share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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
