"""The kernel's side of gates for GRE: calls of hosts that share one address, told apart by their IDs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import NamedTuple

import pytest

from applianced.compiler.marks import GATES_TABLE
from applianced.dataplane import nft
from applianced.dataplane.kernel import NetlinkKernel
from applianced.dataplane.netlink import Netlink
from applianced.model.gates import Gate
from applianced.model.tuples import GRE, Endpoint, packed
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support.gre import gre_in, packet, receive
from tests.support.inside import Inside
from tests.support.netns import unique_topology

BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
SAME = 7
"""The call ID that both inside hosts use."""


class Lab(NamedTuple):
    topology: Topology
    inside: Inside
    kernel: NetlinkKernel


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with unique_topology() as topology, closing(Inside(topology.gateway)) as inside:
        for plan in (IPV4, IPV6):
            topology.add_address(topology.client, plan, other_client(plan))
        inside(lambda: nft.make_gates_table(Netlink()))
        yield Lab(topology, inside, inside(NetlinkKernel))


def other_client(plan: Plan) -> str:
    return plan.client.removesuffix("2") + "3"


def gate(number: int, peer: str, inside: tuple[str, int], outside: tuple[str, int], source: str = "") -> Gate:
    return Gate(
        number=number,
        alg="pptp",
        session=1,
        protocol=GRE,
        peer=packed(peer),
        inside=Endpoint(packed(inside[0]), inside[1]),
        outside=Endpoint(packed(outside[0]), outside[1]),
        one_shot=False,
        source=packed(source) if source else b"",
        reason="OCRQ",
        created_s=0.0,
        expires_s=60.0,
        lasting=True,
    )


def calls_of(plan: Plan, host: str, number: int, known: int, called: int) -> list[Gate]:
    """Both ways of one call behind the public address. known: the host's ID outside; called: the server's own."""
    return [
        gate(number, plan.server, (host, SAME), (plan.public, known)),
        gate(number + 1, host, (plan.server, called), (plan.server, called), plan.public),
    ]


@BOTH
def test_two_hosts_behind_one_address_with_the_same_call_id(lab: Lab, plan: Plan) -> None:
    hosts = (plan.client, other_client(plan))
    gates = [*calls_of(plan, hosts[0], 1, 61001, 0), *calls_of(plan, hosts[1], 3, 61002, 1)]
    assert lab.inside(lab.kernel.exchange, gates, (), 0.0)
    with ExitStack() as stack:
        server = stack.enter_context(gre_in(lab.topology.server, plan.server))
        first, second = (stack.enter_context(gre_in(lab.topology.client, host)) for host in hosts)
        for client, own, known, called in ((first, b"first", 61001, 0), (second, b"second", 61002, 1)):
            client.sendto(packet(called, own), (plan.server, 0))
            assert receive(server) == (plan.public, called, own)
            server.sendto(packet(known, b"for " + own), (plan.public, 0))
            assert receive(client) == (plan.server, SAME, b"for " + own)
        family = f"ipv{plan.version}"
        assert not lab.topology.run(lab.topology.gateway, ["conntrack", "-L", "-f", family, "-p", "gre"]).stdout
        nobody_gets(lab, plan, server, first)
    for each in gates:
        lab.inside(lab.kernel.gates.count, each, 5.0)
        assert (each.packets, each.used_s) == (1, 5.0)
        assert each.octets > 16
    listed = lab.topology.run(lab.topology.gateway, ["nft", "list", "table", "inet", GATES_TABLE])
    assert "call_ids4" in listed.stdout
    assert lab.inside(lab.kernel.exchange, (), gates, 0.0)


def nobody_gets(lab: Lab, plan: Plan, server: socket.socket, client: socket.socket) -> None:
    """What no gate admits stays at the gateway: a call that is not there, GRE that is not the enhanced one, and a
    sender who is not the peer."""
    stranger = plan.server.removesuffix("2") + "9"
    if stranger not in lab.topology.run(lab.topology.server, ["ip", "address"]).stdout:
        lab.topology.add_address(lab.topology.server, plan, stranger)
    server.sendto(packet(61003), (plan.public, 0))
    server.sendto(packet(61001, flags=0x3000), (plan.public, 0))
    server.sendto(packet(61001, flags=0xB001), (plan.public, 0))
    with gre_in(lab.topology.server, stranger) as other:
        other.sendto(packet(61001), (plan.public, 0))
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        receive(client)


@BOTH
def test_a_renewed_gate_admits_on_and_counts_on(lab: Lab, plan: Plan) -> None:
    opened = calls_of(plan, plan.client, 1, 61001, 0)
    assert lab.inside(lab.kernel.exchange, opened, (), 0.0)
    with gre_in(lab.topology.server, plan.server) as server, gre_in(lab.topology.client, plan.client) as client:
        for count in (1, 2):
            server.sendto(packet(61001), (plan.public, 0))
            assert receive(client).call == SAME
            assert lab.inside(lab.kernel.exchange, opened, (), 0.0)
            lab.inside(lab.kernel.gates.count, opened[0], 0.0)
            assert opened[0].packets == count
        assert lab.inside(lab.kernel.exchange, (), opened, 0.0)
        assert opened[0].packets == 2
        server.sendto(packet(61001), (plan.public, 0))
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            receive(client)


def test_the_policy_table_loads_beside_calls_again_and_again(lab: Lab) -> None:
    """nft reads the gates table when a file names its sets."""
    text = f"flush set inet {GATES_TABLE} control_ports\nadd element inet {GATES_TABLE} control_ports {{ tcp . 1723 }}"
    for _ in range(2):
        lab.inside(nft.load, text)
