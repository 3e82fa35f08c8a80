"""Source NAT pools of several addresses: a data session leaves from the address of its control session."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import PREFIXES
from tests.support.appliance import SECURITY_ELEMENT, Appliance, appliance_on, private_directory
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.netns import unique_topology
from tests.support.translations import NO_NAT, source_nat, source_pool
from tests.support.until import until

POOLS = {4: "198.51.100.8/30", 6: "2001:db8:99::8/126"}
PORTS = {4: (49152, 65535), 6: (2048, 2303)}
OWN_PORTS = "<alg-port-range><low>{}</low><high>{}</high></alg-port-range>".format(*PORTS[6])
CLIENTS = 12


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: FtpServer


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    """Twelve addresses in the client's namespace, and two pools of four outside, which the server has a route to."""
    with (
        unique_topology() as topology,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        for plan in (IPV4, IPV6):
            for client in clients(plan)[1:]:
                topology.add_address(topology.client, plan, client.client)
            topology.add_route(topology.server, plan, POOLS[plan.version], plan.public)
        appliance.netconf.edit(SECURITY_ELEMENT.format(NO_NAT))
        pools = source_pool("v4", POOLS[4]) + source_pool("v6", POOLS[6], OWN_PORTS)
        actions = {
            plan.private_network: f"<pool><pool-name>v{plan.version}</pool-name></pool>" for plan in (IPV4, IPV6)
        }
        appliance.push(pools + source_nat("trust", "untrust", actions))
        yield Route(topology, appliance, vsftpd(topology, directory))


def clients(plan: Plan) -> list[Plan]:
    """The plan with each of the client's addresses."""
    first = ip_address(plan.client)
    return [replace(plan, client=str(first + number)) for number in range(CLIENTS)]


@pytest.fixture(params=[pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
def sessions(route: Route, request: pytest.FixtureRequest) -> Iterator[list[FtpSession]]:
    """A session of each client and another of some, all at once."""
    plans = clients(request.param)
    with ExitStack() as stack:
        yield [stack.enter_context(ftp_session(route.topology, route.server, plan)) for plan in plans + plans[:4]]


def begin_passive(session: FtpSession, name: str) -> socket.socket:
    """Begin to store a file; the data connection."""
    connection = session.connect(*session.passive())
    session.command(f"STOR pub/{name}", 150)
    return connection


def begin_active(session: FtpSession, name: str) -> socket.socket:
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(f"STOR pub/{name}\r\n".encode())
    with listener:
        data, _ = listener.accept()
    session.expect(150)
    return data


def end(session: etree._Element, side: str, of: str) -> str:
    """The address of one end of a session; side: as it was sent (original) or as it left (translated)."""
    return session.findtext(f"state:{side}/state:{of}-address", default="", namespaces=PREFIXES)


@pytest.mark.parametrize(
    ("begin", "inside", "outside"),
    [
        pytest.param(begin_passive, ("original", "source"), ("translated", "source"), id="passive"),
        pytest.param(begin_active, ("translated", "destination"), ("original", "destination"), id="active"),
    ],
)
def test_data_sessions_have_the_address_of_their_control_session(
    route: Route,
    sessions: list[FtpSession],
    begin: Callable[[FtpSession, str], socket.socket],
    inside: tuple[str, str],
    outside: tuple[str, str],
) -> None:
    connections = [begin(session, f"stored-{number}") for number, session in enumerate(sessions)]
    controls = {
        leaf(control, "id"): (end(control, "original", "source"), end(control, "translated", "source"))
        for control in until(lambda: as_many(route.appliance, "control-sessions", sessions))
    }
    found = {
        leaf(data, "control-session"): (end(data, *inside), end(data, *outside))
        for data in until(lambda: as_many(route.appliance, "data-sessions", sessions))
    }
    assert found == controls
    public_of = dict(found.values())
    assert len(set(found.values())) == len(public_of) == CLIENTS, "a client keeps its address"
    pool = ip_network(POOLS[sessions[0].plan.version])
    assert all(ip_address(address) in pool for address in public_of.values())
    assert len(set(public_of.values())) > 1
    for session, connection in zip(sessions, connections, strict=True):
        connection.sendall(b"some octets")
        connection.close()
        session.expect(226)


def as_many(appliance: Appliance, container: str, sessions: list[FtpSession]) -> list[etree._Element]:
    """The entries of control-sessions or data-sessions when there are as many as sessions, open ones alone."""
    entries = [entry for entry in appliance.flow(container) if leaf(entry, "state") in ("reading", "established")]
    return entries if len(entries) == len(sessions) else []


def test_bindings_are_in_the_range_for_algs(route: Route, sessions: list[FtpSession]) -> None:
    low, high = PORTS[sessions[0].plan.version]
    for session in sessions:
        listener, announcement = session.listen()
        with listener:
            session.send(announcement)
            session.expect(200)
    gates = [gate for gate in route.appliance.gates() if not leaf(gate, "closed")]
    assert len({(leaf(gate, "outside-address"), leaf(gate, "outside-port")) for gate in gates}) == len(sessions)
    assert all(low <= int(leaf(gate, "outside-port")) <= high for gate in gates)
