"""FTP over TLS: the control session passes untouched; its data sessions need a policy or ftps-extension."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, make_certificate, vsftpd
from applianced.tools.namespaces import IPV4, IPV6, CommandError, Plan, Topology
from tests.support.appliance import FTPS_EXTENSION, Appliance
from tests.support.both_ends import both_ends
from tests.support.ftp_session import announcement
from tests.support.programs import checksum, make_file

PLAN_PARAMETERS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


@pytest.fixture
def server(topology: Topology, server_directory: Path) -> FtpServer:
    return vsftpd(topology, server_directory, certificate=make_certificate(server_directory))


def curl(topology: Topology, *options: str) -> str:
    argv = ["curl", "--silent", "--show-error", "--insecure", "--ssl-reqd", "--max-time", "15", *options]
    return topology.run(topology.client, argv).stdout


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_control_session_passes(topology: Topology, server: FtpServer, appliance: Appliance, plan: Plan) -> None:
    make_file(server.files / "offered", 1000)
    headers = curl(topology, "--head", server.url(plan, "offered"))
    assert "Content-Length: 1000" in headers
    assert appliance.counter("ftp", "tls") == 1
    assert not appliance.gates()


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_data_session_needs_the_extension(
    topology: Topology, server: FtpServer, appliance: Appliance, plan: Plan, tmp_path: Path
) -> None:
    wanted = make_file(server.files / "offered", 300_000)
    fetch = ("--output", str(tmp_path / "fetched"), server.url(plan, "offered"))
    with pytest.raises(CommandError):
        curl(topology, "--connect-timeout", "3", *fetch)

    appliance.push(FTPS_EXTENSION)
    curl(topology, *fetch)

    assert checksum(tmp_path / "fetched") == wanted
    assert appliance.counter("ftp", "ftps-gate") == 1


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_the_extension_admits_no_control_sessions(topology: Topology, appliance: Appliance, plan: Plan) -> None:
    """What may go to every port of the server is data: another control session beside it is read all the same."""
    appliance.push(FTPS_EXTENSION)
    places = (topology.client, plan), (topology.server, plan.server)
    with both_ends(*places) as encrypted:
        assert encrypted.command(b"AUTH TLS\r\n") == b"AUTH TLS\r\n"
        assert encrypted.reply(b"234 go on\r\n") == b"234 go on\r\n"
        with both_ends(*places) as clear:
            assert announcement(plan.public, 0)[:-5] in clear.command(announcement(plan.client, 2000))
    assert appliance.counter("ftp", "sessions") == 2
