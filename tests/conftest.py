"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TOPOLOGY = Path(__file__).parent / "topology"


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether the long form of a test is asked for (`make soak`)."""
    return os.environ.get("APPLIANCED_SOAK", "") not in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything under tests/topology is marked so, and skipped for want of root."""
    for item in items:
        if TOPOLOGY in item.path.parents:
            item.add_marker("topology")
        if item.get_closest_marker("topology") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="makes network namespaces: needs root"))
