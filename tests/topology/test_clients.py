"""Each real client against each real server in every mode, through source NAT, both IP versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import PLANS, Topology
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.ftp_servers import STARTERS
from tests.support.netns import unique_topology
from tests.support.programs import CLIENTS, Client, Mode, Transfer, cases_of, fetch_and_store


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: FtpServer


@pytest.fixture(scope="module", params=STARTERS)
def path(request: pytest.FixtureRequest) -> Iterator[Route]:
    """One server behind the appliance, for all the clients."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        yield Route(topology, appliance, STARTERS[request.param](topology, directory))


@pytest.mark.parametrize(("client", "version", "mode"), cases_of(CLIENTS))
def test_fetches_and_stores(path: Route, client: Client, version: int, mode: Mode, tmp_path: Path) -> None:
    transfer = Transfer(path.topology, path.server, PLANS[version], mode)
    event = mode.value.lower()
    before = path.appliance.counter("ftp", event)

    fetch_and_store(client, transfer, tmp_path, offered=300_000, stored=200_000)

    assert path.appliance.counter("ftp", event) >= before + 2
