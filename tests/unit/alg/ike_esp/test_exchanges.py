"""IKE sessions, whatever comes: nothing is rewritten, gates opened are gates closed, and a restart changes nothing."""

from __future__ import annotations

import marshal
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.actions import AwaitKey, CloseGate, HandOver, OpenKey
from applianced.alg.ike_esp import DESCRIPTOR, Exchanges, Gateways, IkeEspSettings
from applianced.alg.ike_esp.spis import MOST
from applianced.alg.ike_esp.states import STATES_MOST
from applianced.engine.checkpoint import ALG_OCTETS
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction, packed
from tests.support.dialog import DatagramPlayer, Meanwhile, control_session
from tests.support.ike import ALICE, BOB, GATEWAY, NONE, auth, child, message

SESSION = control_session("10.0.0.2", "198.51.100.1", client_port=500, server_port=500, protocol=UDP)
messages = st.builds(
    lambda initiator, responder, exchange, number, flags: message(
        initiator, responder, exchange, number=number, flags=flags
    ),
    st.sampled_from([ALICE, BOB, NONE, *(bytes((octet,)) * 8 for octet in range(1, 12))]),
    st.sampled_from([NONE, GATEWAY, BOB]),
    st.sampled_from([2, 4, 5, 6, 32, 34, 35, 36, 37]),
    st.integers(0, 3),
    st.sampled_from([None, 0, 0x20]),
)
firsts = st.builds(
    lambda sign, spi: Meanwhile(b"first %s %#x" % (sign, spi)), st.sampled_from([b">", b"<"]), st.integers(250, 290)
)
pauses = st.sampled_from([Meanwhile(b"1"), Meanwhile(b"200")])
steps = st.lists(
    st.tuples(st.sampled_from([ORIGINAL, REPLY]), messages | firsts | pauses | st.binary(max_size=40)), max_size=20
)


def player(**more: int) -> DatagramPlayer:
    alg = Exchanges(IkeEspSettings(state_timeout=180), SESSION, Gateways())
    translation = {packed("10.0.0.2"): packed("203.0.113.1")}
    return DatagramPlayer(alg, DESCRIPTOR.events, translation, session=SESSION, **more)  # type: ignore[arg-type]


@given(steps)
def test_any_dialog(dialog: list[tuple[Direction, bytes]]) -> None:
    played = player()
    for direction, data in dialog:
        played.feed(direction, data)
    assert all(data in [sent for _, sent in dialog] for _, data in played.out), "nothing is rewritten"
    closed = sum(isinstance(action, CloseGate) for _, action, _ in played.log)
    assert played.numbers - closed == len(played.open)
    for direction in (ORIGINAL, REPLY):
        of_one = [gate for gate in played.open.values() if getattr(gate, "speaker", None) is direction]
        assert sum(isinstance(gate, AwaitKey) for gate in of_one) <= 1
        assert sum(isinstance(gate, OpenKey) for gate in of_one) <= MOST


@given(steps, st.integers(0, 20))
def test_a_restart_anywhere_changes_nothing(dialog: list[tuple[Direction, bytes]], at: int) -> None:
    whole, cut = player(), player()
    for number, (direction, data) in enumerate(dialog):
        if number == at:
            plain = marshal.loads(marshal.dumps(cut.alg.snapshot(), 2))
            cut.alg = Exchanges(IkeEspSettings(state_timeout=180), SESSION, Gateways())
            cut.alg.restore(plain)
        whole.feed(direction, data)
        cut.feed(direction, data)
    assert cut.out == whole.out
    assert cut.open == whole.open


def test_a_forged_keepalive_does_not_end_a_session() -> None:
    played = player()
    played.feed(ORIGINAL, message(ALICE, NONE, 34))
    played.feed(REPLY, b"\xff")
    assert not any(isinstance(action, HandOver) for _, action, _ in played.log)
    assert played.out[-1] == (REPLY, b"\xff")
    played.feed(ORIGINAL, message(ALICE, GATEWAY, 35))
    assert any(isinstance(action, AwaitKey) for _, action, _ in played.log)


def test_what_is_kept_fits_its_place() -> None:
    played = player()
    for octet in range(1, STATES_MOST + 1):
        played.feed(ORIGINAL, child(bytes((octet,)) * 8, 0xFFFFFFF0)[0])
        played.feed(REPLY, child(bytes((octet,)) * 8, 0xFFFFFFF0)[1])
    for spi in range(2 * MOST):
        for sign in (b">", b"<"):
            played.feed(ORIGINAL, Meanwhile(b"first %s %#x" % (sign, 0xF0000000 + spi)))
    assert len(marshal.dumps(played.alg.snapshot(), 2)) <= ALG_OCTETS


def test_the_session_of_a_state_alone_is_kept() -> None:
    """What was awaited of a client goes when the kernel has let go of it."""
    played = player()
    for each, direction in zip(auth(ALICE), (ORIGINAL, REPLY), strict=True):
        played.feed(direction, each)
    for gate in tuple(played.open):
        played.feed(ORIGINAL, Meanwhile(b"gone %d" % gate))
    played.log.clear()
    played.feed(ORIGINAL, message(ALICE, GATEWAY, 37, number=9))
    assert [action for _, action, _ in played.log] == []
    assert replace(played).open == {}
