"""Texts that say the same in another order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.northbound.inforce import _permuted


@pytest.mark.parametrize(
    ("one", "other", "permuted"),
    [
        (b"", b"", True),
        (b"abc", b"abc", True),
        (b"[a,b,c]", b"[a,c,b]", True),
        (b"[a,b,c]", b"[c,b,a]", True),
        (b"port 21", b"port 22", False),
        (b"port 21", b"port 12", True),
        (b"port 21", b"port 2", False),
        (b"aab", b"abb", False),
    ],
)
def test_permuted(one: bytes, other: bytes, permuted: bool) -> None:
    assert _permuted(one, other) is permuted


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_permuted_is_what_sorting_says(one: bytes, other: bytes) -> None:
    assert _permuted(one, other) == (sorted(one) == sorted(other))
    assert _permuted(one, bytes(sorted(one)))
