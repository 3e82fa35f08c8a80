"""Sequence numbers wrap; distances do not care."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from applianced.packet.sequence import advance, distance

SEQUENCES = st.integers(0, 2**32 - 1)
NEAR = st.integers(-(2**31), 2**31 - 1)


@given(SEQUENCES, NEAR)
def test_distance_undoes_advance(sequence: int, octets: int) -> None:
    moved = advance(sequence, octets)
    assert 0 <= moved < 2**32
    assert distance(moved, sequence) == octets


def test_around_the_wrap() -> None:
    assert advance(2**32 - 1, 1) == 0
    assert distance(5, 2**32 - 5) == 10
    assert distance(2**32 - 5, 5) == -10
