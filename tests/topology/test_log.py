"""The security log and the trace, from real sessions to a receiver in the server's namespace."""

from __future__ import annotations

import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG, ALG_FTP
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.programs import make_file
from tests.support.sockets import connect_in, listen_in, socket_in
from tests.support.syslog_receiver import LINE, Receiver
from tests.support.until import until

POLICY = """
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>{}</policy></policies>
"""
LOG_FTP = POLICY.format(
    "<policy><name>allow-ftp</name><then><log><session-init/><session-close/></log></then></policy>"
)
DENIED = """
<policy><name>no-{0}</name>
  <match><source-address>any</source-address><destination-address>any</destination-address>
    <application>junos-{0}</application></match>
  <then><{1}/><log><session-init/></log></then></policy>
"""


@pytest.fixture
def receiver(topology: Topology) -> Iterator[Receiver]:
    made = Receiver(topology.server, IPV4.server)
    yield made
    made.close()


def transfer(session: FtpSession) -> None:
    """A PORT or EPRT and the file that it fetches."""
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(b"RETR pub/small\r\n")
    assert len(session.receive(listener)) == 1000
    session.expect(150)
    session.expect(226)


def local_port(session: FtpSession) -> int:
    port: int = session.control.getsockname()[1]
    return port


@pytest.mark.parametrize("plan", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_an_ftp_session_from_beginning_to_end(
    topology: Topology, appliance: Appliance, server: FtpServer, receiver: Receiver, plan: Plan
) -> None:
    make_file(server.files / "small", 1000)
    appliance.push(LOG_FTP + f"<log>{receiver.stream('s', format='sd-syslog')}</log>")
    with ftp_session(topology, server, plan) as session:
        port = local_port(session)
        transfer(session)
        session.send(b"PORT 192,0,2,99,10,10\r\n")
        session.expect(500)
    named = {
        "source_address": plan.client, "source_port": port, "destination_address": plan.server,
        "destination_port": server.port, "service_name": "junos-ftp", "policy_name": "allow-ftp",
        "source_zone_name": "trust", "destination_zone_name": "untrust", "protocol_id": 6, "application": "FTP",
    }  # fmt: skip
    created = receiver.wait("RT_FLOW_SESSION_CREATE", **named, nat_source_address=plan.public)
    assert (created["HOST"], created["PRIORITY"]) == ("appliance", "14")
    assert created["nat-destination-address"] == plan.server
    opened = receiver.wait("RT_ALG_GATE_OPEN", **named, alg="ftp", outside_address=plan.public)
    assert opened["inside-address"] == plan.client
    assert opened["reason"].split()[0] in ("PORT", "EPRT")
    receiver.wait("RT_ALG_GATE_CLOSE", **named, gate=opened["gate"])
    bounce = receiver.wait("RT_ALG_VIOLATION", **named, event="bounce")
    assert "192,0,2,99" in bounce["detail"]
    assert bounce["PRIORITY"] == "12"
    closed = receiver.wait("RT_FLOW_SESSION_CLOSE", **named, nat_source_address=plan.public)
    assert closed["session-id-32"] == created["session-id-32"]
    assert closed["reason"] in ("TCP FIN", "TCP RST")
    assert all(int(closed[f"{what}-from-{who}"]) > 5 for what in ("packets", "bytes") for who in ("client", "server"))
    assert 0 <= int(closed["elapsed-time"]) < 60


def test_denied_and_rejected_sessions(topology: Topology, appliance: Appliance, receiver: Receiver) -> None:
    policies = DENIED.format("http", "deny") + DENIED.format("telnet", "reject")
    appliance.push(POLICY.format(policies) + f"<log>{receiver.stream('s', format='sd-syslog', category='flow')}</log>")
    with pytest.raises(TimeoutError):
        connect_in(topology.client, IPV4.server, 80, timeout_s=0.5)
    with pytest.raises(ConnectionRefusedError):
        connect_in(topology.client, IPV6.server, 23, timeout_s=5)
    denied = receiver.wait("RT_FLOW_SESSION_DENY", policy_name="no-http", service_name="junos-http")
    assert (denied["source-address"], denied["destination-address"]) == (IPV4.client, IPV4.server)
    assert (denied["destination-port"], denied["reason"]) == ("80", "Denied by policy")
    assert (denied["source-zone-name"], denied["destination-zone-name"]) == ("trust", "untrust")
    rejected = receiver.wait("RT_FLOW_SESSION_DENY", policy_name="no-telnet", reason="Rejected by policy")
    assert rejected["source-address"] == IPV6.client
    assert not receiver.find("RT_FLOW_SESSION_CREATE")


def test_a_global_policy_names_the_zones_of_its_sessions(
    topology: Topology, appliance: Appliance, receiver: Receiver
) -> None:
    permit = "<policies><global>" + DENIED.format("http", "permit").replace(
        "<session-init/>", "<session-init/><session-close/>"
    )
    appliance.push(f"{permit}</global></policies><log>{receiver.stream('s', format='sd-syslog')}</log>")
    # Nobody listens there: the session is over with the server's reset.
    with pytest.raises(ConnectionRefusedError):
        connect_in(topology.client, IPV4.server, 80, timeout_s=5)
    named = {"policy_name": "no-http", "source_zone_name": "trust", "destination_zone_name": "untrust"}
    created = receiver.wait("RT_FLOW_SESSION_CREATE", **named, application="UNKNOWN", service_name="junos-http")
    closed = receiver.wait("RT_FLOW_SESSION_CLOSE", **named, reason="TCP RST")
    assert closed["nat-source-address"] == created["nat-source-address"] == IPV4.public


def test_streams_take_what_they_ask_for(
    topology: Topology, appliance: Appliance, server: FtpServer, receiver: Receiver
) -> None:
    make_file(server.files / "small", 1000)
    others = [Receiver(topology.server, address) for address in (IPV6.server, IPV4.server, IPV4.server)]
    v6, flow, warnings = others
    streams = (
        receiver.stream("alg", format="sd-syslog", category="alg")
        + v6.stream("v6", format="sd-syslog")
        + flow.stream("flow", category="flow")
        + warnings.stream("warnings", format="sd-syslog", severity="warning")
    )
    topology.run(topology.gateway, ["ip", "address", "add", f"{IPV4.extra_public}/32", "dev", "lo"])
    appliance.push(LOG_FTP + f"<log><source-address>{IPV4.extra_public}</source-address>{streams}</log>")
    with ftp_session(topology, server, IPV4) as session:
        transfer(session)
        session.send(b"PORT 1,2\r\n")
        session.expect(500)
    v6.wait("RT_FLOW_SESSION_CLOSE")
    v6.wait("RT_ALG_VIOLATION", event="bad-port")
    receiver.wait("RT_ALG_GATE_CLOSE")
    assert not receiver.find("RT_FLOW_SESSION_CREATE")
    warnings.wait("RT_ALG_VIOLATION", event="bad-port")
    assert {LINE.fullmatch(line)["priority"] for line in warnings.read()} == {"12"}  # type: ignore[index]
    until(lambda: len(flow.read()) >= 2, what="both ends of the session in plain syslog")
    assert re.match(
        r'<14>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d appliance RT_FLOW: RT_FLOW_SESSION_CREATE: source-address="',
        flow.lines[0],
    )
    assert not any("RT_ALG" in line for line in flow.lines)
    assert receiver.senders == flow.senders == {IPV4.extra_public}
    assert v6.senders <= {IPV6.public, IPV6.lan}
    for other in others:
        other.close()


def test_the_host_name_is_the_configured_one(topology: Topology, appliance: Appliance, receiver: Receiver) -> None:
    appliance.netconf.push('<system xmlns="urn:applianced:yang:system"><host-name>gw7.example</host-name></system>')
    appliance.push(
        POLICY.format(DENIED.format("http", "reject")) + f"<log>{receiver.stream('s', format='sd-syslog')}</log>"
    )
    with pytest.raises(ConnectionRefusedError):
        connect_in(topology.client, IPV4.server, 80, timeout_s=5)
    assert receiver.wait("RT_FLOW_SESSION_DENY")["HOST"] == "gw7.example"


def test_a_receiver_that_is_away_costs_no_time(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """One address that nobody has, one port that nobody listens on."""
    make_file(server.files / "small", 1000)
    stream = "<stream><name>{}</name><host><ipaddr>{}</ipaddr><port>9</port></host></stream>"
    streams = stream.format("nobody", "203.0.113.200") + stream.format("closed", IPV4.server)
    appliance.push(LOG_FTP + f"<log>{streams}</log>")
    began = time.monotonic()
    with ftp_session(topology, server, IPV4) as session:
        for _ in range(20):
            transfer(session)
    assert time.monotonic() - began < 5


def trace(appliance: Appliance, level: str, *rest: str) -> Path:
    """Trace FTP at a level; where the file lies."""
    file = f"<file><filename>ftp.log</filename>{''.join(rest)}</file>"
    flag = f'<ftp xmlns="{ALG_FTP}"><traceoptions><flag><name>all</name></flag></traceoptions></ftp>'
    appliance.push(f'<alg xmlns="{ALG}"><traceoptions>{file}<level>{level}</level></traceoptions>{flag}</alg>')
    return appliance.directory / "state" / "dataplane" / "trace" / "ftp.log"


LEVELS = [
    ("brief", {"RT_ALG_EVENT", "RT_ALG_VIOLATION"}),
    ("detail", {"RT_ALG_EVENT", "RT_ALG_VIOLATION", "RT_ALG_REWRITE"}),
    ("extensive", {"RT_ALG_EVENT", "RT_ALG_VIOLATION", "RT_ALG_REWRITE", "RT_ALG_GATE_OPEN", "RT_ALG_GATE_CLOSE"}),
]


def test_the_trace_file(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    make_file(server.files / "small", 1000)
    for level, names in LEVELS:
        file = trace(appliance, level, "<world-readable/>")
        file.unlink(missing_ok=True)
        with ftp_session(topology, server, IPV4) as session:
            transfer(session)
            session.send(b"PORT 192,0,2,99,10,10\r\n")
            session.expect(500)
        text = until(lambda: settled(file, 'event="refused-command"'), what=f"trace at level {level}")  # noqa: B023
        assert {line.split()[1] for line in text.splitlines()} == names, text
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
    rewritten = next(line for line in text.splitlines() if "RT_ALG_REWRITE" in line)
    assert f'before="PORT {IPV4.client.replace(".", ",")},' in rewritten
    assert f'after="PORT {IPV4.public.replace(".", ",")},' in rewritten
    assert 'policy-name="allow-ftp"' in rewritten


def settled(file: Path, wanted: str) -> str:
    """The content once it holds what is awaited."""
    text = file.read_text() if file.exists() else ""
    return text if wanted in text else ""


def test_the_trace_file_is_matched_and_bounded(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    make_file(server.files / "small", 1000)
    file = trace(appliance, "extensive", "<size>10k</size><files>3</files><match>GATE_(OPEN|CLOSE)</match>")
    with ftp_session(topology, server, IPV4) as session:
        for _ in range(80):
            transfer(session)
    until(lambda: len(list(file.parent.glob("ftp.log*"))) == 3, 10, what="as many files as may be")
    found = list(file.parent.glob("ftp.log*"))
    for each in found:
        assert each.stat().st_size <= 10 * 1024
        assert stat.S_IMODE(each.stat().st_mode) == 0o640
        assert all("RT_ALG_GATE_" in line for line in each.read_text().splitlines())


def test_nothing_listens_while_nothing_is_logged(topology: Topology, appliance: Appliance) -> None:
    """The sockets of the session log exist only while a policy wants it."""

    def listening() -> bool:
        command = ["cat", "/proc/net/netfilter/nfnetlink_log"]
        return bool(topology.run(topology.gateway, command).stdout.strip())

    assert not listening()
    appliance.push(LOG_FTP)
    assert listening()
    appliance.push(
        LOG_FTP.replace("<log>", '<log xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete">')
    )
    assert not listening()


def test_a_session_that_the_operator_clears(topology: Topology, appliance: Appliance, receiver: Receiver) -> None:
    """Deleted, not closed: the log says so."""
    permit = POLICY.format(
        DENIED.format("http", "permit").replace("<session-init/>", "<session-close/>").replace("no-", "web-")
    )
    appliance.push(permit + f"<log>{receiver.stream('s', format='sd-syslog')}</log>")
    listener = listen_in(topology.server, IPV4.server)
    listener.close()
    web = socket_in(topology.server, socket.AF_INET)
    web.bind((IPV4.server, 80))
    web.listen()
    with connect_in(topology.client, IPV4.server, 80, timeout_s=5), web:
        removed = (
            '<policy xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"><name>web-http</name>'
        )
        appliance.push(POLICY.format(removed + "</policy>"))
        closed = receiver.wait("RT_FLOW_SESSION_CLOSE", policy_name="web-http")
        assert closed["reason"] == "session cleared"
