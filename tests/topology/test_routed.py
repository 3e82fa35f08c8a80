"""Without NAT: announcements leave as they came, and a gate lets in what was announced and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.lab import Capture
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, LAN_INTERFACE, PLANS, WAN_INTERFACE, Plan, Topology
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.ftp_session import announced_port, ftp_session, read_all
from tests.support.netns import unique_topology
from tests.support.programs import Client, Mode, Transfer, cases_of, fetch_and_store, make_file
from tests.support.sockets import connect_in, listen_in
from tests.support.translations import NO_NAT

OCTETS = 100_000
PLAN_PARAMETERS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: FtpServer
    inside: Capture
    outside: Capture


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    with (
        unique_topology(route_back=True) as topology,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        appliance.push(NO_NAT)
        server = vsftpd(topology, directory)
        make_file(server.files / "offered", OCTETS)
        captures = [Capture(topology, interface, directory) for interface in (LAN_INTERFACE, WAN_INTERFACE)]
        yield Route(topology, appliance, server, *captures)


@pytest.mark.parametrize(("client", "version", "mode"), cases_of(("curl", "lftp")))
def test_fetches_and_stores(route: Route, client: Client, version: int, mode: Mode, tmp_path: Path) -> None:
    transfer = Transfer(route.topology, route.server, PLANS[version], mode)
    event = mode.value.lower()
    before = route.appliance.counter("ftp", event)

    fetch_and_store(client, transfer, tmp_path, offered=OCTETS, stored=OCTETS)

    opened = route.appliance.counter("ftp", event) - before
    announced = route.inside.new(opened)
    assert len(announced) == opened >= 2
    assert route.outside.new(opened) == announced
    gates = route.appliance.gates()
    for line in announced:
        gate = next(gate for gate in gates if line in leaf(gate, "reason"))
        assert leaf(gate, "inside-address") == leaf(gate, "outside-address")
        assert leaf(gate, "inside-port") == leaf(gate, "outside-port") == str(announced_port(line))
        assert leaf(gate, "used")


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_active_only_to_the_announced_port(route: Route, plan: Plan) -> None:
    with ftp_session(route.topology, route.server, plan) as session:
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        with listen_in(route.topology.client, plan.client) as another, pytest.raises(TimeoutError):
            connect_in(route.topology.server, plan.client, another.getsockname()[1], timeout_s=0.5)
        session.send(b"RETR pub/offered\r\n")
        assert len(session.receive(listener)) == OCTETS


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_passive_only_to_the_announced_port(route: Route, plan: Plan) -> None:
    with ftp_session(route.topology, route.server, plan) as session:
        address, port = session.passive()
        assert address == plan.server
        with listen_in(route.topology.server, plan.server) as another, pytest.raises(TimeoutError):
            session.connect(address, another.getsockname()[1], timeout_s=0.5)
        session.send(b"RETR pub/offered\r\n")
        assert len(read_all(session.connect(address, port))) == OCTETS


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_a_gate_is_for_the_peer_alone(route: Route, plan: Plan) -> None:
    """The server's other address is not the one that the control session goes to."""
    other = plan.server.removesuffix("2") + "9"
    route.topology.add_address(route.topology.server, plan, other)
    with ftp_session(route.topology, route.server, plan) as session:
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        port = listener.getsockname()[1]
        with pytest.raises(TimeoutError):
            connect_in(route.topology.server, plan.client, port, source=other, timeout_s=0.5)
        session.send(b"RETR pub/offered\r\n")
        assert len(session.receive(listener)) == OCTETS
