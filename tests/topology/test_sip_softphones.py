"""Two real softphones, and kamailio between them: each hears the other's tone, through the appliance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from applianced.tools.namespaces import HOST_INTERFACE, IPV4, IPV6, PLANS, WAN_INTERFACE, Plan, Topology
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.sipp import Party
from tests.support.softphones import Softphone, kamailio
from tests.support.translations import NO_NAT, permit, static_nat
from tests.support.until import until

BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])
TONES = {"alice": 400, "bob": 1000, "carol": 1600}
HEARD_S = 0.8
"""Seconds of a tone that must have been heard."""


class Office(NamedTuple):
    """Where phones are: namespaces, by a short name."""

    topology: Topology
    appliance: Appliance
    second: str

    def place(self, name: str, plan: Plan) -> Party:
        """`inside`, `second` (inside too), or `outside` beside the proxy."""
        topology = self.topology
        places = {
            "inside": Party(topology.client, plan.client),
            "second": Party(self.second, SECOND_INSIDE[plan.version], media_port=17000),
            "outside": Party(topology.server, plan.server.removesuffix("2") + "9", media_port=18000),
            "proxy": Party(topology.server, plan.server),
        }
        return places[name]

    def wan_packets(self) -> int:
        """What went through the gateway's outer interface so far."""
        counters = f"/sys/class/net/{WAN_INTERFACE}/statistics"
        said = self.topology.run(self.topology.gateway, ["cat", f"{counters}/rx_packets", f"{counters}/tx_packets"])
        return sum(int(word) for word in said.stdout.split())


@pytest.fixture(scope="module", params=["source-nat", "static-nat", "routed"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    """The proxy is outside."""
    routed = request.param == "routed"
    with (
        unique_topology(route_back=routed) as topology,
        second_inside(topology) as second,
        appliance_on(topology) as appliance,
    ):
        made = Office(topology, appliance, second)
        for plan in PLANS.values():
            stand_beside(topology, plan, made.place("outside", plan).address)
            # Both inside hosts reach each other through the gateway alone.
            for namespace, other in ((topology.client, SECOND_INSIDE[plan.version]), (second, plan.client)):
                topology.add_route(namespace, plan, f"{other}/{32 if plan.version == 4 else 128}", plan.lan)
        if routed:
            appliance.push(NO_NAT)
        if request.param == "static-nat":
            topology.add_public_addresses()
            for plan in PLANS.values():
                appliance.push(static_nat(plan))
            appliance.push(permit("untrust", "trust", "sip-in", "junos-sip"))
        appliance.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        yield made


def stand_beside(topology: Topology, plan: Plan, address: str) -> None:
    """A phone in the server's namespace, at an address of its own: what it sends without saying from where leaves from
    there. The proxy says where from."""
    topology.add_address(topology.server, plan, address)
    for line in topology.run(topology.server, ["ip", f"-{plan.version}", "route"]).stdout.splitlines():
        words = line.split()
        if words[0] != "default" and plan.prefix_length == int(words[0].partition("/")[2] or 0):
            towards = ["via", plan.public] if "via" in words else []
            route = [words[0], *towards, "dev", HOST_INTERFACE, "src", address]
            topology.run(topology.server, ["ip", f"-{plan.version}", "route", "replace", *route])


@contextmanager
def phones(office: Office, plan: Plan, directory: Path, transport: str, **places: str) -> Iterator[list[Softphone]]:
    """A registered phone for each, by its user's name, and the proxy."""
    proxy = office.place("proxy", plan)
    with ExitStack() as stack:
        stack.enter_context(kamailio(office.topology, proxy, directory / "proxy"))
        made = []
        for user, place in places.items():
            party = office.place(place, plan)
            phone = Softphone(
                office.topology, party, directory / user, user=user, registrar=proxy.host, hertz=TONES[user],
                transport=transport,
            )  # fmt: skip
            stack.callback(phone.close)
            try:
                phone.registered()
            except AssertionError as error:
                raise AssertionError(f"{error}\n{phone.story()}\n{office.appliance.counters()}") from None
            made.append(phone)
        yield made


def calls(caller: Softphone, called: Softphone, office: Office, plan: Plan) -> None:
    """They speak for a while; who called hangs up."""
    caller.command("dial", f"sip:{called.user}@{office.place('proxy', plan).host}")
    for phone in (caller, called):
        phone.await_event("CALL_ESTABLISHED")
    until(
        lambda: min(caller.recorded_s(), called.recorded_s()) > 1.5, 10, what=f"both hear something: {caller.story()}"
    )
    caller.command("hangup")
    for phone in (caller, called):
        phone.await_event("CALL_CLOSED")
        phone.close()
    assert caller.heard().get(TONES[called.user], 0) > HEARD_S
    assert called.heard().get(TONES[caller.user], 0) > HEARD_S


@BOTH
@TRANSPORTS
def test_a_call_from_inside(office: Office, plan: Plan, transport: str, tmp_path: Path) -> None:
    with phones(office, plan, tmp_path, transport, alice="inside", bob="outside") as (alice, bob):
        calls(alice, bob, office, plan)


@BOTH
@TRANSPORTS
def test_a_call_to_who_has_registered(office: Office, plan: Plan, transport: str, tmp_path: Path) -> None:
    """The registrar knows the phone inside by what the REGISTER said."""
    with phones(office, plan, tmp_path, transport, alice="inside", bob="outside") as (alice, bob):
        calls(bob, alice, office, plan)


@BOTH
def test_both_inside(office: Office, plan: Plan, tmp_path: Path) -> None:
    """The proxy is outside, the media stay inside."""
    before = office.wan_packets()
    with phones(office, plan, tmp_path, "udp", alice="inside", bob="second") as (alice, bob):
        calls(alice, bob, office, plan)
    assert office.wan_packets() - before < 60


@BOTH
def test_a_transfer(office: Office, plan: Plan, tmp_path: Path) -> None:
    """Alice, inside, sends bob on to carol; bob and carol hear each other then."""
    with phones(office, plan, tmp_path, "udp", alice="inside", bob="outside", carol="second") as (alice, bob, carol):
        alice.command("dial", f"sip:bob@{office.place('proxy', plan).host}")
        for phone in (alice, bob):
            phone.await_event("CALL_ESTABLISHED")
        alice.command("transfer", f"sip:carol@{office.place('proxy', plan).host}")
        carol.await_event("CALL_ESTABLISHED", timeout_s=15)
        until(lambda: carol.recorded_s() > 1.5, 10, what="carol hears something")
        carol.command("hangup")
        carol.await_event("CALL_CLOSED")
        for phone in (alice, bob, carol):
            phone.close()
        assert carol.heard().get(TONES["bob"], 0) > HEARD_S
        assert bob.heard().get(TONES["carol"], 0) > HEARD_S
