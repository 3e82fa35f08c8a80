"""Intervals: the first entry decides, neighbours are merged."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from applianced.compiler import intervals

entries = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from("abc")).map(lambda e: (*sorted(e[:2]), e[2]))
)


@given(entries)
def test_first_match_means_the_same(given_entries: list[tuple[int, int, str]]) -> None:
    found = intervals.first_match(given_entries)
    for number in range(-1, 23):
        first = next((value for low, high, value in given_entries if low <= number <= high), None)
        assert [value for low, high, value in found if low <= number <= high] == ([first] if first else [])


@given(entries)
def test_first_match_is_sorted_disjoint_and_merged(given_entries: list[tuple[int, int, str]]) -> None:
    found = intervals.first_match(given_entries)
    for before, after in pairwise(found):
        assert before[1] < after[0]
        assert before[1] + 1 < after[0] or before[2] != after[2]


def test_union() -> None:
    assert intervals.union([(5, 9), (1, 2), (3, 3), (8, 12), (20, 20)]) == [(1, 3), (5, 12), (20, 20)]
    assert intervals.union([]) == []


def test_text() -> None:
    assert (intervals.text(5, 5), intervals.text(5, 6)) == ("5", "5-6")
