"""The server stands inside, reached from outside by static or destination NAT; the client is outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import PLANS, Topology
from tests.support.appliance import appliance_on, private_directory
from tests.support.netns import unique_topology
from tests.support.programs import ALL_MODES, CLIENTS, Mode, Transfer, fetch_and_store
from tests.support.translations import destination_nat, permit_ftp, static_nat

CASES = [pytest.param(version, mode, id=f"ipv{version}-{mode.value}") for version, mode in ALL_MODES]
TRANSLATIONS = [
    pytest.param((static_nat, 21), id="static"),
    pytest.param((destination_nat, 21), id="destination"),
    pytest.param((partial(destination_nat, outside_port=2121, port=21), 2121), id="other-port"),
]


@pytest.fixture(scope="module", params=TRANSLATIONS)
def route(request: pytest.FixtureRequest) -> Iterator[tuple[Topology, FtpServer]]:
    """The server inside, as it is known outside."""
    translation, port = request.param
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit_ftp("untrust", "trust"))
        for plan in PLANS.values():
            appliance.push(translation(plan))
        yield topology, replace(vsftpd(topology, directory, namespace=topology.client), port=port)


@pytest.mark.parametrize(("version", "mode"), CASES)
def test_outside_client_fetches_and_stores(
    route: tuple[Topology, FtpServer], version: int, mode: Mode, tmp_path: Path
) -> None:
    topology, server = route
    plan = PLANS[version]
    transfer = Transfer(topology, server, plan, mode, namespace=topology.server, host=plan.extra_public)
    fetch_and_store(CLIENTS["curl"], transfer, tmp_path, offered=300_000, stored=200_000)
