"""PPTP through the appliance: pptp-linux and pptpd with data in every tunnel, every kind of translation, and what no
gate lets in."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import pytest
from lxml import etree

from applianced.alg.pptp.messages import Kind
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG, NETCONF
from tests.support import pptp
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.gre import gre_in, packet, receive
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.pptp_programs import Links, Peer, both_peers, client_peer, dial, hang_up, pptpd
from tests.support.sockets import connect_in, listen_in
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


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    links: Links
    translated: bool = True

    def open_gates(self) -> list[etree._Element]:
        return [gate for gate in self.appliance.gates() if not leaf(gate, "closed")]

    def no_gate_is_open(self) -> None:
        until(lambda: not self.open_gates(), 10, what="the gates are closed")


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


@pytest.mark.parametrize("how", ["clear-gate", "end-session", "policy"])
def test_what_an_operator_ends_is_over(route: Route, how: str) -> None:
    """Without its gate, GRE is for the policy to judge, which does not permit it."""
    topology, appliance, links, _ = route
    client = dial(topology, topology.client, IPV4.client, IPV4.server, links, how)
    links.works(how)
    if how == "policy":
        appliance.push(POLICY)
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


# Peers that a test speaks for


@pytest.fixture(scope="module")
def spoken() -> Iterator[Route]:
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        appliance.push(permit("trust", "untrust", "pptp-out", "junos-pptp"))
        yield Route(topology, appliance, Links(directory))


def ends(route: Route, plan: Plan = IPV4) -> tuple[tuple[str, str], tuple[str, str]]:
    return (route.topology.client, plan.client), (route.topology.server, plan.server)


def call(client: Peer, server: Peer, own: int, called: int) -> int:
    """Set up a call; the ID that the server is told."""
    client.say(pptp.outgoing_request(own))
    known = server.hear().first
    server.say(pptp.outgoing_reply(called, known))
    reply = client.hear()
    assert (reply.first, reply.second) == (called, own)
    return known


@pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
def test_a_call_over_its_life(spoken: Route, plan: Plan) -> None:
    """GRE passes in both directions from the reply on, and no longer than to the clear request."""
    (where, own), (there, address) = ends(spoken, plan)
    with (
        both_peers(*ends(spoken, plan)) as (client, server),
        gre_in(where, own) as inside,
        gre_in(there, address) as far,
    ):
        known = call(client, server, SAME, 3)
        far.sendto(packet(known, b"to the client"), (plan.public, 0))
        assert receive(inside) == (address, SAME, b"to the client")
        inside.sendto(packet(3, b"to the server"), (address, 0))
        assert receive(far) == (plan.public, 3, b"to the server")
        client.say(pptp.link_info(3) + pptp.echo_request())
        assert [server.hear().first, server.hear().kind] == [3, Kind.ECHO_REQUEST]
        server.say(pptp.wan_error(known))
        assert client.hear().first == SAME
        client.say(pptp.clear_request(SAME))
        assert server.hear().first == known
        far.sendto(packet(known, b"too late"), (plan.public, 0))
        server.say(pptp.disconnect(3))
        assert client.hear().first == 3
        inside.settimeout(0.2)
        with pytest.raises(TimeoutError):
            receive(inside)
    spoken.no_gate_is_open()


def test_an_incoming_call(spoken: Route) -> None:
    """The server calls; the client answers with an ID that is another one outside."""
    (where, own), (there, address) = ends(spoken)
    with both_peers(*ends(spoken)) as (client, server), gre_in(where, own) as inside, gre_in(there, address) as far:
        server.say(pptp.incoming_request(21))
        assert client.hear().first == 21
        client.say(pptp.incoming_reply(8, 21))
        known = server.hear().first
        assert known != 8
        server.say(pptp.incoming_connected(known))
        assert client.hear().first == 8
        far.sendto(packet(known, b"to the client"), (IPV4.public, 0))
        assert receive(inside) == (address, 8, b"to the client")
        inside.sendto(packet(21, b"to the server"), (address, 0))
        assert receive(far) == (IPV4.public, 21, b"to the server")
    spoken.no_gate_is_open()


def test_the_end_of_the_connection_ends_its_calls(spoken: Route) -> None:
    with both_peers(*ends(spoken)) as (client, server):
        call(client, server, 1, 3)
        call(client, server, 2, 4)
        assert len(spoken.open_gates()) == 4
        client.say(pptp.stop_request())
        assert server.hear().kind is Kind.STOP_REQUEST
        spoken.no_gate_is_open()
    with both_peers(*ends(spoken)) as (client, server):
        call(client, server, 1, 3)
    spoken.no_gate_is_open()


def test_one_connection_has_no_more_calls_than_its_share_of_gates(spoken: Route) -> None:
    """Four calls with the default of eight gates; the fifth is declined, and the others go on."""
    before = spoken.appliance.counter("pptp", "refused-gate")
    with both_peers(*ends(spoken)) as (client, server):
        for number in range(4):
            call(client, server, number, number)
        client.say(pptp.outgoing_request(9))
        assert server.hear().first == 9
        server.say(pptp.outgoing_reply(9, 9))
        reply = client.hear()
        assert (reply.second, reply.result, reply.octets[17]) == (9, 2, 4)
        client.say(pptp.echo_request())
        assert server.hear().kind is Kind.ECHO_REQUEST
    assert spoken.appliance.counter("pptp", "refused-gate") == before + 1


def over(peer: Peer) -> bool:
    """Whether the connection has ended, as one sees who says something."""
    try:
        peer.say(pptp.echo_request())
        peer.hear()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize(
    ("event", "octets"),
    [
        ("bad-cookie", pptp.message(5, cookie=0)),
        ("bad-length", pptp.message(5, length=20)),
        ("bad-type", pptp.message(16, length=16)),
        ("duplicate-call", pptp.outgoing_request(SAME)),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(spoken: Route, event: str, octets: bytes) -> None:
    before = spoken.appliance.counter("pptp", event)
    with both_peers(*ends(spoken)) as (client, server):
        call(client, server, SAME, 3)
        client.say(octets)
        with pytest.raises(ConnectionError):
            server.hear()
        until(lambda: over(client), what="the other end hears of it with its next message")
    assert spoken.appliance.counter("pptp", event) == before + 1
    spoken.no_gate_is_open()


def test_a_reply_that_nobody_asked_for_opens_nothing(spoken: Route) -> None:
    with both_peers(*ends(spoken)) as (client, server):
        server.say(pptp.outgoing_reply(1, 5))
        with pytest.raises(ConnectionError):
            client.hear()
    assert spoken.appliance.counter("pptp", "unasked-reply") >= 1


def test_a_policy_that_does_not_permit_it(topology: Topology, appliance: Appliance) -> None:
    with listen_in(topology.server, IPV4.server, port=1723), pytest.raises(OSError):
        connect_in(topology.client, IPV4.server, 1723, timeout_s=0.3)
    with gre_in(topology.client, IPV4.client) as inside, gre_in(topology.server, IPV4.server, timeout_s=0.3) as far:
        inside.sendto(packet(1), (IPV4.server, 0))
        with pytest.raises(TimeoutError):
            receive(far)


@pytest.mark.parametrize("how", ["disabled", "ignored"])
def test_nobody_reads_it(topology: Topology, appliance: Appliance, how: str) -> None:
    """Control messages pass as they are, and nothing opens."""
    if how == "disabled":
        appliance.push(permit("trust", "untrust", "pptp-out", "junos-pptp"))
        appliance.push(f'<alg xmlns="{ALG}"><pptp><disable/></pptp></alg>')
    else:
        application(appliance, "unread", "ignore", 1723)
        appliance.push(permit("trust", "untrust", "pptp-out", "unread"))
    with both_peers((topology.client, IPV4.client), (topology.server, IPV4.server)) as (client, server):
        assert call(client, server, SAME, 3) == SAME
        assert not appliance.gates()
        with gre_in(topology.client, IPV4.client) as inside, gre_in(topology.server, IPV4.server, timeout_s=0.3) as far:
            inside.sendto(packet(3), (IPV4.server, 0))
            with pytest.raises(TimeoutError):
                receive(far)


def application(appliance: Appliance, name: str, protocol: str, port: int) -> None:
    appliance.netconf.push(
        f"""
        <applications xmlns="urn:applianced:yang:applications"><application><name>{name}</name>
          <application-protocol>{protocol}</application-protocol><protocol>tcp</protocol>
          <destination-port>{port}</destination-port></application></applications>
        """
    )


def test_another_port_by_an_application(topology: Topology, appliance: Appliance) -> None:
    application(appliance, "dial", "pptp", 11723)
    appliance.push(permit("trust", "untrust", "pptp-out", "dial"))
    where, there = (topology.client, IPV4.client), (topology.server, IPV4.server)
    with both_peers(where, there, port=11723) as (client, server), gre_in(*there) as far, gre_in(*where) as inside:
        known = call(client, server, SAME, 3)
        far.sendto(packet(known, b"data"), (IPV4.public, 0))
        assert receive(inside) == (IPV4.server, SAME, b"data")
    with pytest.raises(OSError):
        connect_in(topology.client, IPV4.server, 1723, timeout_s=0.3)


def test_another_port_of_a_published_server(topology: Topology, appliance: Appliance) -> None:
    """Destination NAT changes the port of the control connection; GRE has none."""
    topology.add_public_addresses()
    appliance.push(permit("untrust", "trust", "pptp-in", "junos-pptp"))
    appliance.push(destination_nat(IPV4, outside_port=2723, port=1723))
    where, there = (topology.server, IPV4.server), (topology.client, IPV4.client)
    with (
        both_peers(where, there, known_as=IPV4.extra_public, port=2723, inside=1723) as (client, server),
        gre_in(*where) as outside,
        gre_in(*there) as inside,
    ):
        client.say(pptp.outgoing_request(SAME))
        assert server.hear().first == SAME
        server.say(pptp.outgoing_reply(3, SAME))
        known = client.hear().first
        assert known != 3
        outside.sendto(packet(known, b"in"), (IPV4.extra_public, 0))
        assert receive(inside) == (IPV4.server, 3, b"in")
        inside.sendto(packet(SAME, b"out"), (IPV4.server, 0))
        assert receive(outside) == (IPV4.extra_public, SAME, b"out")
