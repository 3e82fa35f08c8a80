"""A client inside reaches a server inside by its public address: both ends of each session are translated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import PLANS, Topology
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.programs import Client, Mode, Transfer, cases_of, fetch_and_store
from tests.support.translations import destination_nat, permit_ftp, source_nat

OCTETS = 200_000


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: FtpServer


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    """The server beside the client, published for inside and outside."""
    with (
        unique_topology() as topology,
        second_inside(topology) as second,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        topology.add_public_addresses()
        appliance.push(permit_ftp("trust", "trust"))
        for version, plan in PLANS.items():
            appliance.push(destination_nat(plan, zones=("trust", "untrust"), inside=SECOND_INSIDE[version]))
        networks = [plan.private_network for plan in PLANS.values()]
        appliance.push(source_nat("trust", "trust", dict.fromkeys(networks, "<interface/>")))
        yield Route(topology, appliance, vsftpd(topology, directory, namespace=second))


@pytest.mark.parametrize(("client", "version", "mode"), cases_of(("curl", "lftp")))
def test_fetches_and_stores(route: Route, client: Client, version: int, mode: Mode, tmp_path: Path) -> None:
    plan = PLANS[version]
    transfer = Transfer(route.topology, route.server, plan, mode, host=plan.extra_public)
    before = route.appliance.counter("ftp", mode.value.lower())

    fetch_and_store(client, transfer, tmp_path, offered=OCTETS, stored=OCTETS)

    assert route.appliance.counter("ftp", mode.value.lower()) == before + 2
