"""What tests of the collection share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.rehearsed import Running, rehearsed
from tests.ansible.runner import Controller, controller
from tests.support.served import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("appliance")) as running:
        with controller(running) as opened:
            opened.ok("rpc", rpc="save-rescue")
        yield running


@pytest.fixture
def operator(server: Served, tmp_path: Path) -> Iterator[Controller]:
    """One who remembers, at an appliance as it was at first."""
    with controller(server, tmp_path / "cache") as opened:
        opened.ok("config", rollback="rescue")
        yield opened


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with rehearsed(tmp_path_factory.mktemp("ansible") / "fleet", tmp_path_factory.mktemp("home")) as opened:
        yield opened
