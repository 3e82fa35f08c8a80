"""PPTP through the appliance with peers that a test speaks for: what each message opens and closes, what ends the
connection, and when nobody reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from applianced.alg.pptp.messages import Kind
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG
from tests.support import pptp
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.gre import gre_in, packet, receive
from tests.support.netns import unique_topology
from tests.support.pptp_programs import Links, Peer, both_peers
from tests.support.pptp_route import Route
from tests.support.sockets import connect_in, listen_in
from tests.support.translations import destination_nat, permit
from tests.support.until import until

SAME = 7
"""The call ID of every client."""


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
