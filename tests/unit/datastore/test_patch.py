"""The edits of a YANG patch about a list that the user orders: enough of them, no more than that, made in linear time.

That any patch leads from one tree to the other is tested where a client asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore import patch
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from tests.support.shop import tree_of
from tests.support.work import Work


def queue(values: Sequence[object]) -> Tree:
    return tree_of("<title>t</title>" + "".join(f"<queue>{value}</queue>" for value in values))


def edits(before: Sequence[object], after: Sequence[object]) -> list[tuple[str, str, str, str]]:
    """Operation, value, where, the value that it is beside."""
    with queue(before) as source, queue(after) as target:
        return [
            (each.operation, each.target.partition("=")[2], each.where, each.point.partition("=")[2])
            for each in patch.edits(source, target)
        ]


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("abcd", "bcda", [("move", "a", "after", "d")]),
        ("abcd", "dabc", [("move", "d", "first", "")]),
        ("abcd", "axbcd", [("insert", "x", "after", "a")]),
        ("ab", "xyab", [("insert", "x", "first", ""), ("insert", "y", "after", "x")]),
        ("abcd", "dca", [("delete", "b", "", ""), ("move", "c", "after", "d"), ("move", "a", "after", "c")]),
        ("", "ab", [("insert", "a", "first", ""), ("insert", "b", "after", "a")]),
        ("ab", "ab", []),
    ],
)
def test_as_few_as_possible(before: str, after: str, wanted: list[tuple[str, str, str, str]]) -> None:
    assert edits(before, after) == wanted


ORDERS = st.lists(st.sampled_from("abcdefg"), unique=True)


@given(ORDERS, ORDERS)
def test_in_a_plain_list(before: list[str], after: list[str]) -> None:
    told, now = edits(before, after), list(before)
    for operation, value, where, point in told:
        assert (value in now) is (operation != "insert")
        if operation != "insert":
            now.remove(value)
        if operation != "delete":
            now.insert(now.index(point) + 1 if where == "after" else 0, value)
    assert now == after
    both = [value for value in after if value in before]
    may_stay = max(
        size
        for size in range(len(both) + 1)
        if any(list(some) == sorted(some, key=before.index) for some in combinations(both, size))
    )
    assert sum(operation == "move" for operation, *_ in told) == len(both) - may_stay


VALUES = st.lists(st.sampled_from("ab").map(lambda value: (value,)))


@given(VALUES, VALUES)
def test_what_is_there_several_times(before: list[patch.Step], after: list[patch.Step]) -> None:
    old, staying = patch.kept(before, after)
    assert staying <= old <= set(range(len(after)))
    for value in [("a",), ("b",)]:
        assert sum(after[at] == value for at in old) == min(before.count(value), after.count(value))
    assert patch.kept(after, after)[1] == set(range(len(after)))


class Counted(tuple[str, ...]):
    """Counts with how many others it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return super().__eq__(other)

    __hash__ = tuple.__hash__


def test_the_work_grows_as_the_entries_do(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch)
    step_of = patch.pairs.step_of
    monkeypatch.setattr(patch.pairs, "step_of", lambda node: Counted(step_of(node)))

    def of(count: int) -> tuple[int, int]:
        with queue(range(count)) as source, queue(range(count)[::-1]) as target:
            Counted.compared = 0
            taken = work.of(lambda: patch.render(patch.edits(source, target), Writer(), Writer()))
            return taken, Counted.compared

    few, many = of(100), of(200)
    assert many[0] < 2.1 * few[0]
    assert many[1] < 2.1 * few[1] + 1
