"""IKE and ESP through the appliance, packet by packet: who waits, what is let in, and what is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from applianced.compiler.marks import GATES_TABLE
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from applianced.tools.netconf_client import ALG
from tests.support.appliance import Appliance
from tests.support.esp import Received, esp_in, packet, receive
from tests.support.ike import ALICE, BOB, CAROL, GATEWAY, NONE, auth, child, message, setup
from tests.support.netns import SECOND_INSIDE, second_inside
from tests.support.soak import LONG
from tests.support.sockets import datagrams_in
from tests.support.translations import NO_NAT, permit, source_nat, source_pool
from tests.support.until import until

IKE = "urn:applianced:yang:alg-ike-esp-nat"
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
NO_CHECKSUM = 11
"""SO_NO_CHECK."""


def settings(**leaves: int) -> str:
    listed = "".join(f"<{name.replace('_', '-')}>{value}</{name.replace('_', '-')}>" for name, value in leaves.items())
    return f'<alg xmlns="{ALG}"><ike-esp-nat xmlns="{IKE}"><enable/>{listed}</ike-esp-nat></alg>'


@dataclass
class Party:
    """IKE and ESP of one host. peer: whom it speaks to, as it knows them."""

    ike: socket.socket
    esp: socket.socket
    peer: tuple[str, int]

    def say(self, data: bytes) -> None:
        self.ike.sendto(data, self.peer)

    def hears(self, data: bytes) -> tuple[str, int]:
        """The next message is this one; who has sent it."""
        heard, sender = self.ike.recvfrom(65535)
        assert heard == data
        return sender[0], sender[1]

    def send(self, spi: int) -> None:
        self.esp.sendto(packet(spi), (self.peer[0], 0))

    def gets(self, spi: int) -> str:
        """The next ESP packet has this SPI; who has sent it."""
        got = receive(self.esp)
        assert got == Received(got.source, spi, b"encrypted octets")
        return got.source

    def nothing(self) -> None:
        """No ESP comes."""
        self.esp.settimeout(0.3)
        with pytest.raises(TimeoutError):
            receive(self.esp)
        self.esp.settimeout(5)


@dataclass
class Lab:
    appliance: Appliance
    topology: Topology
    plan: Plan
    first: Party
    second: Party
    gateway: Party

    def negotiate(self, host: Party, spi: bytes) -> None:
        """IKE_SA_INIT and IKE_AUTH; the gateway knows the host by the public address and its own port."""
        for request, response in (setup(spi), auth(spi)):
            host.say(request)
            assert self.gateway.hears(request) == self.gateway.peer
            self.gateway.say(response)
            host.hears(response)

    def listens(self) -> bool:
        """Whether an ESP packet of the gateway is awaited."""
        gates = [gate for gate in self.appliance.gates() if not leaf(gate, "closed") and not leaf(gate, "spi")]
        return any(leaf(gate, "peer-address") == self.plan.server for gate in gates)

    def counts(self, *events: str) -> list[int]:
        return [self.appliance.counter("ike-esp-nat", event) for event in events]


@contextmanager
def lab_on(topology: Topology, appliance: Appliance, plan: Plan, *, port: int = 500, public: str = "") -> Iterator[Lab]:
    with second_inside(topology) as second, ExitStack() as stack:

        def party(namespace: str, own: str, peer: str) -> Party:
            ike = stack.enter_context(datagrams_in(namespace, own, port=port))
            return Party(ike, stack.enter_context(esp_in(namespace, own)), (peer, port))

        yield Lab(
            appliance,
            topology,
            plan,
            party(topology.client, plan.client, plan.server),
            party(second, SECOND_INSIDE[plan.version], plan.server),
            party(topology.server, plan.server, public or plan.public),
        )


@pytest.fixture
def plan() -> Plan:
    return IPV4


@pytest.fixture
def lab(topology: Topology, appliance: Appliance, plan: Plan) -> Iterator[Lab]:
    appliance.push(settings(esp_gate_timeout=2))
    appliance.push(permit("trust", "untrust", "ike-out", "junos-ike"))
    with lab_on(topology, appliance, plan) as made:
        yield made


@BOTH
def test_the_second_waits_for_the_first_hosts_esp(lab: Lab) -> None:
    lab.negotiate(lab.first, ALICE)
    request, response = setup(BOB)
    lab.second.say(request)
    lab.gateway.hears(request)
    lab.gateway.say(response)
    lab.second.hears(response)
    lab.second.say(auth(BOB)[0])
    lab.gateway.ike.settimeout(0.3)
    with pytest.raises(TimeoutError):
        lab.gateway.ike.recvfrom(100)
    assert lab.counts("held") == [1]
    lab.gateway.send(0x1111)
    assert lab.first.gets(0x1111) == lab.plan.server
    lab.gateway.ike.settimeout(5)
    assert lab.gateway.hears(auth(BOB)[0]) == lab.gateway.peer
    lab.gateway.say(auth(BOB)[1])
    lab.second.hears(auth(BOB)[1])
    lab.gateway.send(0x2222)
    lab.second.gets(0x2222)
    for host, spi in ((lab.first, 0x1111), (lab.second, 0x2222)):
        for _ in range(3):
            lab.gateway.send(spi)
            host.gets(spi)
        host.send(spi + 1)
        assert lab.gateway.gets(spi + 1) == lab.plan.public


@BOTH
def test_only_what_is_awaited_comes_in(lab: Lab) -> None:
    stranger = lab.plan.server.removesuffix("2") + "9"
    lab.topology.add_address(lab.topology.server, lab.plan, stranger)
    lab.gateway.send(0x1111)
    lab.first.nothing()
    for party, spi in ((lab.first, ALICE), (lab.second, BOB)):
        request, response = setup(spi)
        party.say(request)
        lab.gateway.hears(request)
        lab.gateway.say(response)
        party.hears(response)
    lab.negotiate(lab.first, ALICE)
    with esp_in(lab.topology.server, stranger) as other:
        other.sendto(packet(0x1111), (lab.plan.public, 0))
    lab.gateway.send(0xFF)
    lab.first.nothing()
    assert lab.counts("reserved-spi") == [1]
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    lab.gateway.send(0x2222)
    lab.first.nothing()
    assert lab.counts("gates-hit", "esp-sessions") == [1, 1]


def test_a_forged_packet_takes_nobodys_place(lab: Lab) -> None:
    """Whoever can send in the gateway's name is first: the host, alone behind its address, gets the gateway's too."""
    lab.appliance.push(settings(esp_gate_timeout=4))
    lab.negotiate(lab.first, ALICE)
    lab.gateway.send(0x6666)
    lab.first.gets(0x6666)
    for _ in range(2):
        lab.gateway.send(0x1111)
        lab.first.gets(0x1111)
    assert lab.counts("gates-hit", "esp-surplus", "esp-sessions") == [1, 1, 2]
    until(lambda: not lab.listens(), 10, what="nothing more is awaited")
    for guess in (0x1110, 0x1112, 0x2222):
        lab.gateway.send(guess)
    lab.first.nothing()
    assert lab.counts("gates-timed-out") == [0]


def test_who_speaks_of_anothers_cookies(lab: Lab) -> None:
    """Neither another host inside nor one outside moves what belongs to a pair of cookies, nor has ESP let in."""
    lab.negotiate(lab.first, ALICE)
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    stranger = lab.plan.server.removesuffix("2") + "9"
    lab.topology.add_address(lab.topology.server, lab.plan, stranger)
    with (
        datagrams_in(lab.topology.server, stranger, port=500) as ike,
        esp_in(lab.topology.server, stranger) as other,
    ):
        ike.sendto(child(ALICE, 7)[1], (lab.plan.public, 500))
        other.sendto(packet(0x1111), (lab.plan.public, 0))
        other.sendto(packet(0x7777), (lab.plan.public, 0))
        lab.first.nothing()
    before = lab.counts("unknown-pair", "bad-pair")
    lab.gateway.say(message(BOB, GATEWAY, 37))
    lab.first.say(message(ALICE, CAROL, 37))
    until(lambda: lab.counts("unknown-pair", "bad-pair") == [before[0], before[1] + 1], what="another responder")
    lab.second.send(0x1000)
    lab.gateway.nothing()
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    lab.second.ike.settimeout(0.1)
    with pytest.raises(TimeoutError):
        lab.second.ike.recvfrom(100)


def test_what_comes_too_late_waits_for_the_client(lab: Lab) -> None:
    lab.negotiate(lab.first, ALICE)
    until(lambda: lab.counts("gates-timed-out") == [1], what="nothing has come in time")
    lab.gateway.send(0x1111)
    lab.first.nothing()
    lab.first.send(0x1000)
    lab.gateway.gets(0x1000)
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)


def test_an_idle_spi_ends(lab: Lab) -> None:
    lab.appliance.push(settings(esp_session_timeout=60))
    lab.negotiate(lab.first, ALICE)
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    (gate,) = [gate for gate in lab.appliance.gates() if leaf(gate, "spi")]
    assert (leaf(gate, "spi"), leaf(gate, "protocol"), leaf(gate, "packets")) == (str(0x1111), "esp", "1")
    assert 60 <= int(leaf(gate, "remaining")) <= 75
    if LONG:
        until(lambda: lab.counts("esp-idle") == [1], 80, interval_s=1)
        lab.gateway.send(0x1111)
        lab.first.nothing()


def test_headers_that_do_not_hold_together_do_not_pass(lab: Lab) -> None:
    wrong = (b"short", message(NONE, NONE, 34), message(ALICE, NONE, 34, length=99), message(ALICE, NONE, 35))
    for each in wrong:
        lab.first.say(each)
    lab.first.say(setup(ALICE)[0])
    lab.gateway.hears(setup(ALICE)[0])
    assert lab.counts("short-header", "no-initiator", "bad-length", "no-responder") == [1, 1, 1, 1]
    assert lab.counts("refused-message", "packets-refused") == [4, 4]


@pytest.mark.parametrize("octets", [100, 2_000, 20_000])
@pytest.mark.parametrize("checksum", [True, False])
def test_the_port_is_kept_whatever_a_message_is(lab: Lab, octets: int, checksum: bool) -> None:
    """Certificates make messages that go in fragments; a checksum of IPv4 may be left out."""
    for host in (lab.first, lab.second):
        host.ike.setsockopt(socket.SOL_SOCKET, NO_CHECKSUM, not checksum)
    for host, spi in ((lab.first, ALICE), (lab.second, BOB)):
        large = message(spi, GATEWAY, 37, body=bytes(octets))
        host.say(large)
        assert lab.gateway.hears(large) == lab.gateway.peer
        lab.gateway.say(large)
        host.hears(large)


def test_a_pool_of_addresses(lab: Lab) -> None:
    """Each host has an address of its own, for IKE and for ESP alike: nobody waits."""
    pool = [f"203.0.113.{number}" for number in range(20, 24)]
    for address in pool:
        lab.topology.run(lab.topology.gateway, ["ip", "address", "add", f"{address}/32", "dev", "lo"])
        lab.topology.run(lab.topology.server, ["ip", "route", "add", address, "via", IPV4.public])
    lab.appliance.push(NO_NAT)
    lab.appliance.push(source_pool("several", "203.0.113.20/30"))
    lab.appliance.push(source_nat("trust", "untrust", {"10.71.1.0/24": "<pool><pool-name>several</pool-name></pool>"}))
    for host, spi, number in ((lab.first, ALICE, 0x1000), (lab.second, BOB, 0x2000)):
        for request, response in (setup(spi), auth(spi)):
            host.say(request)
            sender = lab.gateway.hears(request)
            assert sender[0] in pool
            assert sender[1] == 500
            lab.gateway.ike.sendto(response, sender)
            host.hears(response)
        host.send(number)
        assert lab.gateway.gets(number) == sender[0]
        lab.gateway.esp.sendto(packet(number + 1), (sender[0], 0))
        host.gets(number + 1)


def test_another_port_by_an_application(topology: Topology, appliance: Appliance) -> None:
    appliance.push(settings())
    appliance.netconf.push(
        """
        <applications xmlns="urn:applianced:yang:applications"><application><name>other-ike</name>
          <application-protocol>ike-esp-nat</application-protocol><protocol>udp</protocol>
          <destination-port>1500</destination-port></application></applications>
        """
    )
    appliance.push(permit("trust", "untrust", "ike-out", "other-ike"))
    with lab_on(topology, appliance, IPV4, port=1500) as lab:
        lab.negotiate(lab.first, ALICE)
        lab.gateway.send(0x1111)
        lab.first.gets(0x1111)


def test_gates_come_back_with_their_table(lab: Lab) -> None:
    lab.negotiate(lab.first, ALICE)
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    lab.topology.run(lab.topology.gateway, ["nft", "delete", "table", "inet", GATES_TABLE])

    def comes_through() -> bool:
        lab.gateway.send(0x1111)
        lab.first.esp.settimeout(0.1)
        try:
            return receive(lab.first.esp).spi == 0x1111
        except TimeoutError:
            return False

    until(comes_through, 10, what="the gate is there again")
    lab.first.say(child(ALICE, 2)[0])
    lab.gateway.hears(child(ALICE, 2)[0])
    lab.gateway.send(0x2222)
    lab.first.esp.settimeout(5)
    until(lambda: receive(lab.first.esp).spi == 0x2222, what="another SPI is learnt")


def test_disabled_in_the_middle(lab: Lab) -> None:
    """What the ALG has admitted goes when it does; IKE goes on by itself."""
    off = '<enable xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"/>'
    lab.negotiate(lab.first, ALICE)
    lab.gateway.send(0x1111)
    lab.first.gets(0x1111)
    lab.appliance.push(settings().replace("<enable/>", off))
    lab.gateway.send(0x1111)
    lab.first.nothing()
    lab.first.say(child(ALICE, 2)[0])
    assert lab.gateway.hears(child(ALICE, 2)[0])[0] == IPV4.public
