"""The server stands inside, reached from outside by static or destination NAT; the client is outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import PLANS, Plan, Topology
from tests.support.appliance import Appliance
from tests.support.programs import ALL_MODES, CLIENTS, Mode, Transfer, checksum, make_file
from tests.support.translations import destination_nat, permit_ftp, static_nat

CASES = [pytest.param(version, mode, id=f"ipv{version}-{mode.value}") for version, mode in ALL_MODES]


@pytest.fixture
def server(topology: Topology, server_directory: Path) -> FtpServer:
    topology.add_public_addresses()
    return vsftpd(topology, server_directory, namespace=topology.client)


@pytest.mark.parametrize("translation", [static_nat, destination_nat])
@pytest.mark.parametrize(("version", "mode"), CASES)
def test_outside_client_fetches_and_stores(
    topology: Topology,
    server: FtpServer,
    appliance: Appliance,
    translation: Callable[[Plan], str],
    version: int,
    mode: Mode,
    tmp_path: Path,
) -> None:
    plan = PLANS[version]
    appliance.push(permit_ftp("untrust", "trust") + translation(plan))
    offered = make_file(server.files / "offered", 300_000)
    transfer = Transfer(topology, server, plan, mode, namespace=topology.server, host=plan.extra_public)
    curl = CLIENTS["curl"]

    curl.fetch(transfer, "offered", tmp_path / "fetched")
    wanted = make_file(tmp_path / "sent", 200_000)
    curl.store(transfer, tmp_path / "sent", "stored")

    assert checksum(tmp_path / "fetched") == offered
    assert checksum(server.files / "stored") == wanted
