"""ESP through an engine: awaited, admitted by SPI, idle, after a restart; and datagrams that wait. The ALG is the real
one."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from applianced.alg.ike_esp import DESCRIPTOR
from applianced.alg.ike_esp.spis import SURPLUS_MOST
from applianced.compiler.marks import ALG_NUMBERS, CONTROL, DATA, SLOT_SHIFT
from applianced.engine import waiting
from applianced.engine.gatekeeper import GateLimits
from applianced.engine.idleness import entered_for_s
from applianced.engine.kernel import Translation
from applianced.model.gates import Gate
from applianced.model.tuples import ESP, UDP, Endpoint, FlowTuple, packed
from tests.support.datagrams import octets
from tests.support.engine import PUBLIC, Bench, FakeKernel, Packet
from tests.support.ike import ALICE, BOB, CAROL, GATEWAY, auth, child, message, setup

FRESH = ALG_NUMBERS["ike-esp-nat"] | CONTROL
PEER = Endpoint(packed("198.51.100.1"), 500)
HOSTS = [Endpoint(packed(f"10.0.0.{number}"), 500) for number in (2, 3)]
IDLE_S, GATE_S, STATE_S = 1800, 5, 14400


def esp(source: bytes, destination: bytes, spi: int) -> bytes:
    """An ESP packet over IPv4 or IPv6."""
    body = struct.pack("!II", spi, 1) + b"\x5a" * 16
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(body), ESP, 64) + source + destination + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, ESP, 0)
    return head + source + destination + body


class IkeKernel(FakeKernel):
    """Source NAT stands between: the second host has another port outside."""

    routed = False

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        original = flow.reversed if flow.source == PEER else flow
        outside = Endpoint(self.public, 500 if original.source == HOSTS[0] else 7)
        reply = FlowTuple(UDP, PEER, original.source if self.routed else outside)
        return Translation(original, reply) if self.knows else None


class IkeBench(Bench):
    """An engine with the ALG."""

    def say(self, host: Endpoint, payload: bytes, *, answer: bool = False) -> Packet:
        """One datagram of the host's session."""
        flow = FlowTuple(UDP, host, PEER)
        source, destination = (PEER, host) if answer else (host, PEER)
        packet = Packet(octets(source, destination, payload), self.marks.get(flow, FRESH))
        self.engine.handle(packet, self.now)
        if packet.released is not None:
            self.marks[flow] = packet.mark
        return packet

    def both(self, host: Endpoint, pair: tuple[bytes, bytes]) -> None:
        for answer, payload in enumerate(pair):
            assert self.say(host, payload, answer=bool(answer)).released is not None

    def gate(self, **wanted: Any) -> Gate | None:
        """An open gate that has these fields."""
        found = self.kernel.gates.values()
        return next((gate for gate in found if all(getattr(gate, name) == wanted[name] for name in wanted)), None)

    def esp(self, source: bytes, destination: bytes, spi: int) -> Packet:
        """An ESP packet of which the kernel knows no more than that it is awaited."""
        awaited = self.gate(peer=source, outside=Endpoint(destination, 0))
        packet = Packet(esp(source, destination, spi), awaited.awaits if awaited else FRESH)
        self.engine.handle(packet, self.now)
        return packet


@pytest.fixture
def bench() -> IkeBench:
    return IkeBench(kernel=IkeKernel(), descriptor=DESCRIPTOR)


@pytest.fixture
def under_way(bench: IkeBench) -> IkeBench:
    """The first host has negotiated."""
    bench.both(HOSTS[0], setup(ALICE))
    bench.both(HOSTS[0], auth(ALICE))
    return bench


def test_what_awaits_and_what_admits(under_way: IkeBench) -> None:
    host = HOSTS[0].address
    to, back = (under_way.gate(peer=peer, protocol=ESP) for peer in (host, PEER.address))
    assert to is not None
    assert back is not None
    assert (to.inside, to.outside, to.source) == (Endpoint(PEER.address, 0), Endpoint(PEER.address, 0), PUBLIC)
    assert (back.inside, back.outside, back.source) == (Endpoint(host, 0), Endpoint(PUBLIC, 0), b"")
    assert to.awaits == back.awaits == FRESH | 1 << SLOT_SHIFT
    assert (to.expires_s, back.expires_s) == (1000 + STATE_S, 1000 + GATE_S)

    answer = under_way.esp(PEER.address, PUBLIC, 0x1111)
    assert (answer.mark, answer.released) == (DATA, answer.released)
    assert answer.released is not None
    assert answer.released[12:20] == PEER.address + host
    admitted = under_way.gate(peer=PEER.address, inside=Endpoint(host, 0x1111))
    assert admitted is not None
    assert (admitted.outside, admitted.source) == (Endpoint(PUBLIC, 0x1111), b"")
    assert (admitted.packets, admitted.octets) == (1, len(answer.raw))

    request = under_way.esp(host, PEER.address, 0x1000)
    assert request.released == request.raw[:10] + request.released[10:12] + request.raw[12:]  # type: ignore[index]
    sent = under_way.gate(peer=host, inside=Endpoint(PEER.address, 0x1000))
    assert sent is not None
    assert sent.source == PUBLIC
    assert under_way.count("esp-sessions") == 2


def test_a_copy_in_the_queue_finds_the_gate(under_way: IkeBench) -> None:
    awaits = under_way.gate(peer=PEER.address, outside=Endpoint(PUBLIC, 0)).awaits  # type: ignore[union-attr]
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    again = Packet(esp(PEER.address, PUBLIC, 0x1111), awaits)
    under_way.engine.handle(again, under_way.now)
    assert again.mark == DATA
    awaits = under_way.gate(peer=HOSTS[0].address, outside=Endpoint(PEER.address, 0)).awaits  # type: ignore[union-attr]
    for _ in range(2):
        packet = under_way.esp(HOSTS[0].address, PEER.address, 0x1000)
        assert packet.mark == DATA
    assert under_way.count("esp-sessions") == 2


def test_over_ipv6(bench: IkeBench) -> None:
    host, peer = packed("fd00::2"), packed("2001:db8::1")
    raw = esp(host, peer, 0x1000)
    bench.both(HOSTS[0], setup(ALICE))
    gate = Gate(
        number=1, alg="ike-esp-nat", session=1, protocol=ESP, peer=host, inside=Endpoint(packed("fd00::9"), 0x1000),
        outside=Endpoint(peer, 0x1000), one_shot=False, source=b"", reason="", created_s=0, expires_s=9e9,
    )  # fmt: skip
    session = bench.engine.session(1)
    assert session is not None
    session.take(gate)
    awaited = Gate(
        number=2, alg="ike-esp-nat", session=1, protocol=ESP, peer=host, inside=Endpoint(peer, 0),
        outside=Endpoint(peer, 0), one_shot=False, source=b"", reason="", created_s=0, expires_s=9e9, awaits=1,
    )  # fmt: skip
    session.control = session.control._replace(tuple=FlowTuple(UDP, Endpoint(host, 500), Endpoint(peer, 500)))
    session.take(awaited)
    packet = Packet(raw, FRESH | 1 << SLOT_SHIFT)
    bench.engine.handle(packet, bench.now)
    assert packet.released == raw[:24] + packed("fd00::9") + raw[40:]


@pytest.mark.parametrize("raw", [esp(PEER.address, PUBLIC, 1)[:22], esp(PEER.address, PUBLIC, 0x1111)])
def test_what_nobody_awaits_is_dropped(bench: IkeBench, raw: bytes) -> None:
    for mark in (FRESH, FRESH | 5 << SLOT_SHIFT):
        packet = Packet(raw, mark)
        bench.engine.handle(packet, bench.now)
        assert packet.dropped
    assert bench.count("sessions-unknown") + bench.count("malformed-packet") == 2


def test_another_sender_is_dropped(under_way: IkeBench) -> None:
    awaits = under_way.gate(peer=PEER.address, outside=Endpoint(PUBLIC, 0)).awaits  # type: ignore[union-attr]
    packet = Packet(esp(packed("192.0.2.77"), PUBLIC, 0x1111), awaits)
    under_way.engine.handle(packet, under_way.now)
    assert packet.dropped


def test_a_refused_first_packet_keeps_nothing_alive(under_way: IkeBench) -> None:
    session = under_way.engine.session(1)
    assert session is not None
    under_way.now += 3
    assert under_way.esp(PEER.address, PUBLIC, 7).dropped
    assert (session.last_s, under_way.count("packets-refused"), under_way.count("reserved-spi")) == (1000, 1, 1)


def test_gates_that_are_refused(under_way: IkeBench) -> None:
    under_way.kernel.refuse_gates = True
    assert under_way.esp(PEER.address, PUBLIC, 0x1111).dropped
    assert under_way.count("gates-refused-kernel") == 2
    assert under_way.say(HOSTS[0], child(ALICE, 2)[0]).released is not None
    assert under_way.gate(peer=PEER.address).expires_s == 1000 + GATE_S  # type: ignore[union-attr]


def test_while_conntrack_knows_nothing_is_opened(bench: IkeBench) -> None:
    bench.kernel.knows = False
    assert bench.say(HOSTS[0], child(ALICE, 2)[0]).released is not None
    assert bench.kernel.gates == {}
    assert bench.count("bindings-unknown") == 3
    session = bench.engine.session(1)
    assert session is not None
    bench.kernel.knows = True
    bench.both(HOSTS[0], child(ALICE, 3))
    bench.kernel.knows, session.translation = False, None
    assert bench.esp(PEER.address, PUBLIC, 0x1111).dropped


# ----- forged


def released(bench: IkeBench, spi: int) -> bool:
    """Whether an ESP packet in the gateway's name is let in."""
    return bench.esp(PEER.address, PUBLIC, spi).released is not None


def test_a_forged_packet_takes_nobodys_place(under_way: IkeBench) -> None:
    """The host is alone behind its address: the gateway's own SPI is learnt too, for as long as it is awaited."""
    assert released(under_way, 0x6666)
    assert released(under_way, 0x1111)
    assert (under_way.count("gates-hit"), under_way.count("esp-surplus")) == (1, 1)
    under_way.now += GATE_S + 1
    under_way.engine.tick(under_way.now)
    assert not released(under_way, 0x2222)
    assert under_way.count("gates-timed-out") == 0


def test_no_more_forged_ones_are_learnt_than_that(under_way: IkeBench) -> None:
    learnt = [released(under_way, 0x6000 + number) for number in range(SURPLUS_MOST + 3)]
    assert learnt == [True] * (1 + SURPLUS_MOST) + [False] * 2
    under_way.both(HOSTS[0], child(ALICE, 2))
    assert released(under_way, 0x1111), "the next negotiation has its own"
    assert under_way.count("esp-surplus") == SURPLUS_MOST


def test_of_several_hosts_each_gets_what_it_awaits_and_no_more(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    assert released(under_way, 0x1111)
    assert not released(under_way, 0x2222)
    under_way.both(HOSTS[1], auth(BOB))
    assert released(under_way, 0x2222)
    assert under_way.gate(inside=Endpoint(HOSTS[1].address, 0x2222)) is not None


def test_another_host_does_not_wait_until_the_time_is_over(under_way: IkeBench) -> None:
    """The first one goes on listening for its own sake alone."""
    assert released(under_way, 0x1111)
    under_way.both(HOSTS[1], setup(BOB))
    held = under_way.say(HOSTS[1], auth(BOB)[0])
    assert held.waiting
    under_way.now += 1
    under_way.engine.turn(under_way.now)
    under_way.engine.tick(under_way.now)
    assert held.released == held.raw
    assert released(under_way, 0x2222)
    assert under_way.gate(inside=Endpoint(HOSTS[1].address, 0x2222)) is not None


def test_who_listens_on_does_so_after_a_restart(under_way: IkeBench) -> None:
    assert released(under_way, 0x6666)
    assert under_way.start() == 1
    assert released(under_way, 0x1111)


def test_guesses_at_an_spi_that_was_learnt(under_way: IkeBench) -> None:
    """What the kernel does not admit by itself comes to no worker either, once nothing is awaited."""
    under_way.both(HOSTS[1], setup(BOB))
    assert released(under_way, 0x1111)
    assert not any(released(under_way, 0x1111 + step) for step in (-1, 1, 2, 0x100))
    assert under_way.count("esp-sessions") == 1


# ----- time


def test_a_gate_that_nothing_comes_through_ends(under_way: IkeBench) -> None:
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    gate = under_way.gate(inside=Endpoint(HOSTS[0].address, 0x1111))
    assert gate is not None
    under_way.kernel.passed[gate.number] = 1
    began = under_way.now
    while under_way.count("esp-idle") == 0:
        under_way.now += 60
        if under_way.now <= began + 3000:
            under_way.kernel.passed[gate.number] += 1
        under_way.engine.tick(under_way.now)
        assert gate.expires_s > under_way.now or gate.closed_s, "the kernel keeps it until we let it go"
    assert 3000 + IDLE_S <= under_way.now - began <= 3000 + entered_for_s(IDLE_S)


def test_a_renewal_that_the_kernel_refuses_is_tried_again(under_way: IkeBench) -> None:
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    gate = under_way.gate(inside=Endpoint(HOSTS[0].address, 0x1111))
    assert gate is not None
    before = gate.expires_s
    under_way.kernel.passed[gate.number] = 50
    under_way.engine.tick(under_way.now)
    under_way.now += 400
    under_way.kernel.refuse_gates = True
    under_way.engine.tick(under_way.now)
    assert gate.expires_s == before


def test_esp_outlives_its_worker(under_way: IkeBench) -> None:
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    assert under_way.start() == 1
    packet = under_way.esp(HOSTS[0].address, PEER.address, 0x1000)
    assert packet.mark == DATA
    under_way.both(HOSTS[0], child(ALICE, 2))
    assert under_way.esp(PEER.address, PUBLIC, 0x2222).mark == DATA
    assert {gate.inside.port for gate in under_way.keeper.gates.values()} >= {0x1111, 0x1000, 0x2222}


def test_the_end_of_the_session_closes_everything(under_way: IkeBench) -> None:
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    under_way.say(HOSTS[1], setup(BOB)[0])
    session = under_way.engine.session(1)
    assert session is not None
    under_way.engine.abandon(session, under_way.now)
    assert not [gate for gate in under_way.kernel.gates.values() if gate.protocol == ESP]
    assert [entry["initiator-cookie"] for entry in under_way.engine.shared["ike-esp-nat"].listing()["state"]] == [
        BOB.hex()
    ]


# ----- waiting


def test_a_datagram_waits_for_another_session(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    held = under_way.say(HOSTS[1], auth(BOB)[0])
    assert held.waiting
    under_way.engine.tick(under_way.now)
    assert held.waiting
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    assert held.released == held.raw
    assert under_way.count("held") == 1


def test_a_first_packet_waits_too(under_way: IkeBench) -> None:
    under_way.now += GATE_S
    under_way.both(HOSTS[1], setup(BOB))
    under_way.both(HOSTS[1], auth(BOB))
    first, second = (under_way.esp(HOSTS[0].address, PEER.address, 0x1000) for _ in range(2))
    assert (first.dropped, second.waiting) == (True, True)
    under_way.esp(PEER.address, PUBLIC, 0x2222)
    assert second.mark == DATA
    assert under_way.gate(peer=PEER.address, outside=Endpoint(PUBLIC, 0)) is not None


def test_a_repeat_takes_the_place_of_what_waits(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    first, second = (under_way.say(HOSTS[1], auth(BOB)[0]) for _ in range(2))
    assert (first.dropped, second.waiting, len(under_way.engine.waiting)) == (True, True, 1)


def test_nothing_waits_for_ever(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    held = under_way.say(HOSTS[1], auth(BOB)[0])
    while held.waiting and under_way.now < 2000:
        under_way.now += 4
        under_way.say(HOSTS[0], child(ALICE, int(under_way.now))[0])
        under_way.engine.tick(under_way.now)
    assert held.dropped
    assert under_way.count("waits-refused") == 1
    assert waiting.LONGEST_S <= under_way.now - 1000 <= waiting.LONGEST_S + 4


def test_it_goes_on_when_the_gate_is_over(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    held = under_way.say(HOSTS[1], auth(BOB)[0])
    under_way.now += GATE_S + 1
    under_way.engine.tick(under_way.now)
    assert held.released == held.raw
    assert under_way.count("gates-timed-out") == 1


def test_what_waits_of_a_session_that_ends_is_dropped(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    held = under_way.say(HOSTS[1], auth(BOB)[0])
    session = under_way.engine.session(2)
    assert session is not None
    under_way.engine.abandon(session, under_way.now)
    under_way.engine.tick(under_way.now)
    assert held.dropped


def test_what_waits_has_its_bound(under_way: IkeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 1)
    under_way.both(HOSTS[1], setup(BOB))
    first = under_way.say(HOSTS[1], auth(BOB)[0])
    second = under_way.say(HOSTS[1], child(BOB, 9)[0])
    assert (first.waiting, second.dropped) == (True, True)
    assert under_way.count("waits-refused") == 1


# ----- led


def test_a_datagram_is_led_to_another_host(under_way: IkeBench) -> None:
    under_way.both(HOSTS[1], setup(BOB))
    under_way.esp(PEER.address, PUBLIC, 0x1111)
    under_way.both(HOSTS[1], auth(BOB))
    under_way.both(HOSTS[1], child(BOB, 2))
    assert under_way.say(HOSTS[0], message(CAROL, GATEWAY, 37), answer=True).dropped
    gate = under_way.gate(key=CAROL)
    assert gate is not None
    assert (gate.protocol, gate.peer, gate.outside) == (UDP, PEER.address, Endpoint(PUBLIC, 7))
    assert under_way.say(HOSTS[1], message(CAROL, GATEWAY, 37), answer=True).released is not None


def test_a_limit_refuses_a_gate(bench: IkeBench) -> None:
    bench.start(GateLimits(total=0))
    bench.both(HOSTS[0], setup(ALICE))
    bench.both(HOSTS[0], auth(ALICE))
    assert bench.kernel.gates == {}
    assert bench.count("gates-refused-total") == 4
