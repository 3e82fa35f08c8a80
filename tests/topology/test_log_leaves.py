"""Leaves of the configuration that nothing else shows at work: each is seen in the kernel or on the wire."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.serving import free_port, make_admin_key
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.until import until

DELETE = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"'
INTERFACES = (
    '<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"'
    ' xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">{}</interfaces>'
)
INTERFACE = "<interface><name>wan0</name><type>t:ethernetCsmacd</type>{}</interface>"
MTU = '<mtu xmlns="urn:applianced:yang:system">1400</mtu>'
TIMEOUTS = {
    "tcp-session-timeout": ("nf_conntrack_tcp_timeout_established", 1234),
    "udp-session-timeout": ("nf_conntrack_udp_timeout_stream", 77),
    "icmp-session-timeout": ("nf_conntrack_icmp_timeout", 33),
}


def link(topology: Topology, name: str) -> dict[str, object]:
    listed = topology.run(topology.gateway, ["ip", "-json", "link", "show", "dev", name]).stdout
    found: dict[str, object] = json.loads(listed)[0]
    return found


def test_interfaces(topology: Topology, appliance: Appliance) -> None:
    address = '<ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip"><address><ip>192.0.2.7</ip><prefix-length>24</prefix-length></address></ipv4>'  # fmt: skip # noqa: E501
    appliance.netconf.push(INTERFACES.format(INTERFACE.format(f"<enabled>false</enabled>{MTU}{address}")))
    found = link(topology, "wan0")
    assert (found["mtu"], "UP" in str(found["flags"])) == (1400, False)
    addresses = topology.run(topology.gateway, ["ip", "address", "show", "dev", "wan0"]).stdout
    assert "192.0.2.7/24" in addresses
    appliance.netconf.push(INTERFACES.format(f"<interface {DELETE}><name>wan0</name></interface>"))
    found = link(topology, "wan0")
    assert (found["mtu"], "UP" in str(found["flags"])) == (1500, True)
    addresses = topology.run(topology.gateway, ["ip", "address", "show", "dev", "wan0"]).stdout
    assert "192.0.2.7" not in addresses
    assert IPV4.public in addresses


def test_an_interface_that_is_not_there_is_refused(appliance: Appliance) -> None:
    with pytest.raises(RPCError, match="there is no interface nowhere0"):
        appliance.netconf.push(INTERFACES.format(INTERFACE.format("").replace("wan0", "nowhere0")))


def test_timeouts(topology: Topology, appliance: Appliance) -> None:
    leaves = "".join(f"<{leaf}>{value}</{leaf}>" for leaf, (_, value) in TIMEOUTS.items())
    appliance.push(f"<flow>{leaves}</flow>")
    for setting, value in TIMEOUTS.values():
        path = f"/proc/sys/net/netfilter/{setting}"
        assert topology.run(topology.gateway, ["cat", path]).stdout.strip() == str(value)


def test_control_sessions_beyond_the_limit_pass_unread(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    """Two workers at the most share a limit of 1, each has one; all sessions of one client meet the same worker."""
    appliance.push("<flow><alg-sessions-total>1</alg-sessions-total></flow>")
    with ftp_session(topology, server, IPV4), ftp_session(topology, server, IPV4) as second:
        assert appliance.counter("ftp", "sessions-refused") == 1
        listener, announcement = second.listen()
        with listener:
            # Unread, it names a private address, which the server cannot or will not reach.
            second.send(announcement)
            second.send(b"LIST\r\n")
            second.command("NOOP", 200, 500, 425)
        assert not appliance.gates()


def announce(session: FtpSession) -> str:
    listener, announcement = session.listen()
    with listener:
        session.send(announcement)
        return session.expect(200, 500)


def test_gates_beyond_the_limits_are_refused(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    appliance.push(
        "<flow><alg-gates-per-session>1</alg-gates-per-session><alg-gates-per-source>2</alg-gates-per-source></flow>"
    )
    sessions = [FtpSession(topology, server, IPV4) for _ in range(3)]
    try:
        assert [announce(session)[:3] for session in sessions] == ["200", "200", "500"]
        assert appliance.counter("ftp", "gates-refused-source") == 1
    finally:
        for session in sessions:
            session.close()


def test_the_hit_count_of_a_policy_that_counts(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    with ftp_session(topology, server, IPV4):
        data = appliance.netconf.get(
            '<security xmlns="urn:applianced:yang:security"><policies><hit-count xmlns="urn:applianced:yang:state"/>'
            "</policies></security>"
        )
        entry = next(each for each in data.iterfind(".//{*}policy") if each.findtext("{*}name") == "allow-ftp")
        assert int(entry.findtext("{*}sessions") or 0) == 1
        assert int(entry.findtext("{*}packets") or 0) > 5
        assert int(entry.findtext("{*}octets") or 0) > 300


def test_gate_timeout(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    appliance.push("<flow><gate-timeout>2</gate-timeout></flow>")
    with ftp_session(topology, server, IPV4) as session:
        assert announce(session).startswith("200")
        until(lambda: appliance.counter("ftp", "gates-expired") == 1, 6, what="the gate expires unused")


def test_a_message_over_the_limit_ends_its_session(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    appliance.push("<flow><alg-message-size>1024</alg-message-size></flow>")
    with ftp_session(topology, server, IPV4) as session:
        session.send(b"CWD " + b"x" * 900)
        session.send(b"x" * 200)
        until(lambda: appliance.counter("ftp", "message-too-long") == 1, what="the message is refused")


def test_the_port_of_netconf(tmp_path: Path) -> None:
    """Without one on the command line it is the configured one."""
    port = free_port("127.0.0.1")
    ssh = {"services": {"netconf": {"ssh": {"port": port}}}}
    (tmp_path / "first.json").write_text(json.dumps({"applianced-system:system": ssh}))
    tmp_path.chmod(0o755)
    key = make_admin_key(tmp_path)
    arguments = ["--config", str(tmp_path / "first.json"), "--state-dir", str(tmp_path / "state")]
    arguments += ["--listen", "127.0.0.1", "--admin-key", f"{key}.pub"]
    command = [sys.executable, "-m", "applianced", "serve", "--dataplane", "none", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"ready netconf=127.0.0.1:{port}\n"
        finally:
            process.terminate()
