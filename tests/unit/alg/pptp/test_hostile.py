"""Several PPTP control connections through one engine, one of which means harm: it moves nobody else's call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from applianced.alg.pptp import DESCRIPTOR
from applianced.model.gates import Gate
from applianced.model.tuples import ORIGINAL, REPLY, Direction, Endpoint, packed
from applianced.packet.segment import ACK, PSH, SYN
from tests.support import pptp
from tests.support.engine import CLIENT, SERVER, Bench

VICTIM, ATTACKER = 7, 8
"""Call IDs of the two clients."""
CALLED = 3
"""That of the server, in both calls."""


class Connection:
    """A control connection of one client; the number of its ALG is of no interest here."""

    def __init__(self, bench: Bench, client: Endpoint) -> None:
        self.bench, self.client = bench, client
        self.next = {ORIGINAL: 1, REPLY: 1}
        bench.send(client, SERVER, SYN, sequence=0)
        bench.send(SERVER, client, SYN | ACK, sequence=0, ack=1)
        self.say(ORIGINAL, pptp.start_request())
        self.say(REPLY, pptp.start_reply())

    def say(self, direction: Direction, data: bytes) -> bytes | None:
        """What leaves of a message; None when the connection ends with it."""
        source, destination = (self.client, SERVER) if direction is ORIGINAL else (SERVER, self.client)
        other = self.next[direction.opposite]
        sent = self.bench.send(source, destination, ACK | PSH, sequence=self.next[direction], ack=other, payload=data)
        self.next[direction] += len(data)
        assert sent.released is not None
        return None if sent.released[33] & 4 else sent.payload

    def call(self, own: int, called: int = CALLED) -> int:
        """A call that is up; its ID as the server was told it."""
        asked = self.say(ORIGINAL, pptp.outgoing_request(own))
        assert asked is not None
        known = int.from_bytes(asked[12:14], "big")
        assert self.say(REPLY, pptp.outgoing_reply(called, known)) == pptp.outgoing_reply(called, own)
        return known

    def gates(self) -> list[Gate]:
        """Those that lead to the client or are for its packets."""
        return [
            gate for gate in self.bench.kernel.gates.values() if self.client.address in (gate.inside.address, gate.peer)
        ]


class Two:
    """Both with a call to one server, behind one address."""

    def __init__(self) -> None:
        self.bench = Bench(descriptor=replace(DESCRIPTOR, name="ftp"))
        self.victim = Connection(self.bench, CLIENT)
        self.attacker = Connection(self.bench, Endpoint(packed("10.0.0.66"), 1000))
        self.known = self.victim.call(VICTIM)
        self.known_too = self.attacker.call(ATTACKER)


@pytest.fixture
def two() -> Two:
    return Two()


def test_each_call_is_for_its_own_parties(two: Two) -> None:
    """The server says the same ID to both: its gates differ by whose packets they are for."""
    assert two.known != two.known_too
    inside, outside = ([gate.inside for gate in each.gates()] for each in (two.victim, two.attacker))
    assert inside == [Endpoint(CLIENT.address, VICTIM), Endpoint(SERVER.address, CALLED)]
    assert outside == [Endpoint(two.attacker.client.address, ATTACKER), Endpoint(SERVER.address, CALLED)]
    peers = [gate.peer for each in (two.victim, two.attacker) for gate in each.gates()]
    assert peers == [SERVER.address, CLIENT.address, SERVER.address, two.attacker.client.address]


def test_messages_about_anothers_call(two: Two) -> None:
    """From either side of the attacker's connection, under every ID by which the call has a name."""
    before = two.victim.gates()
    for own in (VICTIM, two.known):
        for direction in (ORIGINAL, REPLY):
            for make in (pptp.link_info, pptp.wan_error, pptp.incoming_connected, pptp.clear_request, pptp.disconnect):
                assert two.attacker.say(direction, make(own)) == make(own)
    assert two.victim.gates() == before
    assert (len(two.attacker.gates()), two.bench.count("unknown-call")) == (2, 20)


def test_a_reply_about_anothers_call(two: Two) -> None:
    before = two.victim.gates()
    assert two.attacker.say(REPLY, pptp.outgoing_reply(9, two.known)) is None
    assert two.victim.gates() == before
    assert not two.attacker.gates()
    assert (two.bench.count("unasked-reply"), two.bench.count("session-resets")) == (1, 1)


@pytest.mark.parametrize("reply", [pptp.outgoing_reply(9, 1), pptp.incoming_reply(9, 1)])
@pytest.mark.parametrize("direction", [ORIGINAL, REPLY])
def test_a_reply_to_no_request_opens_nothing(two: Two, direction: Direction, reply: bytes) -> None:
    opened = two.bench.count("gates-opened")
    assert two.attacker.say(direction, reply) is None
    assert two.bench.count("gates-opened") == opened
    assert len(two.victim.gates()) == 2


def test_requests_without_end_take_no_more_than_a_share(two: Two) -> None:
    """Of the gates of one connection; the victim goes on calling."""
    for own in range(100, 120):
        two.attacker.say(ORIGINAL, pptp.outgoing_request(own))
    limit = two.bench.engine.keeper.limits.per_session
    assert len(two.attacker.gates()) == limit
    assert two.bench.count("refused-gate") == 20 - (limit - 2)
    two.victim.call(9, CALLED + 1)
    assert len(two.victim.gates()) == 4


def test_the_end_of_one_ends_none_of_the_other(two: Two) -> None:
    before = two.victim.gates()
    two.attacker.say(ORIGINAL, pptp.stop_request())
    assert not two.attacker.gates()
    assert two.victim.gates() == before
    assert two.victim.say(REPLY, pptp.link_info(two.known)) == pptp.link_info(VICTIM)
