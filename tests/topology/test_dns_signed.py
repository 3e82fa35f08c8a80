"""Signed answers through the appliance: they stay what their zone's owner has signed, or do not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from applianced.tools.namespaces import IPV4, IPV6, PLANS, CommandError, Plan, Topology
from applianced.tools.netconf_client import ALG, NETCONF
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.dns import ask
from tests.support.netns import unique_topology
from tests.support.signed_dns import SignedZone, knot, validate
from tests.support.translations import permit, static_nat

ALG_DNS = "urn:applianced:yang:alg-dns"
WORDS = {"www.test.": ("192.0.2.80", "2001:db8::80"), "pub.test.": (IPV4.extra_public, IPV6.extra_public)}
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
KINDS = pytest.mark.parametrize("kind", ["A", "AAAA"])
TRANSPORTS = pytest.mark.parametrize("transport", [(), ("+tcp",)], ids=["udp", "tcp"])
OUTSIDE = {"A": IPV4.extra_public, "AAAA": IPV6.extra_public}
INSIDE = {"A": IPV4.client, "AAAA": IPV6.client}


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    zone: SignedZone


@pytest.fixture(scope="module")
def route() -> Iterator[Route]:
    """The client inside, published by static NAT; the server outside knows it by its public addresses."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit("trust", "untrust", "dns-out", "junos-dns-udp", "junos-dns-tcp"))
        for plan in PLANS.values():
            appliance.push(static_nat(plan))
        yield Route(topology, appliance, knot(topology, directory, WORDS))


@pytest.fixture
def dropping(route: Route) -> Iterator[None]:
    """`doctoring drop-signed`, for one test."""
    leaf = f'<alg xmlns="{ALG}"><dns xmlns="{ALG_DNS}"><doctoring><drop-signed{{}}/></doctoring></dns></alg>'
    route.appliance.push(leaf.format(""))
    yield
    route.appliance.push(leaf.format(f' xmlns:nc="{NETCONF}" nc:operation="delete"'))


def answer(route: Route, plan: Plan, name: str, kind: str, *options: str) -> list[str]:
    """The addresses in an answer."""
    found = ask(route.topology, route.topology.client, plan.server, name, kind, *options)
    return [word for word in found if word.count(".") == 3 or word.count(":") > 1]


@BOTH
@KINDS
@TRANSPORTS
def test_what_needs_no_change_is_valid(route: Route, plan: Plan, kind: str, transport: tuple[str, ...]) -> None:
    before = route.appliance.counter("dns", "refused")
    assert "fully validated" in validate(route.topology, route.zone, plan.server, "www.test", kind, *transport)
    assert route.appliance.counter("dns", "refused") == before


@BOTH
@KINDS
@TRANSPORTS
def test_what_would_be_translated_is_left(route: Route, plan: Plan, kind: str, transport: tuple[str, ...]) -> None:
    """Asked for without signatures it is translated."""
    left, doctored = (route.appliance.counter("dns", event) for event in ("signed-left", "doctored"))
    assert answer(route, plan, "pub.test", kind, "+dnssec", *transport) == [OUTSIDE[kind]]
    assert route.appliance.counter("dns", "signed-left") == left + 1
    said = validate(route.topology, route.zone, plan.server, "pub.test", kind, *transport)
    assert "fully validated" in said
    assert OUTSIDE[kind] in said
    assert route.appliance.counter("dns", "doctored") == doctored
    assert answer(route, plan, "pub.test", kind, *transport) == [INSIDE[kind]]
    assert route.appliance.counter("dns", "doctored") == doctored + 1


@BOTH
@TRANSPORTS
@pytest.mark.usefixtures("dropping")
def test_or_is_dropped(route: Route, plan: Plan, transport: tuple[str, ...]) -> None:
    dropped = route.appliance.counter("dns", "signed-dropped")
    with pytest.raises(CommandError):
        answer(route, plan, "pub.test", "A", "+dnssec", "+retry=0", *transport)
    assert route.appliance.counter("dns", "signed-dropped") == dropped + 1
    assert answer(route, plan, "pub.test", "A", *transport) == [IPV4.client]
    assert "fully validated" in validate(route.topology, route.zone, plan.server, "www.test", "A", *transport)
