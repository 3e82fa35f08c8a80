"""IKE and ESP through the appliance with real programs: strongSwan with ESP that does not go in UDP, and vpnc.

Debian 13's strongSwan runs in a chroot, see tests/support/trixie.py; vpnc is Debian 12's.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG, NETCONF, SECURITY
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.strongswan import (
    NETWORK_HOST,
    Charon,
    behind,
    client_configuration,
    gateway_configuration,
)
from tests.support.translations import NO_NAT, permit, static_nat
from tests.support.until import until
from tests.support.vpnc import Vpnc

IKE = "urn:applianced:yang:alg-ike-esp-nat"
_ALG = f'<alg xmlns="{ALG}"><ike-esp-nat xmlns="{IKE}"><enable/>{{}}</ike-esp-nat></alg>'
ENABLED = _ALG.format("<esp-gate-timeout>2</esp-gate-timeout>")
NAMES = ("one", "two")


@dataclass
class Site:
    """Two hosts inside, a gateway of theirs outside, the appliance between."""

    topology: Topology
    second: str
    appliance: Appliance
    directory: Path
    number: int = 0
    clients: list[Charon] = field(default_factory=list)

    @property
    def hosts(self) -> tuple[tuple[str, str], ...]:
        """Namespace and address of each."""
        return (self.topology.client, IPV4.client), (self.second, SECOND_INSIDE[4])

    def place(self) -> Path:
        """A directory that is not there yet."""
        self.number += 1
        return self.directory / str(self.number)

    def gateway(self, version: int, *, plan: Plan = IPV4, where: str = "", rekey: str = "0") -> Charon:
        """strongSwan that gives its clients addresses, with a host behind it."""
        where = where or self.topology.server
        address = f"{NETWORK_HOST[plan.version]}/{128 if plan.version == 6 else 32}"
        self.topology.run(where, ["ip", "address", "add", address, "dev", "lo"])
        gateway = Charon(self.topology, where, self.place())
        gateway.start()
        gateway.configure(gateway_configuration(version, NAMES, family=plan.version, rekey=rekey))
        return gateway

    def strongswan(
        self, number: int, version: int, *, plan: Plan = IPV4, own: str = "", checked: bool = True
    ) -> Charon:
        """A client, connected."""
        namespace, address = self.hosts[number]
        if plan is IPV6:
            address = (IPV6.client, SECOND_INSIDE[6])[number]
        client = Charon(self.topology, namespace, self.place())
        client.start()
        client.configure(client_configuration(version, NAMES[number], own or address, plan.server, family=plan.version))
        client.swanctl("--initiate", "--child", "net", "--timeout", "20")
        if checked:
            self.flows(number, plan=plan)
        self.clients.append(client)
        return client

    def vpnc(self, number: int) -> Vpnc:
        """A client, connected."""
        client = Vpnc(self.topology, self.hosts[number][0], self.place(), IPV4.server, NAMES[number])
        client.start()
        return client

    def reaches(self, number: int, *, plan: Plan = IPV4, count: int = 3) -> bool:
        """Whether packets go through the tunnel of a host, both ways, all of them."""
        return reaches(self.topology, self.hosts[number][0], plan=plan, count=count)

    def flows(self, *numbers: int, plan: Plan = IPV4) -> None:
        """Packets go through the tunnels of these hosts by and by: the first ones may have to wait for others'."""
        for number in numbers:
            until(partial(self.reaches, number, plan=plan), 15, what=f"ESP of host {number} flows")

    def counters(self, *events: str) -> list[int]:
        return [self.appliance.counter("ike-esp-nat", event) for event in events]


def reaches(topology: Topology, namespace: str, *, plan: Plan = IPV4, count: int = 3) -> bool:
    command = ["ping", f"-{plan.version}", "-c", str(count), "-i", "0.1", "-W", "1", NETWORK_HOST[plan.version]]
    return f" {count} received" in topology.run(namespace, command, check=False).stdout


@pytest.fixture
def routed() -> bool:
    return False


@pytest.fixture
def site(routed: bool) -> Iterator[Site]:
    """Source NAT to the interface's address, unless routed; IKE may go out, and nothing else."""
    with (
        unique_topology(route_back=routed) as topology,
        second_inside(topology) as second,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        if routed:
            appliance.push(NO_NAT)
        appliance.push(ENABLED)
        appliance.push(permit("trust", "untrust", "ike-out", "junos-ike"))
        yield Site(topology, second, appliance, directory)


def remotes(gateway: Charon) -> list[str]:
    """The clients as their gateway knows them, with port."""
    return sorted(re.findall(r"remote .* @ (\S+\])", gateway.swanctl("--list-sas")))


def associations(gateway: Charon, name: str) -> list[str]:
    """The numbers of the SAs under this name."""
    return re.findall(rf"^ *{name}: #(\d+), .*(?:ESTABLISHED|INSTALLED)", gateway.swanctl("--list-sas"), re.MULTILINE)


def _has_one(gateway: Charon, name: str) -> bool:
    return len(associations(gateway, name)) == 1


def states(appliance: Appliance) -> list[dict[str, list[str]]]:
    """The state of the ALG over NETCONF: leaf -> values."""
    own = f'<ike-esp-nat xmlns="{IKE}"><state/></ike-esp-nat>'
    wanted = f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}">{own}</alg></security>'
    found = []
    for entry in appliance.netconf.get(wanted).iter(f"{{{IKE}}}state"):
        leaves: dict[str, list[str]] = {}
        for each in entry:
            leaves.setdefault(each.tag.rsplit("}")[-1], []).append(each.text or "")
        found.append(leaves)
    return found


def test_two_vpnc_behind_one_address(site: Site) -> None:
    """IKEv1 without NAT traversal, both at once: both keep port 500, and each gets its own ESP."""
    gateway = site.gateway(2)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(site.vpnc, (0, 1)))
    assert remotes(gateway) == [f"{IPV4.public}[500]"] * 2
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(site.flows, (0, 1)))
    assert site.counters("negotiations", "gates-hit", "esp-sessions", "refused-message") == [2, 2, 4, 0]
    gates = [gate for gate in site.appliance.gates() if leaf(gate, "protocol") == "esp" and leaf(gate, "spi")]
    inside = {leaf(gate, "inside-address") for gate in gates}
    assert inside == {IPV4.server, *(address for _, address in site.hosts)}
    assert all(int(leaf(gate, "packets")) >= 3 for gate in gates)
    assert {leaf(gate, "outside-address") for gate in gates} == {IPV4.server, IPV4.public}


def test_the_state_shows_who_is_who(site: Site) -> None:
    site.gateway(2)
    site.vpnc(0)
    site.flows(0)
    (shown,) = states(site.appliance)
    assert {name: shown[name] for name in ("client-address", "gateway-address", "outside-address", "esp")} == {
        "client-address": [IPV4.client],
        "gateway-address": [IPV4.server],
        "outside-address": [IPV4.public],
        "esp": ["true"],
    }
    assert len(shown["spi-to-gateway"]) == len(shown["spi-from-gateway"]) == 1
    assert shown["exchange"] == ["informational"]


@pytest.fixture
def tunnels(site: Site) -> tuple[Site, Charon]:
    """Two strongSwan behind one address that find no translator: IKEv2, ESP as such."""
    gateway = site.gateway(2)
    for number, (namespace, own) in enumerate(site.hosts):
        behind(site.topology, namespace, own, IPV4.public, IPV4.server)
        site.strongswan(number, 2, own=IPV4.public)
    return site, gateway


def test_two_strongswan_behind_one_address(tunnels: tuple[Site, Charon]) -> None:
    site, gateway = tunnels
    assert remotes(gateway) == [f"{IPV4.public}[500]"] * 2
    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(site.reaches, (0, 1)))
    assert site.counters("states", "esp-sessions", "nat-traversal", "refused-message") == [2, 4, 0, 0]


def test_rekeying(tunnels: tuple[Site, Charon]) -> None:
    """ESP renewed by either side, and the IKE SA itself: by the client, and by the gateway, which then is its
    initiator and speaks first."""
    site, gateway = tunnels

    def renewed(asked: Charon, *words: str) -> None:
        """A pair of SPIs more, which is used."""
        (before,) = site.counters("esp-sessions")
        asked.swanctl(*words)
        until(lambda: site.reaches(0) and site.reaches(1) and site.counters("esp-sessions") == [before + 2], 20)

    for client in site.clients:
        renewed(client, "--rekey", "--child", "net")
    for number in associations(gateway, "net"):
        renewed(gateway, "--rekey", "--child-id", number)
    for client in site.clients:
        client.swanctl("--rekey", "--ike", "tunnel")
        until(partial(_has_one, client, "tunnel"), what="the old IKE SA is gone")
        renewed(client, "--rekey", "--child", "net")
    for number in associations(gateway, "roadwarrior"):
        gateway.swanctl("--rekey", "--ike-id", number)
    until(lambda: not set(associations(gateway, "roadwarrior")) & {"1", "2"}, what="the gateway's own SAs")
    for number in associations(gateway, "net"):
        renewed(gateway, "--rekey", "--child-id", number)
    assert site.counters("ambiguous-pair") == [0]


def test_a_tunnel_outlives_the_workers(tunnels: tuple[Site, Charon]) -> None:
    site, _ = tunnels
    assert all(map(site.reaches, (0, 1)))
    before = site.appliance.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert all(map(site.reaches, (0, 1))), "ESP asks no worker"
    until(lambda: len(set(site.appliance.workers()) - set(before)) == len(before), 10, what="workers run again")
    assert site.counters("sessions-resumed") == [2]
    for number, client in enumerate(site.clients):
        client.swanctl("--rekey", "--child", "net")
        site.flows(number)
    assert site.counters("esp-sessions") == [8]
    assert len(states(site.appliance)) == 2


def test_the_end_of_the_policy_ends_the_tunnels(tunnels: tuple[Site, Charon]) -> None:
    site, _ = tunnels
    assert all(map(site.reaches, (0, 1)))
    site.appliance.push(
        f"""
        <policies xmlns:nc="{NETCONF}"><policy><from-zone-name>trust</from-zone-name>
          <to-zone-name>untrust</to-zone-name><policy nc:operation="delete"><name>ike-out</name></policy>
        </policy></policies>
        """
    )
    assert not any(site.reaches(number, count=1) for number in (0, 1))
    assert not [gate for gate in site.appliance.gates() if not leaf(gate, "closed")]
    assert states(site.appliance) == []


def test_nat_traversal_is_left_alone(site: Site) -> None:
    """The same programs, which now find a translator: IKE goes on in UDP 4500, and ESP in there."""
    site.appliance.push(permit("trust", "untrust", "natt-out", "junos-ike-nat"))
    gateway = site.gateway(2)
    for number in (0, 1):
        site.strongswan(number, 2)
    assert all(map(site.reaches, (0, 1)))
    assert not [remote for remote in remotes(gateway) if remote.endswith("[500]")]
    assert site.counters("states", "negotiations", "esp-sessions", "refused-message") == [2, 0, 0, 0]
    assert site.appliance.gates() == []


@pytest.mark.parametrize("routed", [True])
@pytest.mark.parametrize(
    ("plan", "version"),
    [pytest.param(IPV4, 2, id="ikev2"), pytest.param(IPV4, 1, id="ikev1"), pytest.param(IPV6, 2, id="ikev2-ipv6")],
)
def test_routed(site: Site, plan: Plan, version: int) -> None:
    """Nothing is translated; policy lets IKE pass, and no ESP but that which follows from it."""
    gateway = site.gateway(version, plan=plan)
    for number in (0, 1):
        site.strongswan(number, version, plan=plan)
    assert all(site.reaches(number, plan=plan) for number in (0, 1))
    assert f"{plan.client}[500]" in remotes(gateway)
    assert site.counters("esp-sessions", "held", "refused-message") == [4, 0, 0]


def test_a_published_gateway(site: Site) -> None:
    """The gateway stands inside, its client outside: static NAT both ways."""
    site.topology.add_public_addresses()
    site.appliance.push(static_nat(IPV4))
    site.appliance.push(permit("untrust", "trust", "ike-in", "junos-ike"))
    gateway = site.gateway(2, where=site.topology.client)
    client = Vpnc(site.topology, site.topology.server, site.place(), IPV4.extra_public, "one")
    client.start()
    until(partial(reaches, site.topology, site.topology.server), what="ESP flows")
    assert remotes(gateway) == [f"{IPV4.server}[500]"]
    assert site.counters("esp-sessions") == [2]


@pytest.mark.parametrize("how", ["disabled", "ignored"])
def test_without_the_alg_no_esp_passes(site: Site, how: str) -> None:
    if how == "disabled":
        off = f'<enable xmlns:nc="{NETCONF}" nc:operation="delete"/>'
        site.appliance.push(ENABLED.replace("<enable/>", off))
    else:
        site.appliance.netconf.push(
            """
            <applications xmlns="urn:applianced:yang:applications"><application><name>plain-ike</name>
              <application-protocol>ignore</application-protocol><protocol>udp</protocol>
              <destination-port>500</destination-port></application></applications>
            """
        )
        site.appliance.push(
            f"""
            <policies xmlns:nc="{NETCONF}"><policy><from-zone-name>trust</from-zone-name>
              <to-zone-name>untrust</to-zone-name><policy><name>ike-out</name><match>
                <application nc:operation="delete">junos-ike</application><application>plain-ike</application>
              </match></policy></policy></policies>
            """
        )
    site.gateway(2)
    site.vpnc(0)
    assert not site.reaches(0, count=1)
    assert site.counters("sessions", "gates-opened") == [0, 0]
