"""What protocols of several parties ask of the engine: bindings, media, what sessions share, time, NAT."""

from __future__ import annotations

import pytest

from applianced.compiler.marks import (
    AFTER_NAT,
    ALG_NUMBERS,
    CONTROL,
    DATA,
    DSCP_SET,
    DSCP_SHIFT,
    PUBLISHED,
    SLOT_SHIFT,
    UNEXPECTED,
    UNTOUCHED,
)
from applianced.engine.bindings import Board
from applianced.engine.gatekeeper import GateLimits
from applianced.engine.kernel import Translation
from applianced.model.media import ControlGate, MediaGate, gate_of
from applianced.model.tuples import UDP, Endpoint, FlowTuple, packed
from tests.support.callers import DESCRIPTOR, PORT, CallerAlg, Calls
from tests.support.datagrams import OUTSIDE_PORT, DatagramBench, DatagramKernel, octets
from tests.support.engine import PUBLIC, Packet

CLIENT = Endpoint(packed("10.0.0.1"), 1000)
SERVER = Endpoint(packed("192.0.2.1"), PORT)
FRESH = ALG_NUMBERS["sip"] | CONTROL
FLOW = FlowTuple(UDP, CLIENT, SERVER)
FAR = "192.0.2.9:6000"
OWN = "10.0.0.1:4000"


class CallBench(DatagramBench):
    """Says words; answers are words."""

    def word(self, said: str, client: Endpoint = CLIENT) -> str:
        """What a client's word leaves as; '' when it does not."""
        return self._left(self.pass_on(octets(client, SERVER, said.encode()), FlowTuple(UDP, client, SERVER), None))

    def reply(self, said: str, client: Endpoint = CLIENT) -> str:
        return self._left(self.pass_on(octets(SERVER, client, said.encode()), FlowTuple(UDP, client, SERVER), None))

    def pass_on(self, raw: bytes, flow: FlowTuple, mark: int | None) -> Packet:
        return super().pass_on(raw, flow, self.marks.get(flow, FRESH) if mark is None else mark)

    @staticmethod
    def _left(packet: Packet) -> str:
        return packet.released[28:].decode() if packet.released is not None else ""

    def later(self, seconds: float) -> None:
        """Time passes, and the worker's loop goes round."""
        self.now += seconds
        self.engine.tick(self.now)
        while self.engine.turn(self.now):
            pass

    @property
    def alg(self) -> CallerAlg:
        (session,) = self.engine.live()
        assert isinstance(session.alg, CallerAlg)
        return session.alg

    @property
    def media(self) -> list[MediaGate]:
        return [gate for gate in self.kernel.gates.values() if isinstance(gate, MediaGate)]


@pytest.fixture
def bench() -> CallBench:
    return bench_of()


def bench_of(**more: object) -> CallBench:
    return CallBench(kernel=DatagramKernel(), descriptor=DESCRIPTOR, **more)  # type: ignore[arg-type]


def opened(bench: CallBench, call: str = "a", more: str = "") -> tuple[str, list[int]]:
    """A call with media: what the client is known as, and the numbers of its gates."""
    outside = bench.word(f"offer {OWN}").split()[1]
    answer = bench.word(f"open {call} {OWN} {outside} {FAR} {more}").split()
    return outside, [int(number) for number in answer[1:]]


def following(end: str) -> Endpoint:
    host, _, port = end.partition(":")
    return Endpoint(packed(host), int(port) + 1)


# ----- bindings


def test_a_pair_begins_with_an_even_port_and_is_held(bench: CallBench) -> None:
    outside = bench.word(f"offer {OWN}").split()[1]
    port = int(outside.rpartition(":")[2])
    assert port % 2 == 0
    assert {port, port + 1} <= bench.ports.held
    assert bench.word(f"offer {OWN}") == f"offer {outside}", "said again, the same"
    assert bench.word(f"single {OWN}") == f"single {outside}", "which serves for one port too"
    assert bench.count("bindings-held") == 1
    assert not bench.ports.given
    bench.word(f"drop {outside}")
    assert bench.ports.given == [(port, True), (port + 1, True)]
    bench.word(f"drop {outside}")
    assert len(bench.ports.given) == 2


def test_a_single_one_gives_way_to_a_pair(bench: CallBench) -> None:
    single = bench.word(f"single {OWN}").split()[1]
    pair = bench.word(f"offer {OWN}").split()[1]
    assert pair != single
    assert bench.ports.given == [(int(single.rpartition(":")[2]), True)]


def test_no_pair_left_is_counted(bench: CallBench) -> None:
    bench.ports.left = 1
    assert bench.word(f"offer {OWN}") == "offer -"
    assert bench.count("bindings-refused") == 1
    assert not bench.ports.held


def test_the_end_of_the_session_gives_back_what_it_holds(bench: CallBench) -> None:
    bench.word(f"offer {OWN}")
    bench.engine.abandon(bench.engine.live()[0], bench.now)
    assert not bench.ports.held


def test_the_end_that_is_the_partys_own_takes_no_port(bench: CallBench) -> None:
    assert bench.word(f"single {CLIENT}") == f"single 203.0.113.1:{OUTSIDE_PORT}"
    assert not bench.ports.held


def test_a_routed_party_is_known_as_it_is(bench: CallBench) -> None:
    bench.kernel.public = CLIENT.address
    assert bench.word(f"offer {OWN}") == f"offer {OWN}"


def test_whom_an_outside_endpoint_stands_for(bench: CallBench) -> None:
    outside = bench.word(f"offer {OWN}").split()[1]
    second = following(outside)
    other = CLIENT._replace(port=1001)
    assert bench.word(f"who {outside}", client=other) == f"who {OWN}"
    assert bench.word(f"who {second}", client=other) == "who 10.0.0.1:4001"
    assert bench.word(f"who 203.0.113.1:{OUTSIDE_PORT}", client=other) == f"who {other}", "its own end"
    assert bench.word("who 203.0.113.1:9") == "who -"


def test_another_workers_binding_is_seen() -> None:
    memory = bytearray(Board.octets(64))
    first = bench_of()
    first.board = memory
    first.start()
    second = bench_of(others=(Board(memoryview(memory)),))
    outside = first.word(f"offer {OWN}").split()[1]
    assert second.word(f"who {outside}") == f"who {OWN}"
    assert second.word(f"who {following(outside)}") == "who 10.0.0.1:4001"
    first.word(f"drop {outside}")
    assert second.word(f"who {outside}") == "who -"


# ----- media


def test_media_go_both_ways(bench: CallBench) -> None:
    outside, numbers = opened(bench, more="dscp 46 idle 30")
    rtp, rtcp = bench.media
    assert [rtp.number, rtcp.number] == numbers
    assert (str(rtp.inside), str(rtp.outside), rtp.peer) == (OWN, outside, packed("192.0.2.9"))
    assert rtp.own == (Endpoint(CLIENT.address, 4000), Endpoint(packed("192.0.2.9"), 6000))
    assert (rtcp.inside.port, rtcp.outside.port % 2) == (4001, 1)
    assert rtp.mark == DATA | ALG_NUMBERS["sip"] | DSCP_SET | 46 << DSCP_SHIFT | UNEXPECTED
    assert rtp.flow() == FlowTuple(UDP, Endpoint(packed("192.0.2.9"), 6000), rtp.outside)
    assert (rtp.idle_s, rtp.expires_s) == (30, bench.now + 30)
    assert (bench.count("media-opened"), bench.count("gates-opened"), bench.count("gates-any-peer")) == (2, 2, 0)


def test_media_may_be_closed_by_another_session(bench: CallBench) -> None:
    opened(bench)
    bench.word("close a", client=Endpoint(packed("10.0.0.2"), 1000))
    assert not bench.kernel.gates
    assert len(bench.kernel.closed) == 2
    assert not bench.engine.live()[0].gates
    assert bench.count("gates-closed") == 2


def test_a_binding_that_gates_lead_to_is_given_back_when_they_have_closed(bench: CallBench) -> None:
    """And only when the kernel was asked for what is left of their media."""
    outside, _ = opened(bench)
    bench.word(f"drop {outside}")
    assert not bench.ports.given
    bench.word("close a")
    assert not bench.ports.given
    bench.later(1)
    assert len(bench.ports.given) == 2
    assert bench.kernel.tidied


def test_an_unknown_far_end_is_counted(bench: CallBench) -> None:
    outside = bench.word(f"offer {OWN}").split()[1]
    bench.word(f"open a {OWN} {outside} - learn yes")
    assert [gate.peer for gate in bench.media] == [b"", b""]
    assert all(gate.learn and gate.flow() is None for gate in bench.media)
    assert bench.count("gates-any-peer") == 2
    bench.word(f"open a {OWN} {outside} - as 192.0.2.9:6000")
    assert bench.media[-1].known[1] == Endpoint(packed("192.0.2.9"), 6001)


def test_ends_that_do_not_fit_are_refused(bench: CallBench) -> None:
    assert bench.word(f"open a {OWN} {OWN} [2001:db8::1]:4000") == "open refused"
    assert bench.count("gates-refused-ends") == 1


def test_the_appliance_itself_is_no_party_to_media(bench: CallBench) -> None:
    bench.start(GateLimits(own_addresses=frozenset((packed("192.0.2.9"),))))
    outside = bench.word(f"offer {OWN}").split()[1]
    assert bench.word(f"open a {OWN} {outside} {FAR}") == "open refused"
    assert bench.count("gates-refused-self") == 1


@pytest.mark.parametrize("limits", [GateLimits(total=1), GateLimits(per_source=1)])
def test_all_of_a_message_or_none(bench: CallBench, limits: GateLimits) -> None:
    bench.start(limits)
    outside = bench.word(f"offer {OWN}").split()[1]
    assert bench.word(f"open a {OWN} {outside} {FAR}") == "open refused"
    assert not bench.keeper.gates
    assert not bench.engine.live()[0].gates


def test_a_session_may_have_as_many_as_its_protocol_says() -> None:
    bench = bench_of()
    bench.start(GateLimits(per_session=1))
    assert len(opened(bench)[1]) == 2


def test_the_kernels_refusal_leaves_nothing(bench: CallBench) -> None:
    bench.kernel.refuse_gates = True
    outside = bench.word(f"offer {OWN}").split()[1]
    assert bench.word(f"open a {OWN} {outside} {FAR}") == "open refused"
    assert bench.count("gates-refused-kernel") == 1
    assert not bench.keeper.gates


def test_media_that_move_close_what_was_before(bench: CallBench) -> None:
    outside, before = opened(bench)
    answer = bench.word(f"open a {OWN} {outside} 192.0.2.9:7000")
    assert [gate.number for gate in bench.media] == [int(number) for number in answer.split()[1:]]
    assert [gate.number for gate in bench.kernel.closed] == before


def test_silent_media_end_and_the_alg_is_told(bench: CallBench) -> None:
    _, (rtp, rtcp) = opened(bench, more="idle 10")
    bench.kernel.heard = {rtp: 5}
    bench.later(6)
    assert len(bench.media) == 2
    bench.later(6)
    assert not bench.media, "RTCP was silent, and the ALG closes the whole call"
    assert bench.alg.was_gone == [rtcp]
    assert bench.alg.calls.gates == {}
    assert (bench.count("gates-silent"), bench.count("silent")) == (1, 1)


def test_media_in_use_stay_and_are_entered_again(bench: CallBench) -> None:
    _, numbers = opened(bench, more="idle 100")
    entered: list[float] = []
    exchange = bench.kernel.exchange

    def watch(gates, closed, now):  # type: ignore[no-untyped-def]
        entered.extend(now for _ in gates)
        return exchange(gates, closed, now)

    bench.kernel.exchange = watch  # type: ignore[method-assign]
    for step in range(20):
        bench.kernel.heard = dict.fromkeys(numbers, step + 1)
        bench.later(50)
    assert len(bench.media) == 2
    assert bench.media[0].packets == 20
    assert 2 <= len(entered) <= 8, "the kernel keeps them 600 s"


def test_a_session_with_media_does_not_end_by_silence(bench: CallBench) -> None:
    opened(bench, more="idle 3000")
    bench.later(100)
    assert bench.engine.live()
    bench.word("close a")
    bench.later(100)
    assert bench.engine.live(), "it still holds the binding"
    (held,) = bench.engine.live()[0].held.values()
    bench.word(f"drop {held.outside}")
    bench.later(100)
    bench.later(100)
    assert not bench.engine.live()


# ----- control gates


def test_a_control_gate_marks_what_it_admits(bench: CallBench) -> None:
    assert bench.word(f"reach {CLIENT} 100") == f"reach 203.0.113.1:{OUTSIDE_PORT}"
    (gate,) = bench.kernel.gates.values()
    assert isinstance(gate, ControlGate)
    assert (gate.mark, gate.peer, gate.inside) == (FRESH, SERVER.address, CLIENT)
    assert gate.outside == Endpoint(PUBLIC, OUTSIDE_PORT)
    alg = bench.alg
    bench.later(101)
    assert not bench.kernel.gates
    assert (bench.count("gates-expired"), alg.was_gone) == (1, [gate.number])


def test_a_control_gate_with_a_port_of_its_own(bench: CallBench) -> None:
    outside = bench.word("reach 10.0.0.1:5062 100 any").split()[1]
    (gate,) = bench.kernel.gates.values()
    assert (gate.peer, str(gate.outside), gate.bound) == (b"", outside, True)
    assert bench.count("gates-any-peer") == 1


def test_a_refused_control_gate(bench: CallBench) -> None:
    bench.kernel.refuse_gates = True
    assert bench.word("reach 10.0.0.1:5062 100") == "reach refused"
    assert not bench.ports.held


# ----- time


def test_a_timed_alg_hears_of_every_second(bench: CallBench) -> None:
    bench.word("plain")
    for _ in range(3):
        bench.later(1)
    assert bench.alg.ticks == 3
    assert bench.word("time") == f"time {bench.now:.1f}"


def test_what_a_tick_asks_for_is_done_at_its_time(bench: CallBench) -> None:
    outside, _ = opened(bench)
    last_s = bench.engine.live()[0].last_s
    alg = bench.alg
    alg.at_tick = [alg._close(0, b"a"), alg._drop(0, outside.encode())]  # type: ignore[arg-type]
    bench.later(1)
    assert not bench.media
    assert bench.engine.live()[0].last_s == last_s, "no packet came"


def test_a_fault_in_a_tick_ends_nothing(bench: CallBench) -> None:
    bench.word("plain")
    alg = bench.alg
    alg.at_tick = [alg.datagram(0, b"unheard")]  # type: ignore[arg-type]
    bench.later(1)
    bench.later(1)
    assert (bench.count("nonsense"), alg.ticks) == (1, 2)


def test_a_session_that_is_not_read_any_further_has_its_ticks(bench: CallBench) -> None:
    """What it has opened must end some time."""
    outside, _ = opened(bench)
    alg = bench.alg
    bench.engine.live()[0].hand_over(keep_gates=True)
    assert bench.word("offer 10.0.0.1:4002") == "offer 10.0.0.1:4002"
    alg.at_tick = [alg._close(0, b"a"), alg._drop(0, outside.encode())]  # type: ignore[arg-type]
    bench.later(1)
    assert not bench.media


def test_a_session_is_kept(bench: CallBench) -> None:
    bench.word("keep 100")
    (session,) = bench.engine.live()
    assert not bench.kernel.kept, "its translation is not known yet"
    bench.later(1)
    assert bench.kernel.kept == [(session.translation, 99)]
    bench.later(1)
    assert len(bench.kernel.kept) == 1, "no packet has come since"
    bench.word("plain")
    bench.later(1)
    assert bench.kernel.kept[-1][1] == 97
    bench.later(60)
    assert bench.engine.live()
    bench.later(60)
    bench.later(60)
    assert not bench.engine.live()


# ----- behind source NAT


@pytest.fixture
def late(bench: CallBench) -> CallBench:
    bench.kernel.nat_decides_late = True
    bench.kernel.knows = False
    return bench


def behind(bench: CallBench, said: str, mark: int, outside: Endpoint, server: Endpoint = SERVER) -> Packet:
    packet = Packet(octets(outside, server, said.encode()), mark)
    bench.engine.handle(packet, bench.now)
    return packet


OUTSIDE = Endpoint(PUBLIC, 1777)


def test_the_first_datagram_is_judged_behind_nat(late: CallBench) -> None:
    packet = Packet(octets(CLIENT, SERVER, f"offer {OWN}".encode()), FRESH)
    late.engine.handle(packet, late.now)
    assert packet.released == packet.raw, "unjudged"
    assert packet.mark & AFTER_NAT == AFTER_NAT
    assert packet.mark >> SLOT_SHIFT
    again = behind(late, f"offer {OWN}", packet.mark, OUTSIDE)
    assert again.released is not None
    assert again.released[28:].startswith(b"offer 203.0.113.1:")
    assert again.mark == packet.mark & ~AFTER_NAT
    (session,) = late.engine.live()
    assert session.translation == Translation(FLOW, FlowTuple(UDP, SERVER, OUTSIDE))
    assert (late.count("judged-after-nat"), session.messages) == (1, 1)


def test_a_published_server_is_known_by_what_the_first_datagram_was_sent_to(late: CallBench) -> None:
    inside = Endpoint(packed("10.0.0.9"), PORT)
    caller = Endpoint(packed("192.0.2.7"), 5060)
    packet = Packet(octets(caller, inside, b"plain"), FRESH)
    late.engine.handle(packet, late.now)
    public = Endpoint(PUBLIC, 5060)
    late.kernel.sent_to[FlowTuple(UDP, caller, inside)] = public
    behind(late, f"who {public}", packet.mark | PUBLISHED, caller, inside)
    (session,) = late.engine.live()
    assert session.translation is not None
    assert session.translation.original == FlowTuple(UDP, caller, public)


def test_the_other_party_may_begin_anew(late: CallBench) -> None:
    """Conntrack's entry is gone, and the next is opened from outside: the session goes on with that."""
    packet = Packet(octets(CLIENT, SERVER, b"plain"), FRESH)
    late.engine.handle(packet, late.now)
    behind(late, "plain", packet.mark, OUTSIDE)
    back = Packet(octets(SERVER, CLIENT, b"plain"), FRESH)
    late.engine.handle(back, late.now)
    assert back.mark & AFTER_NAT == AFTER_NAT
    late.kernel.sent_to[FlowTuple(UDP, SERVER, CLIENT)] = Endpoint(PUBLIC, 1999)
    judged = behind(late, "plain", back.mark | PUBLISHED, SERVER, CLIENT)
    assert judged.released
    (session,) = late.engine.live()
    assert session.translation == Translation(FLOW, FlowTuple(UDP, SERVER, Endpoint(PUBLIC, 1999)))


def test_a_second_first_datagram_that_nat_treats_otherwise_is_dropped(late: CallBench) -> None:
    packets = [Packet(octets(CLIENT, SERVER, b"plain"), FRESH) for _ in range(2)]
    for packet in packets:
        late.engine.handle(packet, late.now)
    behind(late, "plain", packets[0].mark, OUTSIDE)
    late.kernel.knows = True
    assert behind(late, "plain", packets[1].mark, OUTSIDE._replace(port=1999)).dropped
    assert behind(late, "plain", packets[1].mark, OUTSIDE).released
    assert late.count("clashed") == 1


def test_what_comes_back_too_late_is_dropped(late: CallBench) -> None:
    packet = Packet(octets(CLIENT, SERVER, b"plain"), FRESH)
    late.engine.handle(packet, late.now)
    assert behind(late, "plain", packet.mark, OUTSIDE, SERVER._replace(port=9)).dropped
    late.engine.abandon(late.engine.live()[0], late.now)
    assert behind(late, "plain", packet.mark, OUTSIDE).dropped
    assert late.count("sessions-unknown") == 2


def test_a_session_that_was_handed_over_is_not_judged_again(late: CallBench) -> None:
    packet = Packet(octets(CLIENT, SERVER, b"plain"), FRESH)
    late.engine.handle(packet, late.now)
    late.engine.configure({}, GateLimits(), 65536, late.now)
    second = Packet(octets(CLIENT, SERVER, b"plain"), FRESH)
    late.engine.handle(second, late.now)
    assert second.mark & AFTER_NAT == UNTOUCHED


# ----- a worker's end


def test_a_call_outlives_its_worker(bench: CallBench) -> None:
    outside, numbers = opened(bench)
    bench.word(f"reach {CLIENT} 1000")
    bench.word("keep 5000")
    gates = dict(bench.kernel.gates)
    bench.now += 1
    assert bench.start() == 1
    assert {gate.number for gate in bench.kernel.adopted} == set(gates)
    assert {number: gate.plain for number, gate in bench.keeper.gates.items()} == {
        number: gate.plain for number, gate in gates.items() if not isinstance(gate, MediaGate)
    } | {number: gate.plain for number, gate in bench.keeper.gates.items() if isinstance(gate, MediaGate)}
    assert bench.alg.calls.gates == {"a": tuple(numbers)}
    assert bench.word(f"who {outside}") == f"who {OWN}"
    bench.later(1)
    assert bench.kernel.kept
    bench.word("close a")
    assert set(bench.kernel.gates) == set(gates) - set(numbers)
    bench.word(f"drop {outside}")
    bench.later(1)
    assert {port for port, _ in bench.ports.given} == {following(outside).port - 1, following(outside).port}


def test_what_belonged_to_a_session_that_is_lost_is_closed(bench: CallBench) -> None:
    opened(bench)
    bench.memory[:] = bytes(len(bench.memory))
    assert bench.start() == 0
    assert not bench.kernel.gates
    assert not bench.keeper.gates
    assert bench.start() == 0
    assert len(bench.kernel.adopted) == 2, "they are forgotten"


def test_gates_are_as_they_were() -> None:
    bench = bench_of()
    opened(bench, more="learn yes dscp 10")
    bench.word(f"reach {CLIENT} 1000")
    for gate in bench.kernel.gates.values():
        assert gate_of(gate.plain).plain == gate.plain
        assert type(gate_of(gate.plain)) is type(gate)


def test_knowledge_that_is_lost_together_is_listed(bench: CallBench) -> None:
    opened(bench, "b")
    shared = bench.engine.shared["sip"]
    assert isinstance(shared, Calls)
    assert shared.listing() == {"call": [{"name": "b", "gates": 2}]}
