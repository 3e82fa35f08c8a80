"""The report on loads through the VM image."""

from __future__ import annotations

import pytest

from tests.bench.flows import MOST_FLOWS, highest
from tests.bench.image import UNITS, markdown
from tests.bench.loads import LoadError


def test_emulation_is_said() -> None:
    rates = {name: [3.0, 1.0, 2.0] for name in UNITS}
    lines = markdown(rates, emulated=True).splitlines()
    assert lines[2].startswith("**emulated** by QEMU")
    assert "| new connections | 2.00 connections/s | 1.00 to 3.00 |" in lines
    assert len(lines) == 6 + len(UNITS)
    assert "emulated" not in markdown(rates, emulated=False)


@pytest.mark.parametrize("limit", [250, 999, 1000, 1001, 7300])
def test_the_highest_rate_is_found(limit: int) -> None:
    tried: list[int] = []

    def passes(rate: int) -> bool:
        tried.append(rate)
        return rate <= limit

    found = highest(passes, MOST_FLOWS)
    assert limit * 8 / 9 <= found <= limit
    assert len(tried) == len(set(tried))


def test_a_rate_that_nothing_reaches() -> None:
    assert highest(lambda rate: True, MOST_FLOWS) == MOST_FLOWS
    with pytest.raises(LoadError, match="250 a second are too many"):
        highest(lambda rate: False, MOST_FLOWS)
