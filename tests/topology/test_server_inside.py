"""The server stands inside, reached from outside by static or destination NAT; the client is outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import PLANS, Plan, Topology
from tests.support.appliance import Appliance
from tests.support.programs import ALL_MODES, CLIENTS, Mode, Transfer, checksum, make_file

NAT = "urn:applianced:yang:nat"
POLICY = """
<policies><policy><from-zone-name>untrust</from-zone-name><to-zone-name>trust</to-zone-name>
  <policy><name>ftp-server</name>
    <match><source-address>any</source-address><destination-address>any</destination-address>
      <application>junos-ftp</application></match>
    <then><permit/></then>
  </policy>
</policy></policies>
"""
CASES = [pytest.param(version, mode, id=f"ipv{version}-{mode.value}") for version, mode in ALL_MODES]


def static_nat(plan: Plan) -> str:
    host = 32 if plan.version == 4 else 128
    return f"""
    <nat xmlns="{NAT}"><static><rule-set><name>inside</name><from><zone>untrust</zone></from>
      <rule><name>server{plan.version}</name>
        <match><destination-address>{plan.extra_public}/{host}</destination-address></match>
        <then><static-nat><prefix><addr-prefix>{plan.client}/{host}</addr-prefix></prefix></static-nat></then>
      </rule></rule-set></static></nat>
    """


def destination_nat(plan: Plan) -> str:
    host = 32 if plan.version == 4 else 128
    return f"""
    <nat xmlns="{NAT}"><destination>
      <pool><name>server{plan.version}</name><address><ip-prefix>{plan.client}/{host}</ip-prefix></address></pool>
      <rule-set><name>inside</name><from><zone>untrust</zone></from>
        <rule><name>server{plan.version}</name>
          <match><destination-address>{plan.extra_public}/{host}</destination-address></match>
          <then><destination-nat><pool><pool-name>server{plan.version}</pool-name></pool></destination-nat></then>
        </rule></rule-set></destination></nat>
    """


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
    appliance.push(POLICY + translation(plan))
    offered = make_file(server.files / "offered", 300_000)
    transfer = Transfer(topology, server, plan, mode, namespace=topology.server, host=plan.extra_public)
    curl = CLIENTS["curl"]

    curl.fetch(transfer, "offered", tmp_path / "fetched")
    wanted = make_file(tmp_path / "sent", 200_000)
    curl.store(transfer, tmp_path / "sent", "stored")

    assert checksum(tmp_path / "fetched") == offered
    assert checksum(server.files / "stored") == wanted
