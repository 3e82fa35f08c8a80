"""So many a period, whatever comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from applianced.model import rates
from applianced.model.rates import Rates

GAPS = st.lists(st.tuples(st.floats(0, 2), st.sampled_from("abc")), max_size=200)


@given(GAPS, st.integers(0, 5))
def test_what_passes_and_what_is_held_is_all_there_was(gaps: list[tuple[float, str]], most: int) -> None:
    limited, now, passed, held = Rates(1.0), 100.0, 0, 0
    in_period: dict[str, int] = {}
    began = 0.0
    for gap, kind in gaps:
        now += gap
        if now - began >= 1.0:
            began, in_period = now, {}
        if limited.passes(kind, most, now):
            passed += 1
            in_period[kind] = in_period.get(kind, 0) + 1
            assert not most or in_period[kind] <= most
        elif gap > 1:
            raise AssertionError("the first of a period is held back")
    if limited.holding:
        held = sum(limited.take().values())
    assert passed + held == len(gaps)
    assert not limited.holding
    assert limited.take() == {}


def test_kinds_beyond_the_bound_count_as_one() -> None:
    limited = Rates()
    for number in range(rates.KINDS_MAX):
        assert limited.passes(str(number), 1, 1.0)
    assert limited.passes("one more", 1, 1.0)
    assert not limited.passes("and another", 1, 1.5)
    assert limited.take() == {"": 1}
    assert not limited.over(1.5)
    assert limited.over(2.0)
    assert limited.passes("and another", 1, 2.0)
    assert not limited.passes("and another", 1, 2.5)
    assert (limited.take_of("and another"), limited.take_of("and another")) == (1, 0)
