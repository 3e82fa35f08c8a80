"""Intervals of numbers: which of several overlapping ones decides, and their union."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import TypeVar

Value = TypeVar("Value")


def first_match(entries: Sequence[tuple[int, int, Value]]) -> list[tuple[int, int, Value]]:
    """Entries (low, high, value), the earlier wins, as disjoint ones in ascending order with the same meaning.

    Neighbours of equal value are merged. Takes n log n steps.
    """
    by_low = sorted(range(len(entries)), key=lambda place: entries[place][0])
    edges = sorted({edge for low, high, _ in entries for edge in (low, high + 1)})
    active: list[int] = []
    arriving = 0
    found: list[tuple[int, int, Value]] = []
    for edge, after in pairwise(edges):
        while arriving < len(by_low) and entries[by_low[arriving]][0] == edge:
            heappush(active, by_low[arriving])
            arriving += 1
        while active and entries[active[0]][1] < edge:
            heappop(active)
        if active:
            _append(found, edge, after - 1, entries[active[0]][2])
    return found


def _append(found: list[tuple[int, int, Value]], low: int, high: int, value: Value) -> None:
    if found and found[-1][1] == low - 1 and found[-1][2] == value:
        found[-1] = (found[-1][0], high, value)
    else:
        found.append((low, high, value))


def union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of (low, high) intervals as disjoint ones in ascending order."""
    return [(low, high) for low, high, _ in first_match([(low, high, None) for low, high in intervals])]


def text(low: int, high: int) -> str:
    """An interval of ports as nft writes it."""
    return str(low) if low == high else f"{low}-{high}"
