"""DNS through the appliance: real servers and clients over both transports, translated answers, replies of nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, PLANS, Plan, Topology
from applianced.tools.netconf_client import ALG
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.dns import MANY, ask, unbound
from tests.support.dns_messages import address, message, reply
from tests.support.netns import unique_topology
from tests.support.sockets import datagrams_in
from tests.support.translations import NO_NAT, permit, static_nat
from tests.support.until import until

DNS = ("junos-dns-udp", "junos-dns-tcp")
ALG_DNS = "urn:applianced:yang:alg-dns"
WORDS = {"www.test.": ("192.0.2.80", "2001:db8::80"), "pub.test.": (IPV4.extra_public, IPV6.extra_public)}
INSIDE = {"www.test.": ("192.0.2.80",), "pub.test.": (IPV4.client, IPV6.client)}
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance


def settings(leaves: str) -> str:
    return f'<alg xmlns="{ALG}"><dns xmlns="{ALG_DNS}">{leaves}</dns></alg>'


@pytest.fixture(scope="module", params=["source-nat", "routed"])
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    """The client inside, the server outside."""
    with (
        unique_topology(route_back=request.param == "routed") as topology,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        if request.param == "routed":
            appliance.push(NO_NAT)
        appliance.push(permit("trust", "untrust", "dns-out", *DNS))
        unbound(topology, directory, WORDS)
        yield Route(topology, appliance)


@BOTH
@pytest.mark.parametrize("options", [(), ("+tcp",), ("+bufsize=1232",), ("+nocookie", "+dnssec")], ids=" ".join)
def test_asks(route: Route, plan: Plan, options: tuple[str, ...]) -> None:
    topology, appliance = route
    before = appliance.counter("dns", "sessions-over")
    assert ask(topology, topology.client, plan.server, "www.test", "A", *options) == ["192.0.2.80"]
    assert ask(topology, topology.client, plan.server, "www.test", "AAAA", *options) == ["2001:db8::80"]
    assert appliance.counter("dns", "refused") == 0
    if options != ("+tcp",):
        until(lambda: appliance.counter("dns", "sessions-over") == before + 2, what="both sessions are over")


@BOTH
def test_a_truncated_reply_is_followed_by_tcp(route: Route, plan: Plan) -> None:
    topology, _ = route
    found = ask(topology, topology.client, plan.server, "many.test", "A", "+bufsize=512")
    assert len(found) == MANY


def test_a_large_reply_passes_uninspected(route: Route) -> None:
    topology, appliance = route
    before = appliance.counter("dns", "oversize")
    assert len(ask(topology, topology.client, IPV4.server, "many.test", "A", "+bufsize=4096", "+notcp")) == MANY
    assert appliance.counter("dns", "oversize") == before + 1


def test_a_load_of_queries(route: Route, tmp_path: Path) -> None:
    """Many at once on few sockets: each gets its reply."""
    topology, appliance = route
    queries = tmp_path / "queries"
    queries.write_text("www.test A\nwww.test AAAA\nnothing.test A\n")
    words = ["dnsperf", "-s", IPV4.server, "-d", str(queries), "-n", "1000", "-c", "10", "-q", "50", "-t", "5"]
    said = topology.run(topology.client, words, timeout_s=60).stdout
    assert re.search(r"Queries completed:\s+3000 \(100", said), said
    assert appliance.counter("dns", "refused") == 0


class Scripted(NamedTuple):
    appliance: Appliance
    topology: Topology
    plan: Plan


@pytest.fixture(params=[pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
def scripted(request: pytest.FixtureRequest, topology: Topology, appliance: Appliance) -> Scripted:
    appliance.push(permit("trust", "untrust", "dns-out", *DNS))
    return Scripted(appliance, topology, request.param)


def test_only_the_reply_to_a_query_arrives_and_only_once(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    right = reply(address("192.0.2.80"))
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=53) as server,
    ):
        client.sendto(message(), (plan.server, 53))
        _, public = server.recvfrom(1000)
        for wrong in (reply(identification=8), b"\0\7", right[:-1], reply(flags=0x81C0)):
            server.sendto(wrong, public)
        server.sendto(right, public)
        assert client.recvfrom(1000)[0] == right
        server.sendto(right, public)
        until(lambda: appliance.counter("dns", "sessions-over") == 1, what="the session is over")
        assert not appliance.flow("control-sessions")
        listed = topology.run(topology.gateway, ["cat", "/proc/net/nf_conntrack"]).stdout
        assert "dport=53" not in listed
        server.sendto(right, public)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recvfrom(1000)
        client.sendto(message(identification=9), (plan.server, 53))
        assert server.recvfrom(1000)[0] == message(identification=9)
    assert appliance.counter("dns", "unmatched") == 2
    assert appliance.counter("dns", "refused") == 5


def test_a_session_in_the_state(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=53) as server,
    ):
        client.sendto(message(), (plan.server, 53))
        server.recvfrom(1000)
        (session,) = appliance.flow("control-sessions")
        assert (leaf(session, "alg"), leaf(session, "protocol"), leaf(session, "state")) == ("dns", "udp", "reading")
        assert leaf(session, "application") == "junos-dns-udp"


def test_leaves_hold_at_once(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    large = reply(*[address(f"192.0.2.{number}") for number in range(60)])

    def exchange(answer: bytes) -> bytes:
        with (
            datagrams_in(topology.client, plan.client, timeout_s=0.5) as client,
            datagrams_in(topology.server, plan.server, port=53) as server,
        ):
            client.sendto(message(), (plan.server, 53))
            server.sendto(answer, server.recvfrom(1000)[1])
            try:
                return client.recvfrom(4000)[0]
            except TimeoutError:
                return b""

    assert exchange(large) == large
    appliance.push(settings("<oversize-message-drop/>"))
    assert exchange(large) == b""
    appliance.push(settings("<maximum-message-length>4096</maximum-message-length>"))
    assert exchange(large) == large
    broken = large[:-1]
    assert exchange(broken) == b""
    appliance.push(settings("<doctoring><none/></doctoring>"))
    assert exchange(broken) == broken


def test_an_inside_client_is_told_inside_addresses(scripted: Scripted, server_directory: Path) -> None:
    """Static NAT publishes the client's own address: outside it is known by another, inside by its own."""
    appliance, topology, plan = scripted
    unbound(topology, server_directory, WORDS)
    topology.add_public_addresses()
    for each in PLANS.values():
        appliance.push(static_nat(each))
    for tcp in ((), ("+tcp",)):
        assert ask(topology, topology.client, plan.server, "pub.test", "A", *tcp) == [IPV4.client]
        assert ask(topology, topology.client, plan.server, "pub.test", "AAAA", *tcp) == [IPV6.client]
        assert ask(topology, topology.client, plan.server, "www.test", "A", *tcp) == ["192.0.2.80"]
    assert appliance.counter("dns", "doctored") == 4
    appliance.push(settings("<doctoring><sanity-check/></doctoring>"))
    assert ask(topology, topology.client, plan.server, "pub.test") == [IPV4.extra_public]


def test_an_outside_client_is_told_outside_addresses(scripted: Scripted, server_directory: Path) -> None:
    """The server stands inside, is published by static NAT, and knows inside addresses alone."""
    appliance, topology, plan = scripted
    unbound(topology, server_directory, INSIDE, namespace=topology.client)
    topology.add_public_addresses()
    appliance.push(permit("untrust", "trust", "dns-in", *DNS))
    for each in PLANS.values():
        appliance.push(static_nat(each))
    for tcp in ((), ("+tcp",)):
        assert ask(topology, topology.server, plan.extra_public, "pub.test", "A", *tcp) == [IPV4.extra_public]
        assert ask(topology, topology.server, plan.extra_public, "pub.test", "AAAA", *tcp) == [IPV6.extra_public]
