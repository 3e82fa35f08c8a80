"""Messages written anew: lengths are right, and a length can be kept."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sip.edits import Edit, of_length, rewritten, shortest
from applianced.alg.sip.messages import CONTACT, FROM, TO, VIA, parse
from applianced.errors import ProtocolError
from tests.support.sip_messages import CONTACT as CONTACT_LINE
from tests.support.sip_messages import lines, request, sdp

INVITE = request("INVITE", CONTACT_LINE, "Record-Route: <sip:p1.example;lr>,\n <sip:p2.example;lr>", body=sdp())


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """With every occurrence replaced by edits."""
    edits, at = [], data.find(old)
    while at >= 0:
        edits.append(Edit(at, at + len(old), new))
        at = data.find(old, at + 1)
    return rewritten(parse(data), edits)


def meaning(data: bytes) -> tuple[object, ...]:
    """What must be the same, however it is written."""
    message = parse(data)
    names = (VIA, FROM, TO, CONTACT, b"max-forwards", b"record-route", b"call-id", b"cseq")
    values = [[b"".join(value.split()) for value in message.values(name)] for name in names]
    return message.method, message.status, values, data[message.body : message.end]


def test_nothing_to_do() -> None:
    assert rewritten(parse(INVITE), []) == INVITE


@pytest.mark.parametrize("new", [b"203.0.113.100", b"1.2.3.4", b"10.9.9.9"])
def test_a_body_that_changes_its_length(new: bytes) -> None:
    changed = replaced(INVITE, b"10.0.0.2", new)
    message = parse(changed)
    assert message.end == len(changed)
    assert changed[message.body : message.end] == sdp().replace(b"10.0.0.2", new)
    assert b"10.0.0.2" not in changed


def test_a_header_that_changes_leaves_the_length_alone() -> None:
    message = parse(INVITE)
    line, start, end = message.fields(CONTACT)[0]
    assert parse(rewritten(message, [(start, end, b"<sip:x>")])).value(CONTACT) == b"<sip:x>"
    assert rewritten(message, [(line, line, b"X: y\r\n")]).count(b"\r\nX: y\r\n") == 1


def test_without_a_length_there_is_none_to_correct() -> None:
    data = request("INVITE", body=sdp(), length=False)
    assert replaced(data, b"10.0.0.2", b"1.1.1.1").endswith(sdp().replace(b"10.0.0.2", b"1.1.1.1"))


def test_octets_behind_the_message_are_left_out() -> None:
    assert rewritten(parse(INVITE + b"more"), []) == INVITE


def test_edits_in_one_another_and_at_one_place() -> None:
    message = parse(INVITE)
    edits = [(7, 10, b"SIPS"), (8, 9, b"?"), (7, 7, b"<"), (10, 10, b">"), (10, 10, b"!"), (8, 8, b"?")]
    assert rewritten(message, edits).startswith(b"INVITE <SIPS>!:bob@")
    assert rewritten(message, reversed(edits)).startswith(b"INVITE <SIPS!>:bob@")


def test_a_body_is_edited_whose_parts_cannot_be_told() -> None:
    message = parse(request("INVITE", body=b"x", kind="multipart/mixed"))
    with pytest.raises(ProtocolError):
        rewritten(message, [(message.body, message.end, b"y")])


@pytest.mark.parametrize("octets", [len(INVITE), len(INVITE) + 1, len(INVITE) + 300, len(INVITE) - 1, len(INVITE) - 25])
def test_a_length_that_is_kept(octets: int) -> None:
    written = of_length(INVITE, octets)
    assert written is not None
    assert len(written) == octets
    assert meaning(written) == meaning(INVITE)


def test_how_short_a_message_can_be() -> None:
    least = shortest(INVITE)
    assert len(INVITE) - len(least) > 50
    assert meaning(least) == meaning(INVITE)
    assert of_length(INVITE, len(least)) == least
    assert of_length(INVITE, len(least) - 1) is None
    assert shortest(least) == least


def test_names_stay_long_as_long_as_they_can() -> None:
    data = lines("OPTIONS sip:x SIP/2.0\nVia:SIP/2.0/UDP a\nFrom: a\nTo: b\nCall-ID: c\nCSeq: 1 OPTIONS  \nl: 0\n\n")
    assert of_length(data, len(data) - 2) == data.replace(b"\r\nVia:", b"\r\nv:")
    written = of_length(data, len(data) - 4)
    assert written is not None
    assert b"\r\nv:" in written
    assert b"\r\nf:" in written
    assert b"\r\nTo:" in written


def test_what_is_no_message_has_no_length_to_keep() -> None:
    assert of_length(b"x", 2) is None
    assert of_length(b"xy", 1) is None


@given(
    st.integers(-200, 200),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 30), st.binary(max_size=20)), max_size=5),
)
def test_any_length_and_any_edits(more: int, wild: list[tuple[int, int, bytes]]) -> None:
    written = of_length(INVITE, len(INVITE) + more)
    assert written is None or (len(written) == len(INVITE) + more and meaning(written) == meaning(INVITE))
    message = parse(INVITE)
    edits = [(min(start, message.end), min(start + size, message.end), text) for start, size, text in wild]
    octets = rewritten(message, edits)
    if not any(end > message.body for _, end, _ in edits):
        assert octets.endswith(INVITE[message.body :])


@pytest.mark.parametrize(
    "value", [b" " * 60000, b"\r\n " * 20000, b"x \t" * 20000, b" \r\n x" * 12000], ids=lambda value: repr(value[:5])
)
def test_hostile_white_space_costs_little(value: bytes) -> None:
    data = INVITE.replace(b"Max-Forwards:", b"Subject: " + value + b"x\r\nMax-Forwards:")
    began = time.process_time()
    shortest(data)
    of_length(data, len(data) - 1)
    assert time.process_time() - began < 0.5
