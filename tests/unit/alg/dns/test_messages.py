"""Messages of any shape: read whole or refused with a reason, in bounded time; what is translated keeps its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.actions import Over, Refuse, Rewrite
from applianced.alg.dns import DESCRIPTOR, Datagrams, DnsSettings, Stream
from applianced.alg.dns.doctoring import Tables
from applianced.alg.dns.messages import read
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP, Direction, packed
from tests.alg.test_cases import FOLDERS
from tests.support.dialog import Case, DatagramPlayer, Player, control_session
from tests.support.dns_messages import (
    CNAME,
    POINTER,
    A,
    address,
    message,
    name,
    opt,
    question,
    record,
    reply,
    signature,
)

ROWS = (("203.0.113.0/28", "10.0.5.0/28", ("untrust",)), ("2001:db8:71::10/128", "fd00::9/128", ("untrust",)))
ZONES = ("trust", "untrust")

names = st.sampled_from([POINTER, name("a.test"), b"\0", b"\x03abc" + POINTER, b"\xc0\xff", b"\x40x\0", b"\xc0\x0d"])
records = st.one_of(
    st.builds(
        record, st.sampled_from([A, CNAME, 2, 6, 12, 15, 28, 33, 41, 46, 250, 16]), st.binary(max_size=20), owner=names
    ),
    st.sampled_from([address("203.0.113.3"), address("2001:db8:71::10"), opt(), signature(A), record(CNAME, POINTER)]),
)
questions = st.sampled_from([question(), question("b.test", 28), question("B.test", 28), question("c.test", 252), b""])
messages = st.builds(
    lambda parts, asked, number, flags: message(*parts, asked=asked, identification=number, flags=flags),
    st.lists(records, max_size=4), questions, st.integers(0, 2),
    st.sampled_from([0x0100, 0x8180, 0x81A0, 0x8183, 0x2800]),
)  # fmt: skip
anything = st.one_of(messages, st.binary(max_size=40), st.tuples(messages, st.binary(max_size=9)).map(b"".join))
steps = st.lists(st.tuples(st.sampled_from([ORIGINAL, REPLY]), anything), max_size=10)


def settings(**more: object) -> DnsSettings:
    return DnsSettings(static_nat=ROWS, **more)  # type: ignore[arg-type]


def datagrams(choices: DnsSettings) -> DatagramPlayer:
    session = control_session("10.0.0.2", "192.0.2.53", server_port=53, protocol=UDP, zones=ZONES)
    return DatagramPlayer(Datagrams(choices, session), DESCRIPTOR.events, session=session)


def stream() -> Player:
    session = control_session("10.0.0.2", "192.0.2.53", server_port=53, protocol=TCP, zones=ZONES)
    return Player(Stream(settings(), session), DESCRIPTOR.events, session=session)


@given(steps, st.booleans())
def test_any_dialog(dialog: list[tuple[Direction, bytes]], drop: bool) -> None:
    played = datagrams(settings(doctoring_drop_signed=drop, oversize_message_drop=drop))
    for direction, data in dialog:
        before = len(played.out)
        played.feed(direction, data)
        for _, left in played.out[before:]:
            assert len(left) == len(data)
            assert left == data or direction is REPLY
            assert bool(read(left).response) is (direction is REPLY)
    assert all(action.octets == len(action.replacement) for _, action, _ in played.log if isinstance(action, Rewrite))


@given(steps)
def test_the_plain_path_decides_as_the_other_does(dialog: list[tuple[Direction, bytes]]) -> None:
    first, second = datagrams(settings()), datagrams(settings())
    second.plain = False
    for direction, data in dialog:
        first.feed(direction, data)
        second.feed(direction, data)
    assert first.out == second.out
    assert first.log == second.log


@given(st.lists(st.tuples(st.sampled_from([ORIGINAL, REPLY]), messages), max_size=6), st.data())
def test_any_cut_of_a_stream(dialog: list[tuple[Direction, bytes]], data: st.DataObject) -> None:
    whole, cut = stream(), stream()
    for direction, octets in dialog:
        framed = len(octets).to_bytes(2) + octets
        whole.feed(direction, framed)
        at = 0
        while at < len(framed):
            size = data.draw(st.integers(1, len(framed) - at))
            cut.feed(direction, framed[at : at + size])
            at += size
    for direction in (ORIGINAL, REPLY):
        assert whole.sent(direction) == cut.sent(direction)


@given(st.binary(max_size=200) | messages)
def test_read_raises_nothing_else(data: bytes) -> None:
    try:
        read(data)
    except ProtocolError as error:
        event = error.event
        assert event in DESCRIPTOR.violations


def test_hostile_compression_takes_little_time() -> None:
    """As many records as fit, each with a pointer of its own into one long chain of labels."""
    chain = b"".join(b"\x01a" for _ in range(120)) + b"\0"
    parts = [record(16, chain, owner=b"\0")]
    start = len(reply()) + 11
    while len(reply(*parts)) < 8000:
        parts.append(record(16, b"", owner=(0xC000 | start + 2 * (len(parts) % 120)).to_bytes(2)))
    hostile = reply(*parts)
    began = time.process_time()
    read(hostile)
    assert time.process_time() - began < 0.1


def test_what_is_kept_is_bounded() -> None:
    played = datagrams(settings())
    for number in range(3000):
        played.feed(ORIGINAL, message(identification=number))
    assert len(played.alg._inspection._unanswered) == 256  # type: ignore[attr-defined]


def test_over_comes_with_the_last_reply_and_never_with_a_refusal() -> None:
    played = datagrams(settings())
    played.feed(ORIGINAL, message())
    played.feed(REPLY, reply(identification=9))
    assert [type(action) for _, action, _ in played.log][-1] is Refuse
    played.feed(REPLY, reply())
    assert [type(action) for _, action, _ in played.log][-1] is Over


@pytest.mark.parametrize(
    ("client", "server", "before", "after"),
    [
        ("trust", "untrust", "203.0.113.3", "10.0.5.3"),
        ("trust", "untrust", "2001:db8:71::10", "fd00::9"),
        ("trust", "untrust", "203.0.113.16", None),
        ("trust", "untrust", "10.0.5.3", None),
        ("untrust", "trust", "10.0.5.3", "203.0.113.3"),
        ("untrust", "trust", "203.0.113.3", None),
    ],
)
def test_translation(client: str, server: str, before: str, after: str | None) -> None:
    translator = Tables(ROWS).of(client, server)
    assert translator is not None
    assert translator(packed(before)) == (packed(after) if after else None)


@pytest.mark.parametrize(("client", "server"), [("trust", "dmz"), ("untrust", "untrust"), ("", "")])
def test_no_translation(client: str, server: str) -> None:
    assert Tables(ROWS).of(client, server) is None


def test_the_first_mapping_of_an_address_holds() -> None:
    tables = Tables([("203.0.113.1/32", "10.0.0.1/32", ("u",)), ("203.0.113.1/32", "10.0.0.2/32", ("u",))])
    translator = tables.of("t", "u")
    assert translator is not None
    assert translator(packed("203.0.113.1")) == packed("10.0.0.1")


def test_every_event_has_a_case() -> None:
    """The cases between them note every event that there is."""
    noted: set[str] = set()
    for folder in FOLDERS:
        if folder.parent.name == "dns":
            log = Case.load(folder).play(DESCRIPTOR).log
            noted |= {action.event for _, action, _ in log if hasattr(action, "event")}
    assert noted == set(DESCRIPTOR.events)
