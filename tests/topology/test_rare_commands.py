"""What clients in use do not send or do: LPRT, LPSV (RFC 1639), EPSV ALL (RFC 2428); and traffic without an ALG."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, wait_listening
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support import long_ftp_server
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, ftp_session, read_all
from tests.support.long_ftp_server import CONTENT, endpoint, long_form
from tests.support.programs import make_file
from tests.support.sockets import connect_in, family_of, listen_in, socket_in

PLANS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


def long_server(topology: Topology, directory: Path, plan: Plan) -> FtpServer:
    program = Path(long_ftp_server.__file__)
    topology.popen(topology.server, [sys.executable, str(program), plan.server])
    wait_listening(topology, topology.server, 21)
    return FtpServer("long", "tester", "secret", directory, "")


def finish(session: FtpSession) -> None:
    session.expect(150)
    session.expect(226)


@pytest.mark.parametrize("plan", PLANS)
def test_lprt(topology: Topology, appliance: Appliance, server_directory: Path, plan: Plan) -> None:
    with ftp_session(topology, long_server(topology, server_directory, plan), plan) as session:
        listener = listen_in(topology.client, plan.client)
        session.command(f"LPRT {long_form(plan.client, listener.getsockname()[1])}", 200)
        session.send(b"RETR a\r\n")
        assert session.receive(listener) == CONTENT
        finish(session)
    assert appliance.counter("ftp", "lprt") == 1


@pytest.mark.parametrize("plan", PLANS)
def test_lpsv(topology: Topology, appliance: Appliance, server_directory: Path, plan: Plan) -> None:
    with ftp_session(topology, long_server(topology, server_directory, plan), plan) as session:
        reply = session.command("LPSV", 228)
        address, port = endpoint(reply.partition("(")[2].partition(")")[0])
        assert address == plan.server
        session.send(b"RETR a\r\n")
        assert read_all(connect_in(topology.client, address, port)) == CONTENT
        finish(session)
    assert appliance.counter("ftp", "lpsv") == 1


def test_epsv_all(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """After it a data port command is refused, and EPSV goes on to work."""
    make_file(server.files / "small", 1000)
    with ftp_session(topology, server, IPV4) as session:
        session.command("EPSV ALL", 200)
        port = int(session.command("EPSV", 229).split("|")[3])
        session.send(b"RETR pub/small\r\n")
        assert len(read_all(connect_in(topology.client, IPV4.server, port))) == 1000
        finish(session)
        session.command("PASV", 500)
    assert appliance.counter("ftp", "epsv-all") == 1
    assert appliance.counter("ftp", "refused-epsv-only") == 1


PLAIN = """
<applications xmlns="urn:applianced:yang:applications">
  <application><name>plain-ftp</name><application-protocol>none</application-protocol>
    <protocol>tcp</protocol><destination-port>21</destination-port></application></applications>
<security xmlns="urn:applianced:yang:security"><policies><policy>
  <from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy><name>allow-ftp</name><match xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
    <application nc:operation="delete">junos-ftp</application><application>plain-ftp</application>
  </match></policy></policy></policies></security>
"""


def test_application_without_an_alg(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The control session passes unread: the announcement stays private, and nothing is opened."""
    appliance.netconf.push(PLAIN)
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        with listener:
            session.send(announcement)
            session.expect(500)
        assert not appliance.flow("control-sessions")
    assert not appliance.gates()


@pytest.mark.parametrize("plan", PLANS)
def test_echo_and_low_source_port_through_nat(
    topology: Topology, appliance: Appliance, server: FtpServer, plan: Plan
) -> None:
    """ICMP echo is translated, and so is a source port below 1024."""
    assert appliance.workers()
    topology.run(topology.client, ["ping", "-c", "1", "-W", "2", plan.server])
    connection = socket_in(topology.client, family_of(plan.server))
    with connection:
        connection.settimeout(5)
        connection.bind((plan.client, 1000))
        connection.connect((plan.server, server.port))
        assert connection.recv(100).startswith(b"220")
