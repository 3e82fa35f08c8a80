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
from tests.support.programs import CLIENTS, Client, Mode, Transfer, checksum, make_file

OFFERED_OCTETS = 300_000
STORED_OCTETS = 200_000
CASES = [
    pytest.param(client, version, mode, id=f"{client.name}-ipv{version}-{mode.value}")
    for client in CLIENTS.values()
    for version, mode in client.modes
]


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: FtpServer
    offered: str


@pytest.fixture(scope="module", params=STARTERS)
def path(request: pytest.FixtureRequest) -> Iterator[Route]:
    """One server behind the appliance, for all the clients; `offered` is the checksum of its file."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        server = STARTERS[request.param](topology, directory)
        yield Route(topology, appliance, server, make_file(server.files / "offered", OFFERED_OCTETS))


@pytest.mark.parametrize(("client", "version", "mode"), CASES)
def test_fetches_and_stores(path: Route, client: Client, version: int, mode: Mode, tmp_path: Path) -> None:
    transfer = Transfer(path.topology, path.server, PLANS[version], mode)
    event = mode.value.lower()
    before = path.appliance.counter("ftp", event)

    fetched = tmp_path / "fetched"
    client.fetch(transfer, "offered", fetched)
    sent = tmp_path / f"{client.name}-{version}-{mode.value}"
    wanted = make_file(sent, STORED_OCTETS)
    client.store(transfer, sent, sent.name)

    assert checksum(fetched) == path.offered
    assert checksum(path.server.files / sent.name) == wanted
    assert path.appliance.counter("ftp", event) >= before + 2
