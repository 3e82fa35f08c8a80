"""PPTP control connections, whatever comes: no octet lost, no length changed, no gate left, any split alike."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.actions import CloseGate, Note, OpenGate, Pass, Rewrite
from applianced.alg.pptp import DESCRIPTOR, ControlConnection, PptpSettings
from applianced.alg.pptp.calls import MOST, OVER_MOST
from applianced.alg.pptp.messages import LENGTHS, Kind, first_of
from applianced.engine.checkpoint import ALG_OCTETS
from applianced.engine.gatekeeper import LASTING_S, GateLimits
from applianced.errors import ProtocolError
from applianced.model.tuples import GRE, ORIGINAL, REPLY, Direction, Endpoint, packed
from applianced.packet.segment import ACK, PSH, SYN
from tests.alg.test_cases import FOLDERS
from tests.support import pptp
from tests.support.dialog import Case, Player, Step, control_session
from tests.support.engine import CLIENT, PUBLIC, SERVER, Bench
from tests.support.soak import rounds

HOST, PEER, OUTSIDE = "10.0.0.2", "198.51.100.1", "203.0.113.1"
STARTED: list[Step] = [(ORIGINAL, pptp.start_request()), (REPLY, pptp.start_reply())]
parties = st.sampled_from([ORIGINAL, REPLY])
ids = st.sampled_from([0, 1, 2, 50001, 50002])
results = st.sampled_from([1, 1, 1, 2])
one_id: Sequence[Callable[[int], bytes]] = (
    pptp.outgoing_request,
    pptp.incoming_request,
    pptp.incoming_connected,
    pptp.clear_request,
    pptp.disconnect,
    pptp.wan_error,
    pptp.link_info,
)
messages = st.one_of(
    st.builds(lambda make, call: make(call), st.sampled_from(one_id), ids),
    st.builds(pptp.outgoing_reply, ids, ids, results),
    st.builds(pptp.incoming_reply, ids, ids, results),
    st.builds(lambda make: make(), st.sampled_from([pptp.echo_request, pptp.echo_reply, pptp.stop_request])),
)
steps = st.lists(st.tuples(parties, messages), max_size=12)
odd = st.lists(st.tuples(parties, messages | st.binary(max_size=40)), max_size=8)


def player(*, translated: bool = True, gates: int | None = None) -> Player:
    session = control_session(HOST, PEER, server_port=1723)
    translation = {packed(HOST): packed(OUTSIDE)} if translated else {}
    alg = ControlConnection(PptpSettings(), session)
    return Player(alg, DESCRIPTOR.events, translation, gates=gates, session=session)


def noted(played: Player) -> list[str]:
    return [action.event for _, action, _ in played.log if isinstance(action, Note)]


def asked_by(played: Player) -> list[Any]:
    """All actions but those that pass octets, with their replies."""
    return [entry for entry in played.log if not isinstance(entry[1], Pass)]


@given(odd, st.booleans(), st.sampled_from([None, 0, 1, 2]))
def test_any_dialog(dialog: list[Step], translated: bool, gates: int | None) -> None:
    played = player(translated=translated, gates=gates)
    sent = {ORIGINAL: b"", REPLY: b""}
    for direction, data in STARTED + dialog:
        played.feed(direction, data)
        sent[direction] += data
    for direction, octets in sent.items():
        assert len(played.sent(direction)) + len(played.waiting[direction]) <= len(octets)
        assert played.reset() or len(played.sent(direction) + played.waiting[direction]) == len(octets)
    rewrites = [action for _, action, _ in played.log if isinstance(action, Rewrite)]
    assert all(rewrite.octets == len(rewrite.replacement) for rewrite in rewrites)
    opened = [action for _, action, _ in played.log if isinstance(action, OpenGate)]
    own = {ORIGINAL: packed(HOST), REPLY: packed(PEER)}
    assert all(gate.inside.address == own[gate.speaker] and gate.protocol == GRE for gate in opened)
    closed = [action.gate for _, action, _ in played.log if isinstance(action, CloseGate)]
    assert len(closed) == len(set(closed)) == played.numbers - len(played.open)
    if not played.reset() and not played.waiting[ORIGINAL]:
        played.feed(ORIGINAL, pptp.stop_request())
        assert not played.open


@given(odd, st.data())
def test_any_split_is_alike(dialog: list[Step], data: st.DataObject) -> None:
    whole, cut = player(), player()
    for direction, octets in STARTED + dialog:
        whole.feed(direction, octets)
        rest = octets
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            cut.feed(direction, rest[:size])
            rest = rest[size:]
    assert asked_by(whole) == asked_by(cut)
    if not whole.reset():
        assert [whole.sent(each) for each in (ORIGINAL, REPLY)] == [cut.sent(each) for each in (ORIGINAL, REPLY)]


@given(steps, st.integers(0, 12))
def test_a_restart_anywhere_changes_nothing(dialog: list[Step], at: int) -> None:
    whole, cut = player(), player()
    for number, (direction, data) in enumerate(STARTED + dialog):
        if number == at:
            saved = marshal.loads(marshal.dumps(cut.alg.snapshot(), 2))
            cut.alg = ControlConnection(PptpSettings(), cut.session)  # type: ignore[arg-type]
            cut.alg.restore(saved)
        whole.feed(direction, data)
        cut.feed(direction, data)
    assert whole.log == cut.log
    assert whole.alg.snapshot() == cut.alg.snapshot()


@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    event, found = "", None
    try:
        found = first_of(octets)
    except ProtocolError as error:
        event = error.event
    assert not event or event in DESCRIPTOR.violations
    assert found is None or len(found.octets) == LENGTHS[found.kind]


def test_every_kind_is_an_event_and_occurs_in_a_case() -> None:
    played = [Case.load(folder).play(DESCRIPTOR) for folder in FOLDERS if folder.parent.name == "pptp"]
    seen = {event for each in played for event in noted(each)}
    assert seen | {"too-many-calls"} == set(DESCRIPTOR.events)
    assert {kind.event for kind in Kind} <= seen


def fed(*dialog: Step) -> Player:
    played = player()
    for direction, data in STARTED + list(dialog):
        played.feed(direction, data)
    return played


def test_calls_without_end() -> None:
    """More than one connection may have end it; those that are over make room."""
    played = fed(*((ORIGINAL, pptp.outgoing_request(call)) for call in range(MOST)))
    assert len(played.open) == MOST
    played.feed(ORIGINAL, pptp.outgoing_request(MOST))
    assert noted(played)[-1] == "too-many-calls"
    assert played.reset()


def test_calls_that_nobody_disconnects_are_forgotten() -> None:
    played = fed(
        *((ORIGINAL, make(call)) for call in range(200) for make in (pptp.outgoing_request, pptp.clear_request))
    )
    assert not played.open
    assert len(marshal.dumps(played.alg.snapshot(), 2)) < 40 * (OVER_MOST + 3)
    played.feed(REPLY, pptp.disconnect(199))
    assert noted(played)[-1] == "unknown-call"


def test_a_checkpoint_holds_sixty_calls() -> None:
    played = fed(*((ORIGINAL, pptp.outgoing_request(call)) for call in range(60)))
    assert len(marshal.dumps(played.alg.snapshot(), 2)) <= ALG_OCTETS


@pytest.mark.parametrize("data", [b"", b"\0", pptp.echo_request()[:11]])
def test_nothing_leaves_before_it_is_whole(data: bytes) -> None:
    alg = player().alg
    assert alg.plain(ORIGINAL, data) == 0
    assert alg.urge(ORIGINAL, data) == 0


# Through the engine

WEEK_S = 7 * 86400


class Connected:
    """A control connection through the engine, with a call whose gates are open."""

    def __init__(self) -> None:
        # The number of its ALG is of no interest: the packets of this bench are marked as of FTP.
        self.bench = Bench(descriptor=replace(DESCRIPTOR, name="ftp"))
        self.next = {ORIGINAL: 1, REPLY: 1}
        self.bench.send(CLIENT, SERVER, SYN, sequence=0)
        self.bench.send(SERVER, CLIENT, SYN | ACK, sequence=0, ack=1)

    def say(self, direction: Direction, data: bytes) -> bytes:
        """What leaves of a message."""
        source, destination = (CLIENT, SERVER) if direction is ORIGINAL else (SERVER, CLIENT)
        other = self.next[direction.opposite]
        sent = self.bench.send(source, destination, ACK | PSH, sequence=self.next[direction], ack=other, payload=data)
        self.next[direction] += len(data)
        return sent.payload

    def call(self) -> None:
        for direction, data in STARTED:
            self.say(direction, data)
        assert self.say(ORIGINAL, pptp.outgoing_request(7)) == pptp.outgoing_request(50001)
        assert self.say(REPLY, pptp.outgoing_reply(0, 50001)) == pptp.outgoing_reply(0, 7)


def test_both_ways_of_a_call() -> None:
    connected = Connected()
    connected.call()
    towards_client, towards_server = connected.bench.kernel.gates.values()
    assert (towards_client.inside, towards_client.outside) == (Endpoint(CLIENT.address, 7), Endpoint(PUBLIC, 50001))
    assert (towards_client.peer, towards_client.source) == (SERVER.address, b"")
    assert (towards_server.inside, towards_server.outside) == (Endpoint(SERVER.address, 0),) * 2
    assert (towards_server.peer, towards_server.source) == (CLIENT.address, PUBLIC)
    assert {gate.account for gate in (towards_client, towards_server)} == {CLIENT.address}
    connected.say(ORIGINAL, pptp.clear_request(7))
    assert not connected.bench.kernel.gates
    assert connected.bench.ports.given == [(50001, False)]


def test_gates_last_as_long_as_their_session() -> None:
    connected = Connected()
    bench = connected.bench
    connected.call()
    for _ in range(rounds(20)):
        bench.now += LASTING_S / 3
        bench.engine.tick(bench.now)
    assert all(gate.expires_s > bench.now for gate in bench.kernel.gates.values())
    assert len(bench.kernel.gates) == 2
    bench.kernel.knows = False
    bench.now += LASTING_S
    bench.engine.tick(bench.now)
    assert not bench.kernel.gates, "nobody saw the end of the session"


def test_a_worker_that_was_away_for_long_goes_on() -> None:
    """Also when its successor comes after the gates have expired in the kernel."""
    connected = Connected()
    bench = connected.bench
    connected.call()
    bench.now += WEEK_S
    assert bench.start() == 1
    bench.engine.tick(bench.now)
    assert [gate.expires_s for gate in bench.kernel.gates.values()] == [bench.now + LASTING_S] * 2
    assert connected.say(REPLY, pptp.link_info(50001)) == pptp.link_info(7)
    connected.say(REPLY, pptp.disconnect(0))
    assert not bench.kernel.gates


def test_limits() -> None:
    """A call takes two gates from the share of the client, whose session it is; one that gets none is declined."""
    connected = Connected()
    bench = connected.bench
    bench.engine.keeper.limits = GateLimits(per_source=2)
    connected.call()
    connected.say(ORIGINAL, pptp.outgoing_request(8))
    reply = connected.say(REPLY, pptp.outgoing_reply(1, 8))
    assert reply[:20] == pptp.outgoing_reply(1, 8, 2)[:17] + b"\4\0\0"
    assert (bench.count("gates-refused-source"), bench.count("refused-gate")) == (1, 1)


def test_what_breaks_the_protocol_resets_the_session() -> None:
    connected = Connected()
    connected.call()
    packet = connected.bench.send(CLIENT, SERVER, ACK | PSH, sequence=connected.next[ORIGINAL], payload=b"nonsense")
    assert packet.released is not None
    assert packet.released[33] & 4, "a reset"
    assert not connected.bench.kernel.gates
    assert (connected.bench.count("bad-cookie"), connected.bench.count("session-resets")) == (1, 1)
