"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
from coverage import Coverage

from tests.support.alone import turn
from tests.support.soak import LONG, rounds

TESTS = Path(__file__).parent
TOPOLOGY = TESTS / "topology"
OWN_CASES = {TESTS / name for name in ("alg", "unit/alg", "compiler", "unit/compiler", "fuzz")}
"""The ALGs' and the compiler's own."""


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether the long form of a test is asked for (`make soak`)."""
    return LONG


# How long an example takes says something of the machine, which has other things to do.
hypothesis.settings.register_profile("untimed", max_examples=rounds(100), deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/topology is marked so, and skipped for want of root."""
    for item in items:
        if TOPOLOGY in item.path.parents:
            item.add_marker("topology")
        if item.get_closest_marker("topology") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="makes network namespaces: needs root"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where a coverage is demanded (--cov-fail-under), only the own cases count, whatever else runs beside them.

    First of all, so that the time limit of a test leaves out how long it waits for its turn.
    """
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield from _counted(item))


def _counted(item: pytest.Item) -> Generator[None, object, object]:
    demanded = item.config.getoption("cov_fail_under", None) is not None
    counting = Coverage.current() if demanded and OWN_CASES.isdisjoint(item.path.parents) else None
    if counting:
        counting.stop()
    try:
        return (yield)
    finally:
        if counting:
            counting.start()
