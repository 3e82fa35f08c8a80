"""TFTP requests, whatever comes: nothing but what is asked for, and no gate without a request that holds together."""

from __future__ import annotations

import marshal

from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.actions import AwaitAnswer, CloseGate
from applianced.alg.tftp import DESCRIPTOR, TftpSettings, Transfers
from applianced.alg.tftp.requests import parse
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Direction
from tests.alg.test_cases import FOLDERS
from tests.support.dialog import Case, DatagramPlayer, control_session
from tests.support.soak import rounds

SESSION = control_session("10.0.0.2", "198.51.100.1", server_port=69, protocol=UDP)
words = st.sampled_from(
    [b"f", b"octet", b"netascii", b"mail", b"blksize", b"tsize", b"512", b"0", b"", b"\xff", b"x" * 300]
)
requests = st.builds(
    lambda head, parts, tail: head + b"\0".join(parts) + tail,
    st.sampled_from([b"\0\1", b"\0\2"]),
    st.lists(words, max_size=8),
    st.sampled_from([b"", b"\0", b"\0\0\0"]),
)
others = st.one_of(
    st.binary(max_size=20),
    st.builds(lambda kind, rest: bytes((0, kind)) + rest, st.integers(0, 7), st.binary(max_size=9)),
)
steps = st.lists(st.tuples(st.sampled_from([ORIGINAL, REPLY]), requests | others), max_size=12)


def player() -> DatagramPlayer:
    return DatagramPlayer(Transfers(TftpSettings(), SESSION), DESCRIPTOR.events, session=SESSION)


@given(steps)
def test_any_dialog(dialog: list[tuple[Direction, bytes]]) -> None:
    played = player()
    for direction, data in dialog:
        played.feed(direction, data)
    awaited = [action for _, action, _ in played.log if isinstance(action, AwaitAnswer)]
    assert all(asked.reason.isprintable() for asked in awaited)
    closed = [action for _, action, _ in played.log if isinstance(action, CloseGate)]
    assert played.numbers - len(closed) == len(played.open) <= 1
    passed = [data for direction, data in played.out if direction is ORIGINAL and data[:2] in (b"\0\1", b"\0\2")]
    for data in passed:
        parse(data)
    assert all(data in [sent for _, sent in dialog] for _, data in played.out), "nothing is rewritten"


@given(steps, st.integers(0, 12))
def test_a_restart_anywhere_changes_nothing(dialog: list[tuple[Direction, bytes]], at: int) -> None:
    whole, cut = player(), player()
    for number, (direction, data) in enumerate(dialog):
        if number == at:
            plain = marshal.dumps(cut.alg.snapshot(), 2)
            assert len(plain) < 2048
            cut.alg = Transfers(TftpSettings(), SESSION)
            cut.alg.restore(marshal.loads(plain))
        whole.feed(direction, data)
        cut.feed(direction, data)
    assert (whole.log, whole.out) == (cut.log, cut.out)


@given(st.binary(max_size=rounds(600)))
def test_parse_raises_nothing_else(data: bytes) -> None:
    for head in (b"\0\1", b"\0\2"):
        try:
            request = parse(head + data)
        except ProtocolError as error:
            event = error.event
            assert event in DESCRIPTOR.violations
        else:
            assert request.name
            assert str(request).isascii()


def test_further_answers_on_one_port_ask_for_nothing() -> None:
    played = player()
    for direction, data in ((ORIGINAL, b"\0\1f\0octet\0"), (REPLY, b"\0\6"), (REPLY, b"\0\6"), (REPLY, b"\0\3\0\1x")):
        played.feed(direction, data)
    assert [action.event for _, action, _ in played.log if hasattr(action, "event")] == ["read", "same-port"]


def test_every_event_has_a_case() -> None:
    """The cases between them note every event that there is."""
    noted: set[str] = set()
    for folder in FOLDERS:
        if folder.parent.name == "tftp":
            log = Case.load(folder).play(DESCRIPTOR).log
            noted |= {action.event for _, action, _ in log if hasattr(action, "event")}
    assert noted == set(DESCRIPTOR.events)
