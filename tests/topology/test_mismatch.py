"""An announced address that is not the speaker's own: refused, or let through without a gate to anybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG, ALG_FTP
from tests.support.appliance import Appliance
from tests.support.both_ends import BothEnds, both_ends
from tests.support.ftp_session import announcement
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.sockets import connect_in, listen_in
from tests.support.translations import NO_NAT

ALLOW = f'<alg xmlns="{ALG}"><ftp xmlns="{ALG_FTP}"><allow-mismatch-ip-address/></ftp></alg>'
PLAN_PARAMETERS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


@pytest.fixture
def topology() -> Iterator[Topology]:
    """Routed, so that whatever is let through would arrive."""
    with unique_topology(route_back=True) as made:
        yield made


@pytest.fixture
def appliance(appliance: Appliance) -> Appliance:
    appliance.push(NO_NAT)
    return appliance


def session(topology: Topology, plan: Plan) -> AbstractContextManager[BothEnds]:
    return both_ends((topology.client, plan), (topology.server, plan.server))


@pytest.mark.parametrize("plan", PLAN_PARAMETERS)
def test_a_client_announces_a_third_host(topology: Topology, appliance: Appliance, plan: Plan) -> None:
    with second_inside(topology) as third, listen_in(third, SECOND_INSIDE[plan.version]) as listener:
        address, port = listener.getsockname()[:2]
        line = announcement(address, port)
        with session(topology, plan) as ends:
            assert ends.command(line) == b"XXXX" + line[4:]
            assert ends.reply(b"500 what\r\n") == b"500 what\r\n"
        assert appliance.counter("ftp", "bounce") == appliance.counter("ftp", "refused-command") == 1

        appliance.push(ALLOW)
        with session(topology, plan) as ends:
            assert ends.command(line) == line
            assert ends.reply(b"200 fine\r\n") == b"200 fine\r\n"
            unreachable(topology.server, address, port)
        assert appliance.counter("ftp", "bounce") == appliance.counter("ftp", "foreign-address") == 1
    assert not appliance.gates()


def test_a_server_announces_a_third_host(topology: Topology, appliance: Appliance) -> None:
    """A gate leads to the server itself: it may name an address that only it knows."""
    plan = IPV4
    third = plan.server + "0"
    topology.add_address(topology.server, plan, third)
    with listen_in(topology.server, third) as listener, listen_in(topology.server, plan.server) as own:
        port = own.getsockname()[1]
        line = f"227 Entering Passive Mode ({third.replace('.', ',')},{port >> 8},{port & 255}).\r\n".encode()
        with session(topology, plan) as ends:
            assert ends.command(b"PASV\r\n") == b"PASV\r\n"
            refusal = ends.reply(line)
            assert refusal.startswith(b"425 ")
            assert len(refusal) == len(line)
        assert appliance.counter("ftp", "bounce") == appliance.counter("ftp", "refused-reply") == 1
        assert not appliance.gates()

        appliance.push(ALLOW)
        with session(topology, plan) as ends:
            assert ends.command(b"PASV\r\n") == b"PASV\r\n"
            assert ends.reply(line) == line
            unreachable(topology.client, third, port)
            unreachable(topology.client, third, listener.getsockname()[1])
            assert [leaf(gate, "inside-address") for gate in appliance.gates()] == [plan.server]
            connect_in(topology.client, plan.server, port).close()


def unreachable(namespace: str, address: str, port: int) -> None:
    with pytest.raises(TimeoutError):
        connect_in(namespace, address, port, timeout_s=0.5)
