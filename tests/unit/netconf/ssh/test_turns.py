"""One piece in each turn of the event loop, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from applianced.netconf.ssh.turns import Turns


async def turns_of(done: list[str], count: int) -> list[list[str]]:
    """What was done before each of so many turns."""
    seen = []
    for _ in range(count):
        seen.append(done.copy())
        done.clear()
        await asyncio.sleep(0)
    return seen


def asked(turns: Turns, *names: str) -> list[str]:
    done: list[str] = []

    def noted(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    for name in names:
        turns.ask(noted(name))
    return done


def test_the_first_is_done_at_once_and_the_others_in_turns() -> None:
    async def play() -> None:
        done = asked(Turns(), "a", "b", "c")
        assert await turns_of(done, 4) == [["a"], ["b"], ["c"], []]

    asyncio.run(play())


def test_what_has_time_is_done_in_a_turn_to_come() -> None:
    async def play() -> None:
        turns = Turns()
        done: list[str] = []
        turns.ask_later(lambda: done.append("a"))
        turns.ask(lambda: done.append("b"))
        assert await turns_of(done, 4) == [[], ["a"], ["b"], []]
        turns.ask(lambda: done.append("c"))
        assert done == ["c"]

    asyncio.run(play())


def test_a_fault_holds_up_nobody() -> None:
    async def play() -> None:
        turns = Turns()
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
        with pytest.raises(ZeroDivisionError):
            turns.ask(lambda: print(1 // 0))
        turns.ask(lambda: print(1 // 0))
        done = asked(turns, "a")
        assert await turns_of(done, 4) == [[], [], ["a"], []]
        assert len(faults) == 1

    asyncio.run(play())
