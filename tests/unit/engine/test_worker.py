"""The engine of one queue: sessions from their first packet to their last."""

from __future__ import annotations

import pytest

from applianced.compiler.marks import SLOT_SHIFT, UNACKED, UNTOUCHED
from applianced.engine.gatekeeper import GateLimits
from applianced.engine.table import LINGER_S
from applianced.model.tuples import ORIGINAL, Endpoint, FlowTuple
from applianced.packet.segment import ACK, FIN, PSH, RST, SYN
from tests.support.engine import CLIENT, PUBLIC, SERVER, Bench, FakeKernel, Packet, Settings, announcement


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(bench: Bench, client: Endpoint = CLIENT) -> None:
    """The handshake; the client's first octet has sequence number 101, the server's 501."""
    assert bench.send(client, SERVER, SYN, sequence=100).released
    assert bench.send(SERVER, client, SYN | ACK, sequence=500, ack=101).released


def say(bench: Bench, payload: bytes, sequence: int = 101) -> Packet:
    return bench.send(CLIENT, SERVER, sequence=sequence, ack=501, payload=payload)


def answer(bench: Bench, ack: int) -> Packet:
    return bench.send(SERVER, CLIENT, ACK, sequence=501, ack=ack)


def test_a_syn_takes_up_a_session(bench: Bench) -> None:
    packet = bench.send(CLIENT, SERVER, SYN, sequence=100)
    (session,) = bench.engine.live()
    assert session.control.tuple == FlowTuple(6, CLIENT, SERVER)
    assert packet.mark >> SLOT_SHIFT == session.slot
    assert packet.released == packet.raw
    assert bench.count("sessions") == 1


def test_ordinary_lines_pass_as_they_are(bench: Bench) -> None:
    opened(bench)
    packet = say(bench, b"hello\n")
    assert packet.released == packet.raw
    reply = bench.send(SERVER, CLIENT, sequence=501, ack=107, payload=b"welcome\n")
    assert reply.released == reply.raw


def test_an_announcement_is_rewritten_and_its_gate_is_in_the_kernel_first(bench: Bench) -> None:
    opened(bench)
    packet = say(bench, b"P2000\n")
    assert packet.payload == announcement(1, 2000)
    (gate,) = bench.kernel.gates.values()
    assert (gate.peer, gate.inside, gate.outside.address) == (SERVER.address, Endpoint(CLIENT.address, 2000), PUBLIC)
    assert gate.reason == "P2000"
    assert bench.kernel.announced == [(ORIGINAL, 101, 0, len(announcement(1, 2000)) - 6)]
    assert (bench.count("asked"), bench.count("gates-opened"), bench.count("length-changes")) == (1, 1, 1)


@pytest.mark.parametrize(("offload", "coupled"), [(True, False), (True, True), (False, False)])
def test_a_gate_for_data_that_may_be_offloaded(offload: bool, coupled: bool) -> None:
    """Not where a data session must be able to end with its control session; and it stays so after a restart."""
    bench = Bench(kernel=FakeKernel(offload=offload))
    bench.start(GateLimits(coupled=coupled))
    opened(bench)
    say(bench, b"P2000\n")
    (gate,) = bench.kernel.gates.values()
    assert gate.offload is (offload and not coupled)
    bench.start(GateLimits(coupled=coupled))
    assert [gate.offload for gate in bench.keeper.gates.values()] == [offload and not coupled]


def test_the_mark_asks_for_acknowledgements_while_a_change_is_on_its_way(bench: Bench) -> None:
    opened(bench)
    packet = say(bench, b"P2000\n")
    assert packet.mark & UNACKED
    end = 101 + len(announcement(1, 2000))
    assert answer(bench, end - 1).mark & UNACKED
    assert not answer(bench, end).mark & UNACKED


def test_a_second_change_waits_for_the_first_to_arrive(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    second = say(bench, b"P2001\n", 107)
    assert second.waiting
    assert bench.count("waited") == 1
    answer(bench, 101 + len(announcement(1, 2000)))
    assert second.payload == announcement(2, 2001)


def test_a_routed_session_keeps_its_length(bench: Bench) -> None:
    bench.kernel.public = CLIENT.address
    opened(bench)
    packet = say(bench, b"P2000\n")
    assert packet.payload == b"P2000\n"
    assert bench.count("length-change-refused") == 1
    assert not bench.kernel.announced


def test_a_change_that_the_kernel_does_not_take_resets_the_session(bench: Bench) -> None:
    bench.kernel.refuse_offsets = True
    opened(bench)
    packet = say(bench, b"P2000\n")
    assert packet.released is not None
    assert packet.released[33] & RST
    assert bench.count("announce-failed") == bench.count("session-resets") == 1
    assert bench.kernel.forgotten == [FlowTuple(6, CLIENT, SERVER)]
    assert not bench.engine.live()
    assert not bench.kernel.gates


def test_hand_over_passes_everything_from_there(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    answer(bench, 101 + len(announcement(1, 2000)))
    packet = say(bench, b"TLS\n", 107)
    assert packet.mark & UNTOUCHED
    unread = say(bench, b"P2001\n", 111)
    assert unread.payload == b"P2001\n"
    assert len(bench.kernel.gates) == 1, "the gates of a session that is handed over stay open"


def test_hand_over_is_marked_after_the_last_change_has_arrived(bench: Bench) -> None:
    """Without the acknowledgement the next change, and the mark that frees the flow, would be lost."""
    opened(bench)
    packet = say(bench, b"P2000\nTLS\n")
    assert packet.mark & UNACKED
    assert not packet.mark & UNTOUCHED
    assert answer(bench, 101 + len(packet.payload)).mark & UNTOUCHED


def test_a_fault_of_the_peer_hands_over_and_closes(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    answer(bench, 101 + len(announcement(1, 2000)))
    packet = say(bench, b"BAD\n", 107)
    assert packet.payload == b"BAD\n"
    assert packet.mark & UNTOUCHED
    assert bench.count("nonsense") == 1
    assert not bench.kernel.gates


def test_a_bug_in_an_alg_costs_the_packet_alone(bench: Bench) -> None:
    """The worker drops what raised (dataplane.worker); the sessions go on, that one included."""
    opened(bench)
    with pytest.raises(ZeroDivisionError):
        say(bench, b"BUG\n")
    assert say(bench, b"okay\n").payload == b"okay\n"
    other = Endpoint(CLIENT.address, 1001)
    opened(bench, other)
    assert bench.send(other, SERVER, sequence=101, ack=501, payload=b"okay\n").released


def test_a_packet_that_is_none(bench: Bench) -> None:
    opened(bench)
    broken = Packet(b"\x45" + bytes(20), bench.marks[FlowTuple(6, CLIENT, SERVER)])
    bench.engine.handle(broken, bench.now)
    assert broken.dropped
    assert bench.count("malformed-packet") == 1


def test_unknown_session_passes_untouched(bench: Bench) -> None:
    """A session without a checkpoint after a restart: nobody can vouch for it."""
    packet = say(bench, b"P2000\n")
    assert packet.payload == b"P2000\n"
    assert packet.mark & UNTOUCHED
    assert bench.count("sessions-unknown") == 1
    assert not bench.kernel.gates


def test_stale_slot_of_another_session(bench: Bench) -> None:
    """A mark that names a slot with another session in it gives no access to that."""
    opened(bench)
    mark = bench.marks[FlowTuple(6, CLIENT, SERVER)]
    stranger = Packet(say(bench, b"x\n").raw.replace(CLIENT.address, bytes((10, 0, 0, 9))), mark)
    bench.engine.handle(stranger, bench.now)
    assert stranger.mark & UNTOUCHED
    assert bench.count("sessions-unknown") == 1


def test_more_sessions_than_slots(bench: Bench) -> None:
    clients = [Endpoint(CLIENT.address, 1000 + number) for number in range(bench.slots + 1)]
    for client in clients[:-1]:
        opened(bench, client)
    packet = bench.send(clients[-1], SERVER, SYN, sequence=100)
    assert packet.mark & UNTOUCHED
    assert bench.count("sessions-refused") == 1
    assert len(bench.engine.live()) == bench.slots


def close_both(bench: Bench) -> None:
    bench.send(CLIENT, SERVER, FIN | ACK, sequence=101, ack=501)
    bench.send(SERVER, CLIENT, FIN | ACK, sequence=501, ack=102)


def test_a_fin_in_each_direction_ends_the_session(bench: Bench) -> None:
    opened(bench)
    bench.send(CLIENT, SERVER, FIN | ACK, sequence=101, ack=501)
    assert bench.engine.live()
    bench.send(SERVER, CLIENT, FIN | ACK, sequence=501, ack=102)
    assert not bench.engine.live()


def test_repeats_are_answered_while_the_session_lingers(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    changed = announcement(1, 2000)
    answer(bench, 101 + len(changed))
    bench.send(CLIENT, SERVER, FIN | ACK, sequence=107, ack=501)
    bench.send(SERVER, CLIENT, FIN | ACK, sequence=501, ack=108)
    assert not bench.engine.live()
    assert say(bench, b"P2000\n").payload == changed


def test_slots_are_used_again_after_lingering(bench: Bench) -> None:
    opened(bench)
    close_both(bench)
    bench.now += LINGER_S + 1
    bench.engine.tick(bench.now)
    bench.marks.clear()
    for number in range(bench.slots):
        opened(bench, Endpoint(CLIENT.address, 1100 + number))
    assert len(bench.engine.live()) == bench.slots
    assert not bench.count("sessions-refused")


def test_a_new_session_on_a_slot_begins_empty(bench: Bench) -> None:
    """Nothing of the session before is left in the checkpoint."""
    bench = Bench(slots=1)
    opened(bench)
    say(bench, b"P2000\n")
    bench.send(CLIENT, SERVER, RST, sequence=107)
    bench.now += LINGER_S + 1
    bench.engine.tick(bench.now)
    bench.marks.clear()
    opened(bench, Endpoint(CLIENT.address, 1001))
    assert bench.start() == 1
    (session,) = bench.engine.live()
    assert session.control.tuple.source.port == 1001
    assert not session.gates
    assert session.streams[0].next == 101


def test_a_reset_ends_the_session_and_its_gates(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    packet = bench.send(CLIENT, SERVER, RST, sequence=107)
    assert packet.released == packet.raw
    assert not bench.engine.live()
    assert not bench.kernel.gates
    assert bench.start() == 0


def test_gates_expire_by_tick(bench: Bench) -> None:
    bench.start(GateLimits(lifetime_s=30))
    opened(bench)
    say(bench, b"P2000\n")
    bench.engine.tick(bench.now + 29)
    assert bench.kernel.gates
    bench.engine.tick(bench.now + 30)
    assert not bench.kernel.gates
    assert bench.count("gates-expired") == 1
    assert bench.ports.given == [(50001, False)], "its data session may still be open"
    (session,) = bench.engine.live()
    assert not session.gates


def test_abandon_leaves_nothing(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    held = say(bench, b"P2001\n", 107)
    (session,) = bench.engine.live()
    bench.engine.abandon(session, bench.now)
    assert held.dropped
    assert not bench.kernel.gates
    assert bench.kernel.forgotten == [FlowTuple(6, CLIENT, SERVER)]
    assert bench.engine.session(session.slot) is None
    assert bench.start() == 0


def test_disabling_an_alg_lets_its_sessions_pass(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    bench.engine.configure({}, GateLimits(), 65536, bench.now)
    assert not bench.kernel.gates
    assert say(bench, b"P2001\n", 107).payload == b"P2001\n"
    packet = bench.send(Endpoint(CLIENT.address, 1001), SERVER, SYN, sequence=100)
    assert packet.mark & UNTOUCHED


def test_sessions_keep_the_settings_they_began_with(bench: Bench) -> None:
    opened(bench)
    alg = bench.engine.live()[0].alg
    bench.engine.configure({"ftp": Settings(shout=True)}, GateLimits(per_session=0), 65536, bench.now)
    assert bench.engine.live()[0].alg is alg
    say(bench, b"P2000\n")
    assert bench.count("gates-refused-session") == 1, "limits are the appliance's, and hold at once"


def test_a_session_that_conntrack_has_forgotten_ends(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    bench.engine.tick(bench.now + 61)
    assert bench.engine.live()
    bench.kernel.knows = False
    bench.engine.tick(bench.now + 130)
    assert not bench.engine.live()
    assert not bench.kernel.gates


def test_a_gate_for_every_port_ends_soon_after_its_session(bench: Bench) -> None:
    opened(bench)
    say(bench, b"P2000\n")
    (gate,) = bench.engine.keeper.gates.values()
    gate.inside = gate.inside._replace(port=0)
    bench.engine.tick(bench.now + 6)
    assert bench.engine.live()
    bench.kernel.knows = False
    bench.engine.tick(bench.now + 12)
    assert not bench.engine.live()
    assert not bench.engine.keeper.gates


@pytest.mark.parametrize(
    ("kernel", "event"),
    [
        pytest.param(FakeKernel(knows=False), "bindings-unknown", id="conntrack-does-not-know"),
        pytest.param(FakeKernel(refuse_gates=True), "gates-refused-kernel", id="kernel-refuses"),
    ],
)
def test_refusals_give_back_what_was_bound(kernel: FakeKernel, event: str) -> None:
    bench = Bench(kernel)
    opened(bench)
    say(bench, b"P2000\n")
    assert bench.count(event) == 1
    assert bench.count("refused") == 1
    assert not bench.ports.held
    assert not bench.keeper.gates


def test_no_port_left(bench: Bench) -> None:
    bench.ports.left = 0
    opened(bench)
    assert say(bench, b"P2000\n").payload == b"P2000\n"
    assert bench.count("bindings-refused") == 1


def long_line(bench: Bench) -> None:
    """5,000 octets that wait for the end of their line: more than a slot of the checkpoint takes."""
    opened(bench)
    piece = b"x" * 1000
    for at in range(0, 5000, len(piece)):
        assert bench.send(CLIENT, SERVER, ACK | PSH, sequence=101 + at, ack=501, payload=piece).waiting


def test_a_session_too_big_for_its_checkpoint_is_lost_by_a_restart(bench: Bench) -> None:
    long_line(bench)
    assert bench.send(SERVER, CLIENT, sequence=501, ack=101, payload=b"hello\n").released
    assert bench.start() == 0
    assert say(bench, b"\n", 5101).mark & UNTOUCHED
    assert bench.count("sessions-unknown") == 1


def test_a_session_that_was_too_big_for_its_checkpoint_outlives_a_restart_again(bench: Bench) -> None:
    long_line(bench)
    assert bench.send(SERVER, CLIENT, sequence=501, ack=101, payload=b"hello\n").released
    assert bench.send(CLIENT, SERVER, sequence=5101, ack=501, payload=b"\n").released
    answer(bench, 5102)
    assert bench.start() == 1
    assert not say(bench, b"more\n", 5102).mark & UNTOUCHED
    assert not bench.count("sessions-unknown")
