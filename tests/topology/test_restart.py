"""What is left when the appliance ends, and what the next one takes up."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from applianced.dataplane.sysctls import FIXED
from applianced.tools import serving
from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import SECURITY
from tests.support.appliance import Appliance, appliance_on
from tests.support.faults import agent_of
from tests.support.ftp_session import ftp_session
from tests.support.netns import unique_topology
from tests.support.until import until

TIMEOUT = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established"


def sysctls(topology: Topology) -> dict[str, str]:
    """Everything that the appliance may set, as it is."""
    paths = [*FIXED, TIMEOUT]
    lines = topology.run(topology.gateway, ["cat", *paths]).stdout.split()
    return dict(zip(paths, lines, strict=True))


def tables(topology: Topology) -> str:
    return topology.run(topology.gateway, ["nft", "list", "tables"]).stdout


def links(topology: Topology) -> list[str]:
    """Interfaces and their addresses, as they are."""
    return topology.run(topology.gateway, ["ip", "-brief", "address"]).stdout.splitlines() + [
        line.split(" state ")[0] for line in topology.run(topology.gateway, ["ip", "-o", "link"]).stdout.splitlines()
    ]


def test_nothing_is_left_at_the_end(topology: Topology) -> None:
    before = sysctls(topology)
    with appliance_on(topology) as appliance:
        appliance.push("<flow><tcp-session-timeout>1234</tcp-session-timeout></flow>")
        during = sysctls(topology)
        assert during[TIMEOUT] == "1234"
        assert {path: during[path] for path in FIXED} == FIXED
        assert tables(topology)

        appliance.stop()

        until(lambda: not appliance.dataplane_processes(), 2, what="the agent and its workers are gone")
        assert not tables(topology)
        assert sysctls(topology) == before
        assert not list((appliance.directory / "state" / "dataplane").glob("*.json"))


def test_nothing_is_left_after_a_crash_and_an_end(topology: Topology) -> None:
    """The second agent knows from the first what was set before either."""
    before = sysctls(topology)
    with appliance_on(topology) as appliance:
        workers = appliance.workers()
        os.kill(agent_of(appliance), signal.SIGKILL)
        until(lambda: set(appliance.workers()).isdisjoint(workers), 10, what="another agent's workers")
        assert sysctls(topology) != before
        appliance.stop()
        until(lambda: not appliance.dataplane_processes(), 2, what="everything has ended")
        assert sysctls(topology) == before


INTERFACES = """
<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces" xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">
  <interface>
    <name>wan0</name>
    <type>t:ethernetCsmacd</type>
    <mtu xmlns="urn:applianced:yang:system">1400</mtu>
    <ipv4 xmlns="urn:ietf:params:xml:ns:yang:ietf-ip">
      <address><ip>192.0.2.7</ip><prefix-length>24</prefix-length></address>
    </ipv4>
  </interface>
</interfaces>
"""


def test_interfaces_are_as_found_after_a_crash_and_an_end(topology: Topology, appliance: Appliance) -> None:
    """Addresses and links that the first agent has set are taken back by the second."""
    before = links(topology)
    appliance.netconf.push(INTERFACES)
    assert links(topology) != before
    workers = appliance.workers()
    os.kill(agent_of(appliance), signal.SIGKILL)
    until(lambda: set(appliance.workers()).isdisjoint(workers), 10, what="another agent's workers")
    assert links(topology) != before
    appliance.stop()
    assert links(topology) == before


def test_sessions_end_with_the_appliance(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """Their offsets and gates are gone, so they could only break: conntrack forgets them."""
    with ftp_session(topology, server, IPV4) as session:
        session.command("PWD", 257)
        appliance.stop()
        listed = topology.run(topology.gateway, ["cat", "/proc/net/nf_conntrack"], check=False).stdout
        assert "dport=21" not in listed


def test_restart_takes_up_the_last_commit(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    appliance.push("<flow><gate-timeout>17</gate-timeout></flow>")
    appliance.restart()
    flow = appliance.netconf.get_config(f'<security xmlns="{SECURITY}"><flow/></security>')
    assert flow.findtext(f".//{{{SECURITY}}}gate-timeout") == "17"
    with ftp_session(topology, server, IPV4) as session:
        session.command("PWD", 257)


def test_one_state_directory_serves_one_namespace(topology: Topology, appliance: Appliance) -> None:
    """A dataplane that runs elsewhere is not taken for this one's, and goes on."""
    workers = appliance.workers()
    os.kill(appliance.serving.process_id, signal.SIGKILL)
    until(lambda: not appliance.serving.alive, what="management is gone")
    with unique_topology() as another, pytest.raises(serving.ServingError, match="belongs to the running dataplane"):
        serving.serve(
            namespace=another.gateway,
            configuration=appliance.configuration,
            directory=appliance.directory,
            key=appliance.key,
        )
    appliance.restart()
    assert appliance.workers() == workers


def test_a_namespace_that_is_not_there(topology: Topology, tmp_path: Path) -> None:
    key = serving.make_admin_key(tmp_path)
    configuration = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
    with pytest.raises(serving.ServingError, match="ip netns add"):
        serving.serve(namespace="not-there", configuration=configuration, directory=tmp_path, key=key)
