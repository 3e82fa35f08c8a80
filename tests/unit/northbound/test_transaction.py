"""Every participant failing in every phase leaves all as before."""

from __future__ import annotations

import asyncio

import pytest

from applianced.compiler.plan import Change, Plan
from applianced.config.schema import Config
from applianced.errors import DataplaneError
from applianced.northbound.transaction import CommitError, Phase, commit

CHANGE = Change(old=Config(), new=Config(), old_plan=None, new_plan=Plan(ruleset="", chains={}, queues=1))
NAMES = ("a", "b", "c")


class Part:
    """A participant that writes down what it is told, and fails where it should."""

    def __init__(self, name: str, book: list[str], fails: tuple[str, ...]) -> None:
        self.name = name
        self._book = book
        self._fails = fails

    def _do(self, step: str) -> None:
        if step in self._fails:
            raise DataplaneError("kernel", f"refuses {step}")
        self._book.append(f"{step} {self.name}")

    async def prepare(self, change: Change) -> Part:
        self._do("prepare")
        return self

    async def apply(self) -> None:
        self._do("apply")

    async def verify(self) -> None:
        self._do("verify")

    async def revert(self) -> None:
        self._do("revert")

    async def abort(self) -> None:
        self._do("abort")

    async def finish(self) -> None:
        self._do("finish")


def run(fails: dict[str, tuple[str, ...]]) -> list[str]:
    """The book of a commit by a, b and c."""
    book: list[str] = []
    try:
        asyncio.run(commit(CHANGE, [Part(name, book, fails.get(name, ())) for name in NAMES]))
    except CommitError as error:
        book.append(f"! {error.participant} {error.phase.value} {len(error.left_over)}")
    return book


def steps(step: str, names: str) -> list[str]:
    return [f"{step} {name}" for name in names]


def test_all_agree() -> None:
    phases = ("prepare", "apply", "verify", "finish")
    assert run({}) == [entry for phase in phases for entry in steps(phase, "abc")]


@pytest.mark.parametrize("index", range(3))
def test_failure_in_prepare_aborts_in_reverse(index: int) -> None:
    before = "abc"[:index]
    expected = [*steps("prepare", before), *steps("abort", before[::-1]), f"! {NAMES[index]} prepare 0"]
    assert run({NAMES[index]: ("prepare",)}) == expected


@pytest.mark.parametrize("index", range(3))
def test_failure_in_apply_reverts_what_applied_then_aborts_the_rest(index: int) -> None:
    before, rest = "abc"[:index], "abc"[index:]
    assert run({NAMES[index]: ("apply",)}) == [
        *steps("prepare", "abc"),
        *steps("apply", before),
        *steps("revert", before[::-1]),
        *steps("abort", rest[::-1]),
        f"! {NAMES[index]} apply 0",
    ]


@pytest.mark.parametrize("index", range(3))
def test_failure_in_verify_reverts_everybody(index: int) -> None:
    assert run({NAMES[index]: ("verify",)}) == [
        *steps("prepare", "abc"),
        *steps("apply", "abc"),
        *steps("verify", "abc"[:index]),
        *steps("revert", "cba"),
        f"! {NAMES[index]} verify 0",
    ]


def test_a_failing_revert_does_not_stop_the_others_and_is_told() -> None:
    book = run({"c": ("verify",), "b": ("revert",)})
    assert book[-3:] == ["revert c", "revert a", "! c verify 1"]


def test_a_failing_finish_does_not_undo_the_commit() -> None:
    assert run({"a": ("finish",)})[-2:] == ["finish b", "finish c"]


def test_the_message_names_hook_phase_and_cause() -> None:
    with pytest.raises(CommitError, match=r"b refused the commit in apply: kernel: refuses apply") as caught:
        asyncio.run(commit(CHANGE, [Part("a", [], ()), Part("b", [], ("apply",))]))
    assert caught.value.phase is Phase.APPLY


def test_cancelling_puts_everything_back() -> None:
    book: list[str] = []

    class Stuck(Part):
        async def apply(self) -> None:
            await asyncio.Event().wait()

    async def cancelled() -> None:
        task = asyncio.create_task(commit(CHANGE, [Part("a", book, ()), Stuck("b", book, ())]))
        while "apply a" not in book:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert book == ["prepare a", "prepare b", "apply a", "revert a", "abort b"]
