"""PPTP through the appliance: pptp-linux and pptpd with data in every tunnel, and every kind of translation."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from lxml import etree

from applianced.alg.pptp.messages import Kind
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4
from applianced.tools.netconf_client import ALG, NETCONF
from tests.support import pptp
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.gre import gre_in, packet, receive
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.pptp_programs import Links, client_peer, dial, hang_up, pptpd
from tests.support.pptp_route import Route
from tests.support.translations import NO_NAT, destination_nat, permit, source_nat, static_nat
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
SAME = 7
CONFIGURE_REQUEST, CONFIGURE_ACK = b"\xff\x03\xc0\x21\1\1\0\4", b"\xc0\x21\2\1"
"""Of LCP, without options (RFC 1661 5.1, 5.2)."""
CLIENTS = {"first": IPV4.client, "second": "10.71.1.4", "third": "10.71.1.5"}
"""Hosts inside, all of them in the client's namespace."""
POLICY = f"""
<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>
  <policy xmlns:nc="{NETCONF}" nc:operation="delete"><name>pptp-out</name></policy></policy></policies>
"""
"""Takes the policy away that lets control connections out."""


@pytest.fixture(scope="module", params=["source-nat", "routed"])
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    """Clients inside, pptpd outside."""
    routed = request.param == "routed"
    with (
        unique_topology(route_back=routed) as topology,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        for host in list(CLIENTS.values())[1:]:
            topology.add_address(topology.client, IPV4, host)
        if routed:
            appliance.push(NO_NAT)
        appliance.push(permit("trust", "untrust", "pptp-out", "junos-pptp"))
        links = Links(directory)
        pptpd(topology, topology.server, IPV4.server, links)
        yield Route(topology, appliance, links, not routed)


def test_several_clients_of_one_server_at_once(route: Route) -> None:
    """Behind one address where NAT stands between: each has a tunnel of its own, and nobody sees another's packets."""
    topology, appliance, links, translated = route
    before = {event: appliance.counter("pptp", event) for event in ("call", "call-id-translated", "call-clear-request")}
    dialled = [dial(topology, topology.client, own, IPV4.server, links, name) for name, own in CLIENTS.items()]
    for name in CLIENTS:
        links.works(name)
    for name in CLIENTS:
        links.works(name)
        assert links.end(name)["strange-answers"] == 0
    assert sorted(seen["peers"] for seen in links.of_servers() if seen["up"]) == [[name] for name in sorted(CLIENTS)]
    gates = route.open_gates()
    assert len(gates) == 2 * len(CLIENTS)
    for gate in gates:
        assert (leaf(gate, "alg"), leaf(gate, "protocol"), leaf(gate, "one-shot")) == ("pptp", "gre", "false")
        assert int(leaf(gate, "packets")) > 0
        assert leaf(gate, "used")
    outside = {(leaf(gate, "outside-address"), leaf(gate, "outside-port")) for gate in gates}
    assert len(outside) == 2 * len(CLIENTS), "no two calls are known as the same"
    for client in dialled:
        hang_up(client)
    route.no_gate_is_open()
    counted = {event: appliance.counter("pptp", event) - count for event, count in before.items()}
    assert counted == {"call": 3, "call-id-translated": 3 * translated, "call-clear-request": 3}


def agrees(raw: socket.socket) -> bool:
    """Whether the next packet accepts the Configure-Request."""
    return CONFIGURE_ACK in receive(raw).payload


def test_two_clients_with_the_same_call_id(route: Route) -> None:
    """Each gets what the server sends to its own call, under the ID that it chose."""
    topology, _, links, _ = route
    server = len(links.of_servers())
    with ExitStack() as stack:
        heard = []
        for own in list(CLIENTS.values())[:2]:
            peer = stack.enter_context(client_peer(topology.client, own, IPV4.server))
            peer.started()
            raw = stack.enter_context(gre_in(topology.client, own))
            peer.say(pptp.outgoing_request(SAME))
            reply = peer.hear()
            assert (reply.kind, reply.second, reply.result) == (Kind.OUTGOING_CALL_REPLY, SAME, 1)
            first = receive(raw)
            assert (first.source, first.call) == (IPV4.server, SAME)
            raw.sendto(packet(reply.first, CONFIGURE_REQUEST), (IPV4.server, 0))
            until(partial(agrees, raw), what="the server's PPP end agrees")
            heard.append(reply.first)
        assert len(set(heard)) == 2
        assert len(links.of_servers()) == server + 2
    route.no_gate_is_open()


def test_a_worker_that_dies_takes_no_tunnel_with_it(route: Route) -> None:
    """The kernel has the calls; the successor of the worker reads their end."""
    topology, appliance, links, _ = route
    before = appliance.counter("pptp", "sessions-resumed")
    client = dial(topology, topology.client, IPV4.client, IPV4.server, links, "survivor")
    links.works("survivor")
    workers = appliance.workers()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    links.works("survivor")
    until(lambda: len(set(appliance.workers()) - set(workers)) == len(workers), 10, what="workers run again")
    assert appliance.counter("pptp", "sessions-resumed") == before + 1
    assert len(route.open_gates()) == 2
    links.works("survivor")
    hang_up(client)
    route.no_gate_is_open()
    assert [leaf(gate, "number") for gate in appliance.gates()], "what is closed is still shown"


def test_tables_that_were_deleted_come_back_with_the_calls(route: Route) -> None:
    topology, _, links, _ = route
    client = dial(topology, topology.client, IPV4.client, IPV4.server, links, "again")
    links.works("again")
    topology.nft(topology.gateway, "delete table inet gates")
    until(lambda: "calls4" in topology.run(topology.gateway, ["nft", "list", "maps"], check=False).stdout, 10)
    links.works("again")
    hang_up(client)
    route.no_gate_is_open()


@pytest.mark.parametrize("how", ["clear-gate", "end-session", "policy", "disable"])
def test_what_an_operator_ends_is_over(route: Route, how: str) -> None:
    """Without its gate, GRE is for the policy to judge, which does not permit it."""
    topology, appliance, links, _ = route
    client = dial(topology, topology.client, IPV4.client, IPV4.server, links, how)
    links.works(how)
    if how == "policy":
        appliance.push(POLICY)
    elif how == "disable":
        appliance.push(f'<alg xmlns="{ALG}"><pptp><disable/></pptp></alg>')
    elif how == "end-session":
        (session,) = appliance.flow("control-sessions")
        ask(appliance, f"<clear-control-session><id>{leaf(session, 'id')}</id></clear-control-session>")
    else:
        for gate in route.open_gates():
            ask(appliance, f"<clear-gate><number>{leaf(gate, 'number')}</number></clear-gate>")
    route.no_gate_is_open()
    before = links.answers(how)
    hang_up(client)
    assert links.answers(how) <= before + 1
    if how == "policy":
        appliance.push(permit("trust", "untrust", "pptp-out", "junos-pptp"))
    if how == "disable":
        appliance.push(f'<alg xmlns="{ALG}"><pptp><disable xmlns:nc="{NETCONF}" nc:operation="delete"/></pptp></alg>')


def ask(appliance: Appliance, operation: str) -> None:
    appliance.netconf.session.dispatch(etree.fromstring(operation.replace(">", f' xmlns="{OPERATIONS}">', 1)))


# A server inside


@pytest.fixture(scope="module", params=["static", "destination"])
def published(request: pytest.FixtureRequest) -> Iterator[Route]:
    """pptpd inside, clients outside."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit("untrust", "trust", "pptp-in", "junos-pptp"))
        appliance.push(static_nat(IPV4) if request.param == "static" else destination_nat(IPV4))
        topology.add_address(topology.server, IPV4, OTHER_OUTSIDE)
        links = Links(directory)
        pptpd(topology, topology.client, IPV4.client, links)
        yield Route(topology, appliance, links)


OTHER_OUTSIDE = "203.0.113.20"


def test_a_published_server(published: Route) -> None:
    topology, _, links, _ = published
    outside = {"one": IPV4.server, "other": OTHER_OUTSIDE}
    dialled = [dial(topology, topology.server, own, IPV4.extra_public, links, name) for name, own in outside.items()]
    for name in outside:
        links.works(name)
        assert links.end(name)["strange-answers"] == 0
    assert sorted(seen["peers"] for seen in links.of_servers() if seen["up"]) == [["one"], ["other"]]
    known = {leaf(gate, "outside-address") for gate in published.open_gates()}
    assert IPV4.extra_public in known
    for client in dialled:
        hang_up(client)
    published.no_gate_is_open()


def test_hairpin() -> None:
    """Both inside; the client knows the server by its public address, so both ends of each call are translated."""
    with (
        unique_topology() as topology,
        second_inside(topology) as second,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        topology.add_public_addresses()
        appliance.push(permit("trust", "trust", "pptp-inside", "junos-pptp"))
        appliance.push(destination_nat(IPV4, zones=("trust", "untrust"), inside=SECOND_INSIDE[4]))
        appliance.push(source_nat("trust", "trust", {IPV4.private_network: "<interface/>"}))
        links = Links(directory)
        pptpd(topology, second, SECOND_INSIDE[4], links)
        client = dial(topology, topology.client, IPV4.client, IPV4.extra_public, links, "hairpin")
        links.works("hairpin")
        assert appliance.counter("pptp", "call-id-translated") == 2
        hang_up(client)
