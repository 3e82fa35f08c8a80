"""Figures of the management plane are scaled by the floor of the same minutes."""

from __future__ import annotations

import pytest

from tests.bench.management.report import REFERENCE, ROWS, Management, lines

BY_NAME = {row.name: row for row in ROWS}
ONE, GETS, IDLE = (
    BY_NAME[name] for name in ("edit and commit of one entry", "small get-config", "memory of an idle session")
)


def results(*, faster: float) -> Management:
    appliance = {"edit and commit of one entry": 40.0, "small get-config": 2000.0, "memory of an idle session": 70.0}
    floor = {name: value * faster for name, value in REFERENCE.items()}
    return Management([appliance, {"small get-config": 2000.0}], [floor])


def test_a_faster_machine_is_reckoned_with() -> None:
    found = results(faster=2)
    assert found.scaled(ONE) == pytest.approx(80)
    assert found.scaled(GETS) == pytest.approx(1000)
    assert found.scaled(IDLE) == 70
    assert [found.met(row) for row in (ONE, GETS, IDLE)] == [False, False, False]


def test_the_same_machine() -> None:
    found = results(faster=1)
    assert [found.met(row) for row in (ONE, GETS, IDLE)] == [True, True, False]
    shown = {line[0]: line[1:] for line in lines(found)}
    assert shown["small get-config, 1/s"] == ["2,000.0", "2,650.0", "2,000.0", "at least 1500", "met"]
    assert shown["memory of an idle session, KiB"] == ["70.0", "", "70.0", "at most 64", "**missed**"]
    assert len(shown) == 3


def test_without_a_floor_figures_are_as_found() -> None:
    found = results(faster=2)
    found.floor.clear()
    assert found.scaled(ONE) == 40
    assert found.met(BY_NAME["edit and commit of one entry, p99"]) is None
