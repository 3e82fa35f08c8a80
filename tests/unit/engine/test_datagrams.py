"""Sessions of datagrams: each for itself, until they are over or silent, also past the end of their worker."""

from __future__ import annotations

import pytest

from applianced.compiler.marks import AWAITED_S, OPENING, SLOT_SHIFT, UNTOUCHED
from applianced.engine.gatekeeper import GateLimits
from applianced.engine.table import GRACE_S
from applianced.model.tuples import UDP, Endpoint, FlowTuple, packed
from tests.support import engine
from tests.support.datagrams import CLIENT, FORGETFUL, FRESH, OUTSIDE_PORT, SERVER, DatagramBench, bench_of, octets
from tests.support.engine import PUBLIC, Packet, Settings

FLOW = FlowTuple(UDP, CLIENT, SERVER)
SILENCE_S = 30.0


@pytest.fixture
def bench() -> DatagramBench:
    return bench_of()


def payload_of(packet: Packet) -> bytes:
    assert packet.released is not None
    return packet.released[28:]


def test_the_first_datagram_takes_a_slot(bench: DatagramBench) -> None:
    packet = bench.say(b"hello")
    (session,) = bench.engine.live()
    assert session.control.tuple == FLOW
    assert packet.mark >> SLOT_SHIFT == session.slot
    assert packet.released == packet.raw
    answer = bench.answer(b"welcome")
    assert answer.released == answer.raw
    assert (bench.count("sessions"), bench.count("packets"), session.messages) == (1, 2, 2)


def test_a_datagram_that_follows_before_the_first_has_its_mark_is_of_the_same_session(bench: DatagramBench) -> None:
    bench.say(b"one")
    bench.say(b"two", mark=FRESH)
    bench.answer(b"three", mark=FRESH)
    (session,) = bench.engine.live()
    assert session.messages == 3


def test_plain_datagrams_ask_for_no_action(bench: DatagramBench) -> None:
    bench.say(b"plain words")
    assert bench.engine.live()[0].alg.snapshot() == (0, 0)


def test_the_own_endpoint_is_bound_to_what_nat_made_of_it(bench: DatagramBench) -> None:
    packet = bench.say(b"open")
    outside = Endpoint(PUBLIC, OUTSIDE_PORT)
    assert payload_of(packet) == str(outside).encode()
    (gate,) = bench.kernel.gates.values()
    assert (gate.protocol, gate.peer, gate.inside, gate.outside) == (UDP, SERVER.address, CLIENT, outside)
    assert not bench.ports.held
    bench.engine.abandon(bench.engine.live()[0], bench.now)
    assert not bench.kernel.gates
    assert not bench.ports.given, "no port was taken, so none is given back"


def test_a_gate_for_another_peer_than_the_other_party(bench: DatagramBench) -> None:
    """Media of a proxied call; its port rests when the gate closes, since a mapping of UDP may go on."""
    third = packed("198.51.100.7")
    bench.say(b"media " + third)
    (gate,) = bench.kernel.gates.values()
    assert (gate.peer, gate.inside, gate.one_shot, gate.source) == (third, CLIENT._replace(port=6000), False, b"")
    assert (gate.outside.address, gate.outside.port in bench.ports.held) == (PUBLIC, True)
    bench.say(b"close %d" % gate.number)
    assert bench.ports.given == [(gate.outside.port, False)]


def test_the_gate_of_an_answer_is_opened_by_the_kernel_as_the_datagram_leaves(bench: DatagramBench) -> None:
    """NAT has not decided yet: conntrack is not asked, the packet's mark says what to do."""
    bench.kernel.knows = False
    packet = bench.say(b"await")
    (gate,) = bench.keeper.gates.values()
    assert payload_of(packet) == str(gate.number).encode()
    assert packet.mark & OPENING
    assert (gate.protocol, gate.peer, gate.inside, gate.one_shot) == (UDP, SERVER.address, CLIENT, True)
    assert not bench.kernel.gates
    assert not bench.say(b"hello").mark & OPENING
    assert bench.count("gates-opened") == 1


def test_an_awaited_gate_is_renewed(bench: DatagramBench) -> None:
    bench.say(b"await")
    (gate,) = bench.keeper.gates.values()
    bench.now += AWAITED_S - 1
    packet = bench.say(b"await")
    assert payload_of(packet) == str(gate.number).encode()
    assert packet.mark & OPENING
    bench.engine.tick(bench.now + AWAITED_S - 1)
    assert bench.keeper.gates
    bench.engine.tick(bench.now + AWAITED_S)
    assert not bench.keeper.gates
    assert (bench.count("gates-opened"), bench.count("gates-renewed"), bench.count("gates-expired")) == (1, 1, 1)
    assert not bench.kernel.closed, "the kernel has let go of it by itself"


def test_an_awaited_gate_that_closes_early_is_taken_out_of_the_kernel(bench: DatagramBench) -> None:
    bench.say(b"await")
    (gate,) = bench.keeper.gates.values()
    bench.say(b"close %d" % gate.number)
    (closed,) = bench.kernel.closed
    assert (closed.inside, closed.outside) == (CLIENT, Endpoint(PUBLIC, OUTSIDE_PORT))


def test_an_awaited_gate_ends_with_a_shorter_gate_timeout(bench: DatagramBench) -> None:
    bench.start(GateLimits(lifetime_s=3))
    bench.say(b"await")
    bench.engine.tick(bench.now + 3)
    assert len(bench.kernel.closed) == 1


def test_limits_hold_for_awaited_gates(bench: DatagramBench) -> None:
    bench.start(GateLimits(per_source=1))
    bench.say(b"await")
    packet = bench.say(b"await", client=Endpoint(CLIENT.address, 1001))
    assert payload_of(packet) == b"None"
    assert not packet.mark & OPENING
    assert bench.count("gates-refused-source") == 1


def test_what_is_refused_is_dropped_and_the_session_goes_on(bench: DatagramBench) -> None:
    assert bench.say(b"refuse").dropped
    assert bench.count("packets-refused") == 1
    assert bench.say(b"hello").released


def test_a_fault_of_the_peer_passes_as_it_is(bench: DatagramBench) -> None:
    packet = bench.say(b"bad")
    assert packet.released == packet.raw
    assert bench.count("nonsense") == 1
    assert not packet.mark & UNTOUCHED
    assert payload_of(bench.say(b"open")) != b"open"


def test_what_is_left_passes_behind_what_was_dropped(bench: DatagramBench) -> None:
    assert payload_of(bench.say(b"half of it")) == b"lf of it"


def test_growth_that_cannot_arrive_is_refused() -> None:
    bench = bench_of()
    client, server = Endpoint(packed("fd00::1"), 1000), Endpoint(packed("2001:db8::1"), 69)
    flow = FlowTuple(UDP, client, server)
    assert bench.pass_on(octets(client, server, b"grow 1400"), flow, None).released
    assert bench.pass_on(octets(client, server, b"grow 1500"), flow, None).dropped
    assert bench.count("growth-refused") == 1


def test_over_ends_the_session_unless_another_datagram_comes(bench: DatagramBench) -> None:
    bench.say(b"over")
    bench.now += GRACE_S / 2
    bench.say(b"hello")
    bench.now += GRACE_S
    bench.engine.settle(bench.now)
    assert len(bench.engine.live()) == 1
    assert bench.answer(b"over").released
    bench.now += GRACE_S / 2
    bench.engine.settle(bench.now)
    assert len(bench.engine.live()) == 1
    bench.now += GRACE_S
    bench.engine.settle(bench.now)
    assert not bench.engine.live()
    assert bench.kernel.forgotten == [FLOW]
    assert bench.count("sessions-over") == 1


def test_what_is_refused_does_not_keep_a_session_alive(bench: DatagramBench) -> None:
    bench.say(b"over")
    bench.now += GRACE_S
    bench.say(b"refuse")
    bench.engine.settle(bench.now)
    assert not bench.engine.live()


def test_slots_of_sessions_that_are_over_are_taken_when_there_is_no_other(bench: DatagramBench) -> None:
    for number in range(bench.slots):
        bench.say(b"over", client=Endpoint(CLIENT.address, 2000 + number))
    bench.say(b"hello", client=Endpoint(CLIENT.address, 3000))
    assert not bench.count("sessions-refused")
    assert [session.control.tuple.source.port for session in bench.engine.live()] == [3000]


def test_more_sessions_than_slots_pass_untouched(bench: DatagramBench) -> None:
    for number in range(bench.slots):
        bench.say(b"hello", client=Endpoint(CLIENT.address, 2000 + number))
    packet = bench.say(b"open", client=Endpoint(CLIENT.address, 3000))
    assert packet.released == packet.raw
    assert packet.mark & UNTOUCHED
    assert bench.count("sessions-refused") == 1


def test_a_silent_session_makes_way_for_another(bench: DatagramBench) -> None:
    for number in range(bench.slots):
        bench.say(b"await", client=Endpoint(CLIENT.address, 2000 + number))
        bench.now += 0.5
    bench.say(b"hello", client=Endpoint(CLIENT.address, 2000))
    assert bench.say(b"await", client=Endpoint(CLIENT.address, 3000)).mark & OPENING
    ports = {session.control.tuple.source.port for session in bench.engine.live()}
    assert ports == {2000, *range(2002, 2000 + bench.slots), 3000}, "the one that was silent for longest"
    assert len(bench.keeper.gates) == bench.slots
    assert (bench.count("sessions-crowded-out"), bench.count("sessions-refused")) == (1, 0)
    assert not bench.kernel.closed, "the kernel closes what it opened in a moment"


def test_silence_ends_a_session_when_its_gates_have_closed(bench: DatagramBench) -> None:
    bench.start(GateLimits(lifetime_s=45))
    bench.say(b"open")
    bench.engine.tick(bench.now + SILENCE_S + 1)
    assert len(bench.engine.live()) == 1
    bench.engine.tick(bench.now + 46)
    bench.engine.tick(bench.now + 46 + SILENCE_S)
    assert not bench.engine.live()
    assert bench.count("sessions-silent") == 1
    assert not bench.kernel.forgotten, "conntrack's own timeout does it"


def test_a_session_that_is_not_silent_stays(bench: DatagramBench) -> None:
    for _ in range(4):
        bench.say(b"hello")
        bench.now += SILENCE_S - 1
        bench.engine.tick(bench.now)
    assert len(bench.engine.live()) == 1


def test_the_conntrack_entry_of_a_session_that_is_not_kept_ends_with_its_silence() -> None:
    """An answer that comes later would meet nobody who knows what was asked."""
    bench = bench_of(FORGETFUL)
    bench.say(b"hello")
    bench.engine.tick(bench.now + SILENCE_S + 1)
    assert bench.kernel.forgotten == [FLOW]


def test_a_session_outlives_its_worker_with_its_gate(bench: DatagramBench) -> None:
    bench.say(b"open")
    (gate,) = bench.kernel.gates.values()
    assert bench.start() == 1
    (session,) = bench.engine.live()
    assert (session.control.tuple, session.gates) == (FLOW, {gate.number: gate})
    assert bench.count("sessions-resumed") == 1


def test_an_awaited_gate_outlives_its_worker(bench: DatagramBench) -> None:
    bench.say(b"await")
    (gate,) = bench.keeper.gates.values()
    assert bench.start() == 1
    assert bench.keeper.gates == {gate.number: gate}
    assert payload_of(bench.say(b"await")) == str(gate.number).encode()


def test_a_session_that_is_not_kept_begins_anew() -> None:
    bench = bench_of(FORGETFUL)
    bench.say(b"open")
    assert bench.start() == 0
    late = bench.answer(b"to nobody")
    assert late.released == late.raw
    assert bench.count("sessions-unknown") == 1
    assert not bench.engine.live()
    assert not late.mark & UNTOUCHED
    bench.say(b"again")
    assert [session.control.tuple for session in bench.engine.live()] == [FLOW]


def test_a_stale_slot_of_another_session(bench: DatagramBench) -> None:
    mark = bench.say(b"hello").mark
    other = Endpoint(CLIENT.address, 1001)
    bench.say(b"hello", client=other, mark=mark)
    assert [session.messages for session in bench.engine.live()] == [1, 1]


def test_a_segment_on_the_slot_of_a_datagram_session(bench: DatagramBench) -> None:
    mark = bench.say(b"hello").mark
    segment = Packet(engine.octets(engine.CLIENT, engine.SERVER), mark)
    bench.engine.handle(segment, bench.now)
    assert segment.mark & UNTOUCHED
    assert bench.count("sessions-unknown") == 1


@pytest.mark.parametrize("raw", [b"", b"\x45", octets(CLIENT, SERVER, b"x")[:27], b"\x60" + bytes(50)])
def test_what_is_no_datagram_is_dropped(bench: DatagramBench, raw: bytes) -> None:
    packet = Packet(raw, bench.say(b"hello").mark)
    bench.engine.handle(packet, bench.now)
    assert packet.dropped
    assert bench.count("malformed-packet") == 1


def test_an_alg_that_is_disabled_reads_no_more(bench: DatagramBench) -> None:
    bench.say(b"open")
    bench.engine.configure({}, GateLimits(), 65536, bench.now)
    assert not bench.kernel.gates
    packet = bench.say(b"open")
    assert packet.released == packet.raw
    assert packet.mark & UNTOUCHED


def test_sessions_keep_their_settings(bench: DatagramBench) -> None:
    bench.say(b"hello")
    alg = bench.engine.live()[0].alg
    bench.engine.configure({"tftp": Settings(shout=True)}, GateLimits(), 65536, bench.now)
    assert bench.engine.live()[0].alg is alg
