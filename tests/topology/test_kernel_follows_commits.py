"""Commits that change what is read and what may pass: each seen by traffic."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import leaf, state_of
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import ALG, ALG_FTP, NETCONF, PREFIXES, SECURITY
from tests.support.appliance import Appliance, private_directory
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.programs import make_file
from tests.support.until import until

APPLICATIONS = "urn:applianced:yang:applications"
SMALL_OCTETS = 1000
DISABLE = f'<alg xmlns="{ALG}"><ftp xmlns="{ALG_FTP}"><disable/></ftp></alg>'
POLICY = """
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy><name>{name}</name>
    <match><source-address>any</source-address><destination-address>any</destination-address>
      <application>{application}</application></match>
    <then><permit/></then>
  </policy>
</policy></policies>
"""
REMOVE = f"""
<security xmlns="{SECURITY}" xmlns:nc="{NETCONF}">
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy nc:operation="delete"><name>{{}}</name></policy>
</policy></policies></security>
"""


@pytest.fixture
def server(server: FtpServer) -> FtpServer:
    make_file(server.files / "small", SMALL_OCTETS)
    return server


def add_application(appliance: Appliance, name: str, leaves: str) -> None:
    """An application and a policy that permits it, in one commit."""
    appliance.netconf.edit(
        f'<applications xmlns="{APPLICATIONS}"><application><name>{name}</name>{leaves}</application></applications>'
    )
    appliance.push(POLICY.format(name=name, application=name))


def announce(session: FtpSession) -> tuple[int, str]:
    """Announce a port; the server's reply."""
    listener, announcement = session.listen()
    with listener:
        session.send(announcement)
        return session.reply()


def fetch(session: FtpSession) -> None:
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(b"RETR pub/small\r\n")
    assert len(session.receive(listener)) == SMALL_OCTETS
    session.expect(150)
    session.expect(226)


def reset(session: FtpSession) -> bool:
    """Whether the session was reset: the gateway no longer knows it."""
    session.control.settimeout(5)
    try:
        session.send(b"NOOP\r\n")
        while True:
            session.reply()
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def port_of(listener: socket.socket) -> str:
    return str(listener.getsockname()[1])


def second_server(topology: Topology, directory: Path, port: int) -> FtpServer:
    """vsftpd on another port, with the small file."""
    made = vsftpd(topology, directory, port=port)
    make_file(made.files / "small", SMALL_OCTETS)
    return made


def status(appliance: Appliance, alg: str) -> etree._Element:
    """An ALG as the state shows it."""
    found = state_of(appliance.netconf, "status").find(f".//state:alg[state:name='{alg}']", PREFIXES)
    assert found is not None
    return found


def test_disabled_alg_passes_traffic_untouched(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The server is told the private address, and says what it thinks of it."""
    appliance.push(DISABLE)
    assert leaf(status(appliance, "ftp"), "state") == "disabled"
    with ftp_session(topology, server, IPV4) as session:
        code, _ = announce(session)
        assert code == 500, "vsftpd refuses an address that is not its client's"
        session.command("PWD", 257)
    assert not appliance.gates()
    assert not appliance.counter("ftp", "packets")


def test_disabling_ends_what_was_read(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4) as session:
        announce(session)
        appliance.push(DISABLE)
        assert reset(session)
    assert all(leaf(gate, "closed") for gate in appliance.gates())
    with ftp_session(topology, server, IPV4) as session:
        session.command("PWD", 257)


def test_removed_policy_ends_its_sessions_and_no_others(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    with private_directory() as directory:
        other = second_server(topology, directory, 2121)
        add_application(
            appliance,
            "ftp-2121",
            "<application-protocol>ftp</application-protocol><protocol>tcp</protocol>"
            "<destination-port>2121</destination-port>",
        )
        with ftp_session(topology, server, IPV4) as kept, ftp_session(topology, other, IPV4) as removed:
            fetch(kept)
            listener, announcement = removed.listen()
            removed.send(announcement)
            removed.expect(200)
            announced = [gate for gate in appliance.gates() if leaf(gate, "inside-port") == port_of(listener)]
            assert [leaf(gate, "closed") for gate in announced] == [""]

            appliance.netconf.push(REMOVE.format("ftp-2121"))

            announced = [gate for gate in appliance.gates() if leaf(gate, "inside-port") == port_of(listener)]
            assert all(leaf(gate, "closed") for gate in announced)
            listener.close()
            assert reset(removed)
            fetch(kept)
            assert len(appliance.flow("control-sessions")) == 1


def test_removed_policy_ends_data_sessions(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    make_file(server.files / "big", 100_000_000)
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        session.send(b"RETR pub/big\r\n")
        with listener:
            data, _ = listener.accept()
        with data:
            until(lambda: appliance.flow("data-sessions"), what="the data session is shown")
            appliance.netconf.push(REMOVE.format("allow-ftp"))
            assert not appliance.flow("data-sessions")
            assert not appliance.flow("control-sessions")
            assert reset(session)


@pytest.mark.parametrize(
    "leaves",
    [
        pytest.param(
            "<application-protocol>ftp</application-protocol><protocol>tcp</protocol>"
            "<destination-port>2121</destination-port>",
            id="application",
        ),
        pytest.param(
            "<term><name>one</name><alg>ftp</alg><protocol>tcp</protocol><destination-port>2121</destination-port></term>"
            "<term><name>two</name><protocol>tcp</protocol><destination-port>2122</destination-port></term>",
            id="term",
        ),
    ],
)
def test_custom_application_on_another_port(topology: Topology, appliance: Appliance, leaves: str) -> None:
    with private_directory() as directory:
        server = second_server(topology, directory, 2121)
        add_application(appliance, "custom", leaves)
        with ftp_session(topology, server, IPV4) as session:
            fetch(session)
            (shown,) = appliance.flow("control-sessions")
            assert leaf(shown, "policy") == "custom"
            assert leaf(shown, "application") == "custom"
    assert appliance.counter("ftp", "port") == 1


def test_ignored_application_is_not_read(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """`application-protocol ignore` keeps the ALG off, also on its well-known port."""
    appliance.netconf.edit(
        f'<applications xmlns="{APPLICATIONS}"><application><name>plain</name>'
        "<application-protocol>ignore</application-protocol><protocol>tcp</protocol>"
        "<destination-port>21</destination-port></application></applications>"
    )
    appliance.netconf.edit(REMOVE.format("allow-ftp"))
    appliance.push(POLICY.format(name="plain", application="plain"))
    with ftp_session(topology, server, IPV4) as session:
        code, _ = announce(session)
        assert code == 500
        session.command("PWD", 257)
    assert not appliance.counter("ftp", "packets")
    assert not appliance.flow("control-sessions")
