"""ALG policies of zones and of the device, seen by FTP through them: who decides, and what a change of hands ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import leaf, state_of
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import ALG, NETCONF, PREFIXES
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.ftp_session import FtpSession, ftp_session, read_all
from tests.support.netns import unique_topology
from tests.support.programs import make_file
from tests.support.translations import NO_NAT, permit_ftp
from tests.support.until import until

MODULE = "urn:applianced:yang:alg-policies"
OCTETS = 1000
INBOUND = replace(IPV4, client=IPV4.server, server=IPV4.client)
"""The client outside, the server inside: sessions enter by zone untrust."""
POLICIES = f"""
<alg xmlns="{ALG}">
  <device-policy xmlns="{MODULE}">base</device-policy>
  <policies xmlns="{MODULE}">
    <policy><name>base</name><alg><name>ftp</name></alg></policy>
    <policy><name>off</name><alg><name>ftp</name><disable/></alg></policy>
    <policy><name>more</name><alg><name>ftp</name><service>ftp-2121</service></alg></policy>
  </policies>
</alg>
"""
APPLICATION = """
<applications xmlns="urn:applianced:yang:applications"><application><name>ftp-2121</name>
  <protocol>tcp</protocol><destination-port>2121</destination-port></application></applications>
"""
PERMIT_2121 = permit_ftp("trust", "untrust").replace("junos-ftp", "ftp-2121").replace("ftp-server", "other-port")

EVERYWHERE = f"""
<policies xmlns:nc="{NETCONF}"><policy nc:operation="delete"><from-zone-name>trust</from-zone-name>
    <to-zone-name>untrust</to-zone-name></policy>
  <policy nc:operation="delete"><from-zone-name>untrust</from-zone-name><to-zone-name>trust</to-zone-name></policy>
  <global><policy><name>ftp-everywhere</name>
    <match><source-address>any</source-address><destination-address>any</destination-address>
      <application>junos-ftp</application></match>
    <then><permit/></then></policy></global></policies>
"""


class Ends(NamedTuple):
    """Routed, no NAT: a server outside on ports 21 and 2121, one inside on port 21."""

    topology: Topology
    appliance: Appliance
    outside: FtpServer
    other_port: FtpServer
    inside: FtpServer


@pytest.fixture
def ends() -> Iterator[Ends]:
    with (
        unique_topology(route_back=True) as topology,
        private_directory() as one,
        private_directory() as two,
        private_directory() as three,
        appliance_on(topology) as appliance,
    ):
        appliance.netconf.edit(APPLICATION)
        appliance.push(NO_NAT + permit_ftp("untrust", "trust"))
        appliance.push(PERMIT_2121)
        servers = (
            vsftpd(topology, one),
            vsftpd(topology, two, port=2121),
            vsftpd(topology, three, namespace=topology.client),
        )
        for server in servers:
            make_file(server.files / "small", OCTETS)
        yield Ends(topology, appliance, *servers)


def attach(appliance: Appliance, **zones: str) -> None:
    """Zone -> its ALG policy, "" to take it away; in one commit."""
    leaves = "".join(
        f"<security-zone><name>{zone}</name>"
        + (
            f'<alg-policy xmlns="{MODULE}">{policy}</alg-policy>'
            if policy
            else f'<alg-policy xmlns="{MODULE}" xmlns:nc="{NETCONF}" nc:operation="delete"/>'
        )
        + "</security-zone>"
        for zone, policy in zones.items()
    )
    appliance.push(f"<zones>{leaves}</zones>")


@contextmanager
def outbound(ends: Ends, server: FtpServer) -> Iterator[FtpSession]:
    with ftp_session(ends.topology, server, IPV4) as session:
        yield session


@contextmanager
def inbound(ends: Ends) -> Iterator[FtpSession]:
    with ftp_session(ends.topology, ends.inside, INBOUND, namespace=ends.topology.server) as session:
        yield session


def fetches(session: FtpSession) -> bool:
    """Whether a passive transfer gets through: without a gate its data session has no policy."""
    address, port = session.passive()
    try:
        data = session.connect(address, port, timeout_s=0.5)
    except TimeoutError:
        return False
    session.send(b"RETR pub/small\r\n")
    whole = len(read_all(data)) == OCTETS
    session.expect(150)
    session.expect(226)
    return whole


def is_reset(session: FtpSession) -> bool:
    session.control.settimeout(5)
    try:
        session.command("NOOP", 200)
    except ConnectionError:
        return True
    return False


def decisions(appliance: Appliance) -> dict[str, tuple[str, str, str]]:
    """Of FTP, "" for the device and by zone: state, origin, who decided."""
    ftp = state_of(appliance.netconf, "status").find(".//state:alg[state:name='ftp']", PREFIXES)
    assert ftp is not None
    zones = {leaf(zone, "name"): _decision(zone) for zone in ftp.iterfind("state:zone", PREFIXES)}
    return {"": _decision(ftp), **zones}


def _decision(entry: etree._Element) -> tuple[str, str, str]:
    return leaf(entry, "state"), leaf(entry, "origin"), leaf(entry, "decided-by")


def test_each_zone_has_its_own(ends: Ends) -> None:
    ends.appliance.netconf.edit(security(POLICIES))
    attach(ends.appliance, trust="more", untrust="off")

    assert decisions(ends.appliance) == {
        "": ("enabled", "device policy base", "device-policy"),
        "trust": ("enabled", "zone policy more", "zone-policy"),
        "untrust": ("disabled", "zone policy off", "zone-policy"),
    }
    with outbound(ends, ends.outside) as known, outbound(ends, ends.other_port) as other:
        assert fetches(known)
        assert fetches(other)
        assert len(ends.appliance.flow("control-sessions")) == 2
    with inbound(ends) as unread:
        assert not fetches(unread)
        sessions = ends.appliance.flow("control-sessions")
        assert "untrust" not in {leaf(session, "from-zone") for session in sessions}


def test_the_device_decides_where_no_zone_does(ends: Ends) -> None:
    ends.appliance.netconf.edit(security(POLICIES.replace(">base</device-policy>", ">off</device-policy>")))
    attach(ends.appliance, trust="more")

    with inbound(ends) as unread, outbound(ends, ends.other_port) as read:
        assert not fetches(unread)
        assert fetches(read), "one zone has it on, so workers read although it is off on the device"


def test_sessions_of_a_global_policy_end_where_they_entered(ends: Ends) -> None:
    """One policy for both directions: the commit ends what entered by the zone, also after its worker has changed."""
    ends.appliance.netconf.edit(security(POLICIES))
    ends.appliance.push(EVERYWHERE)
    with outbound(ends, ends.outside) as ended, outbound(ends, ends.outside) as passed_on, inbound(ends) as kept:
        assert fetches(ended)
        assert fetches(kept)
        before = ends.appliance.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(set(ends.appliance.workers()) - set(before)) == len(before), what="others take their place")
        assert fetches(passed_on)
        assert {leaf(session, "from-zone") for session in ends.appliance.flow("control-sessions")} == {""}

        attach(ends.appliance, trust="off")

        assert is_reset(ended)
        assert is_reset(passed_on)
        assert fetches(kept)


def test_a_commit_that_changes_hands(ends: Ends) -> None:
    """What is read no more ends; every other session goes on; what begins is read as it is now."""
    ends.appliance.netconf.edit(security(POLICIES))
    attach(ends.appliance, trust="more")
    with outbound(ends, ends.outside) as ended, inbound(ends) as kept:
        assert fetches(ended)
        assert fetches(kept), "the device's policy has it on"

        attach(ends.appliance, trust="off")

        assert is_reset(ended)
        assert fetches(kept)
    with outbound(ends, ends.outside) as unread:
        assert not fetches(unread)

        attach(ends.appliance, trust="")

        assert not fetches(unread), "it began unread, and stays so"
        assert decisions(ends.appliance) == {"": ("enabled", "device policy base", "device-policy")}
    with outbound(ends, ends.outside) as read, outbound(ends, ends.other_port) as unread:
        assert fetches(read)
        assert not fetches(unread), "port 2121 is a service of another policy"


def security(content: str) -> str:
    return f'<security xmlns="urn:applianced:yang:security">{content}</security>'
