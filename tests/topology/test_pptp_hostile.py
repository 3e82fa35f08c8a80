"""PPTP through the appliance among hosts that mean harm: who speaks of another's call, in either channel, changes
nothing for those whose call it is."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from applianced.alg.pptp.messages import Kind
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4
from tests.support import pptp
from tests.support.appliance import appliance_on, private_directory
from tests.support.gre import gre_in, packet, receive
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.pptp_programs import Links, Peer, both_peers
from tests.support.pptp_route import Route
from tests.support.translations import permit

VICTIM, ATTACKER = 7, 8
"""Call IDs of the two clients."""
CALLED, CALLED_TOO = 3, 4
"""Those of the server."""
STRANGER = "203.0.113.9"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a client inside. known: its ID as the server was told it."""

    client: Peer
    server: Peer
    own: int
    called: int
    known: int


@dataclass(frozen=True, slots=True)
class Lab:
    """Two clients with a call each, behind one address. second: the attacker's namespace."""

    route: Route
    second: str
    victim: Call
    attacker: Call
    inside: socket.socket
    far: socket.socket

    def works(self) -> None:
        """GRE of the victim's call goes both ways, under the IDs that were told."""
        self.far.sendto(packet(self.victim.known, b"in"), (IPV4.public, 0))
        assert receive(self.inside) == (IPV4.server, VICTIM, b"in")
        self.inside.sendto(packet(CALLED, b"out"), (IPV4.server, 0))
        assert receive(self.far) == (IPV4.public, CALLED, b"out")

    def count(self, event: str) -> int:
        return self.route.appliance.counter("pptp", event)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Route, str]]:
    with (
        unique_topology() as topology,
        second_inside(topology) as second,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        appliance.push(permit("trust", "untrust", "pptp-out", "junos-pptp"))
        topology.add_address(topology.server, IPV4, STRANGER)
        yield Route(topology, appliance, Links(directory)), second


def called(client: Peer, server: Peer, own: int, answer: int) -> Call:
    client.say(pptp.outgoing_request(own))
    known = server.hear().first
    server.say(pptp.outgoing_reply(answer, known))
    assert client.hear().first == answer
    return Call(client, server, own, answer, known)


@pytest.fixture
def lab(place: tuple[Route, str]) -> Iterator[Lab]:
    route, second = place
    topology = route.topology
    there = (topology.server, IPV4.server)
    with ExitStack() as stack:
        enter = stack.enter_context
        victim = called(*enter(both_peers((topology.client, IPV4.client), there)), VICTIM, CALLED)
        attacker = called(*enter(both_peers((second, SECOND_INSIDE[4]), there)), ATTACKER, CALLED_TOO)
        inside, far = enter(gre_in(topology.client, IPV4.client)), enter(gre_in(*there))
        yield Lab(route, second, victim, attacker, inside, far)
    route.no_gate_is_open()


def nothing_comes(at: socket.socket) -> None:
    at.settimeout(0.3)
    with pytest.raises(TimeoutError):
        receive(at)
    at.settimeout(5)


def test_gre_of_a_third_host_outside(lab: Lab) -> None:
    """It knows the ID and the address, and is not the server."""
    with gre_in(lab.route.topology.server, STRANGER) as stranger:
        stranger.sendto(packet(lab.victim.known, b"forged"), (IPV4.public, 0))
        stranger.sendto(packet(VICTIM, b"forged"), (IPV4.public, 0))
        nothing_comes(lab.inside)
    lab.works()


def test_gre_of_another_client_inside(lab: Lab) -> None:
    """It has a call with this server itself, and uses the ID of another's: its own alone is admitted."""
    with gre_in(lab.second, SECOND_INSIDE[4]) as raw:
        raw.sendto(packet(CALLED, b"forged"), (IPV4.server, 0))
        nothing_comes(lab.far)
        raw.sendto(packet(CALLED_TOO, b"own"), (IPV4.server, 0))
        assert receive(lab.far) == (IPV4.public, CALLED_TOO, b"own")
    lab.works()


def test_the_server_guesses_call_ids(lab: Lab) -> None:
    """Only the ID that it was told leads in; the client's own does not."""
    told = {lab.victim.known, lab.attacker.known}
    guesses = {VICTIM, ATTACKER, 0, 65535} | {known + step for known in told for step in (-1, 1, 2)}
    for guess in sorted(guesses - told):
        lab.far.sendto(packet(guess, b"guessed"), (IPV4.public, 0))
    nothing_comes(lab.inside)
    lab.works()


@pytest.mark.parametrize("flags", [0x2000, 0x0001, 0x3000, 0xB001])
def test_other_gre_under_the_same_number(lab: Lab, flags: int) -> None:
    """Version 0 with a key, no key, version 0 with a sequence, a checksum: not what RFC 2637 4.1 has."""
    lab.far.sendto(packet(lab.victim.known, b"other", flags=flags), (IPV4.public, 0))
    nothing_comes(lab.inside)
    lab.works()


def test_messages_about_anothers_call(lab: Lab) -> None:
    """In the attacker's own control connection they are about calls that are not there, on both sides."""
    before = lab.count("unknown-call")
    mine, victim = lab.attacker, lab.victim
    about = (
        pptp.link_info(CALLED), pptp.wan_error(CALLED), pptp.incoming_connected(CALLED), pptp.clear_request(VICTIM),
        pptp.disconnect(VICTIM), pptp.clear_request(victim.known), pptp.disconnect(victim.known),
    )  # fmt: skip
    for octets in about:
        mine.client.say(octets)
        assert mine.server.hear().octets == octets, "passed as it is"
    forged = pptp.link_info(victim.known)
    mine.server.say(forged)
    assert mine.client.hear().octets == forged
    assert lab.count("unknown-call") == before + len(about) + 1
    assert len(lab.route.open_gates()) == 4
    lab.works()


def test_a_reply_about_anothers_call(lab: Lab) -> None:
    """The server answers, in one connection, the request of another: that one connection ends."""
    before = lab.count("unasked-reply")
    lab.attacker.server.say(pptp.outgoing_reply(9, lab.victim.known))
    with pytest.raises(ConnectionError):
        lab.attacker.client.hear()
    assert lab.count("unasked-reply") == before + 1
    assert {leaf(gate, "inside-address") for gate in lab.route.open_gates()} == {IPV4.client, IPV4.server}
    lab.works()


def test_a_call_answered_twice(lab: Lab) -> None:
    """A second answer cannot move a call that is up to another ID."""
    before = lab.count("unasked-reply")
    lab.attacker.server.say(pptp.outgoing_reply(CALLED, lab.attacker.known))
    with pytest.raises(ConnectionError):
        lab.attacker.client.hear()
    assert lab.count("unasked-reply") == before + 1
    lab.works()


def test_the_servers_id_of_another_call(lab: Lab) -> None:
    """A server that says the same ID in two connections has two calls, each for packets of its own client."""
    mine = lab.attacker
    mine.client.say(pptp.outgoing_request(9))
    known = mine.server.hear().first
    mine.server.say(pptp.outgoing_reply(CALLED, known))
    assert mine.client.hear().kind is Kind.OUTGOING_CALL_REPLY
    with gre_in(lab.second, SECOND_INSIDE[4]) as raw:
        raw.sendto(packet(CALLED, b"mine"), (IPV4.server, 0))
        assert receive(lab.far) == (IPV4.public, CALLED, b"mine")
    lab.works()
