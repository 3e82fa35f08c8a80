"""Whoever is cancelled while a thread works for him ends when the thread has."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import weakref
from contextlib import suppress

import pytest

from applianced.datastore import native
from applianced.datastore.tree import Tree
from applianced.northbound.readers import Readers
from applianced.northbound.threads import in_thread
from tests.support.shop import tree_of
from tests.support.soak import rounds


def test_results_and_errors_arrive() -> None:
    async def scenario() -> None:
        assert await in_thread(divmod, 7, 2) == (3, 1)
        assert await in_thread(sorted, [1, 2], reverse=True) == [2, 1]
        with pytest.raises(ZeroDivisionError):
            await in_thread(divmod, 1, 0)

    asyncio.run(scenario())


def test_an_error_is_gone_when_it_has_been_handled() -> None:
    class FailedError(Exception):
        pass

    def fails() -> None:
        raise FailedError

    async def scenario() -> weakref.ref[FailedError]:
        try:
            await in_thread(fails)
        except FailedError as error:
            return weakref.ref(error)
        raise AssertionError

    gc.disable()
    try:
        assert asyncio.run(scenario())() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("fails", [False, True])
def test_cancelling_waits_for_the_thread(fails: bool) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(10)
        ended.set()
        if fails:
            raise ValueError("it did not work")

    async def scenario() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(3):
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=0.01)
            assert not done
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(scenario())


@pytest.mark.timeout(600)
def test_trees_outlive_readers_that_are_cancelled_at_any_moment() -> None:
    """Readers and replacements of the tree that is read, in any order: nobody finds a tree closed."""
    moment = random.Random(random.SystemRandom().getrandbits(32))
    content = "".join(f"<item><name>{at}</name><kind>small</kind></item>" for at in range(200))
    faults: list[str] = []

    def read(tree: Tree) -> None:
        for _ in range(5):
            if not tree.first or sum(1 for _ in native.children(native.first_sibling(tree.first))) != 200:
                faults.append("closed")

    async def reader(readers: Readers, current: list[Tree]) -> None:
        with readers.holding(current[0]) as tree:
            await in_thread(read, tree)

    async def scenario() -> None:
        readers, current = Readers(), [tree_of(content)]
        for _ in range(rounds(20)):
            tasks = [asyncio.create_task(reader(readers, current)) for _ in range(8)]
            for task in tasks:
                await asyncio.sleep(moment.uniform(0, 0.001))
                task.cancel()
            former, current[0] = current[0], tree_of(content)
            readers.retire(former)
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            assert not former.first
        readers.retire(current[0])

    asyncio.run(scenario())
    assert not faults
