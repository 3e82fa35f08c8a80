"""Replies of a published server that announce data endpoints, cut as no server cuts them, with loss on both sides."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from applianced.tools.namespaces import IPV4, IPV6, PLANS, Plan, Topology
from tests.support.appliance import appliance_on
from tests.support.both_ends import BothEnds, both_ends
from tests.support.ftp_session import announced_port
from tests.support.netns import lose, unique_topology
from tests.support.sockets import connect_in, listen_in
from tests.support.translations import destination_nat, from_outside, permit_ftp, static_nat

# A lost SYN costs seconds, and a few in a row cost many.
pytestmark = pytest.mark.timeout(300)

ROUTES = [
    pytest.param((static_nat, 0), id="static"),
    pytest.param((destination_nat, 0), id="destination"),
    pytest.param((destination_nat, 5), id="destination-loss"),
]
CASES = [
    pytest.param((IPV4, b"PASV\r\n"), id="ipv4-PASV"),
    pytest.param((IPV4, b"EPSV\r\n"), id="ipv4-EPSV"),
    pytest.param((IPV6, b"EPSV\r\n"), id="ipv6-EPSV"),
]


@pytest.fixture(scope="module", params=ROUTES)
def route(request: pytest.FixtureRequest) -> Iterator[tuple[Topology, bool]]:
    """A host inside that is published outside; whether packets get lost."""
    translation, percent = request.param
    with unique_topology() as topology, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit_ftp("untrust", "trust"))
        for plan in PLANS.values():
            appliance.push(translation(plan))
        if percent:
            lose(topology, percent)
        yield topology, bool(percent)


class Passive:
    """A session in which the server announces one endpoint again and again."""

    def __init__(self, topology: Topology, plan: Plan, verb: bytes, ends: BothEnds, listener: socket.socket) -> None:
        self.topology, self.plan, self.verb, self.ends, self.listener = topology, plan, verb, ends, listener
        self.reply = self.announcing(plan.client, listener.getsockname()[1])

    def announcing(self, address: str, port: int) -> bytes:
        if self.verb == b"EPSV\r\n":
            return f"229 Entering Extended Passive Mode (|||{port}|)\r\n".encode()
        return f"227 Entering Passive Mode ({address.replace('.', ',')},{port >> 8},{port & 255}).\r\n".encode()

    def announce(self, *pieces: bytes) -> int:
        """One exchange; the port that the client is told, in a line that is right apart from that."""
        assert self.ends.command(self.verb) == self.verb
        line = self.ends.reply(*pieces)
        port = announced_port(line.decode())
        assert line == self.announcing(self.plan.extra_public, port)
        return port

    def meet(self, port: int) -> None:
        """The client connects to what it was told, and reaches the server."""
        self.ends.command(b"RETR file\r\n")
        with connect_in(self.topology.server, self.plan.extra_public, port) as connection:
            accepted, _ = self.listener.accept()
            with accepted:
                accepted.sendall(b"data")
            assert connection.recv(4, socket.MSG_WAITALL) == b"data"
        self.ends.reply(b"150 coming\r\n")
        self.ends.reply(b"226 done\r\n")


@pytest.fixture(params=CASES)
def passive(route: tuple[Topology, bool], request: pytest.FixtureRequest) -> Iterator[Passive]:
    topology, _ = route
    plan, verb = request.param
    client = (topology.server, from_outside(plan))
    with (
        listen_in(topology.client, plan.client) as listener,
        both_ends(client, (topology.client, plan.client)) as ends,
    ):
        yield Passive(topology, plan, verb, ends, listener)


def test_reply_cut_at_every_octet(route: tuple[Topology, bool], passive: Passive, soak: bool) -> None:
    _, loss = route
    for cut in range(1, len(passive.reply)):
        port = passive.announce(passive.reply[:cut], passive.reply[cut:])
        if soak or not loss or cut % 20 == 0:
            passive.meet(port)


def test_reply_in_tiny_segments(passive: Passive) -> None:
    for size in (1, 5):
        pieces = [passive.reply[at : at + size] for at in range(0, len(passive.reply), size)]
        passive.meet(passive.announce(*pieces))


def test_replies_of_several_commands_in_a_segment(passive: Passive) -> None:
    """The announcement stands between two other replies."""
    assert passive.ends.command(b"NOOP\r\n", passive.verb, b"NOOP\r\n") == b"NOOP\r\n"
    assert [passive.ends.server.hears() for _ in range(2)] == [passive.verb, b"NOOP\r\n"]
    assert passive.ends.reply(b"200 fine\r\n" + passive.reply + b"200 fine\r\n") == b"200 fine\r\n"
    port = announced_port(passive.ends.client.hears().decode())
    assert passive.ends.client.hears() == b"200 fine\r\n"
    passive.meet(port)
