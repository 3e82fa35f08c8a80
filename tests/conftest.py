"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tests.support.soak import LONG, rounds

TOPOLOGY = Path(__file__).parent / "topology"


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether the long form of a test is asked for (`make soak`)."""
    return LONG


hypothesis.settings.register_profile("long", max_examples=rounds(100), deadline=None)
if LONG:
    hypothesis.settings.load_profile("long")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/topology is marked so, and skipped for want of root."""
    for item in items:
        if TOPOLOGY in item.path.parents:
            item.add_marker("topology")
        if item.get_closest_marker("topology") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="makes network namespaces: needs root"))
