"""The two forms of the DNS ALG where they differ."""

from __future__ import annotations

import pytest

from applianced.alg.actions import Note, Pass, Rewrite
from applianced.alg.contract import Descriptor
from applianced.alg.dns import DESCRIPTOR, Datagrams, DnsSettings, Stream
from applianced.alg.dns.events import EVENTS
from applianced.alg.dns.messages import read
from applianced.errors import ProtocolError
from applianced.model.tuples import ORIGINAL, REPLY, TCP, UDP
from tests.support.dialog import Player, control_session
from tests.support.dns_messages import CNAME, POINTER, A, address, message, name, question, record, reply

ROWS = (("203.0.113.0/24", "10.0.5.0/24", ("untrust",)),)


def stream(**more: object) -> Player:
    session = control_session("10.0.0.2", "192.0.2.53", 40000, 53, TCP, ("trust", "untrust"))
    settings = DnsSettings(static_nat=ROWS, **more)  # type: ignore[arg-type]
    return Player(Stream(settings, session), EVENTS, session=session)


def framed(*messages: bytes) -> bytes:
    return b"".join(len(each).to_bytes(2) + each for each in messages)


@pytest.mark.parametrize("plain", [True, False])
def test_many_messages_in_one_segment(plain: bool) -> None:
    played = stream()
    played.plain = plain
    played.feed(ORIGINAL, framed(message(), message(identification=8)))
    replies = framed(reply(address("203.0.113.3")), reply(address("192.0.2.1"), identification=8))
    played.feed(REPLY, replies + b"\0")
    assert played.sent(REPLY) == replies.replace(bytes((203, 0, 113, 3)), bytes((10, 0, 5, 3)))
    assert played.waiting[REPLY] == b"\0"


def test_two_translated_replies_in_one_segment() -> None:
    played = stream()
    played.feed(ORIGINAL, framed(message(), message(identification=8)))
    played.feed(REPLY, framed(reply(address("203.0.113.3")), reply(address("203.0.113.4"), identification=8)))
    assert sum(isinstance(action, Rewrite) for _, action, _ in played.log) == 2


def test_an_oversize_transfer_goes_on() -> None:
    """RFC 5936 2.2: the parts that are not inspected leave its query open."""
    played = stream()
    asked = question("example.test", 252)
    played.feed(ORIGINAL, framed(message(asked=asked)))
    large = reply(*[record(16, bytes(200)) for _ in range(60)], asked=asked)
    small = reply(address("192.0.2.1"), asked=asked)
    for piece in (framed(large)[:100], framed(large)[100:5000], framed(large)[5000:], framed(small)):
        played.feed(REPLY, piece)
    assert played.sent(REPLY) == framed(large, small)
    assert [action for _, action, _ in played.log if isinstance(action, Note)] == [Note("oversize")]


def test_nothing_of_a_message_leaves_early() -> None:
    played = stream()
    assert played.alg.urge(ORIGINAL, framed(message())[:9]) == 0
    assert list(played.alg.octets(ORIGINAL, framed(message())[:9])) == []
    assert list(played.alg.octets(ORIGINAL, b"\0")) == []
    assert list(played.alg.octets(ORIGINAL, b"\xff\xff" + bytes(100))) == []
    assert list(played.alg.end(ORIGINAL, b"")) == []


@pytest.mark.parametrize(("form", "protocol"), [(Datagrams, UDP), (Stream, TCP)])
def test_nothing_outlives_a_worker(form: type[Datagrams] | type[Stream], protocol: int) -> None:
    assert not DESCRIPTOR.kept
    alg = form(DnsSettings(), control_session("10.0.0.2", "192.0.2.53", 40000, 53, protocol))
    assert alg.snapshot() == ()
    alg.restore(())


def test_another_query_than_the_oldest_is_answered_without_a_question() -> None:
    played = stream()
    played.feed(ORIGINAL, framed(message(), message(identification=8)))
    error = message(asked=b"", identification=8, flags=0x8182)
    played.feed(REPLY, framed(error))
    assert played.sent(REPLY) == framed(error)


def test_pointers_to_pointers() -> None:
    """A name that ends in a name that ends in a name (RFC 1035 4.1.4)."""
    at = len(reply())
    first = record(CNAME, b"\x01b" + POINTER, owner=b"\x01a" + POINTER)
    second = record(A, bytes(4), owner=b"\x01c" + (0xC000 | at).to_bytes(2))
    third = record(A, bytes(4), owner=(0xC000 | at + len(first)).to_bytes(2))
    fourth = record(A, bytes(4), owner=(0xC000 | at + 2).to_bytes(2))  # to the pointer in the first
    assert len(read(reply(first, second, third, fourth)).addresses) == 3


def test_a_name_that_is_too_long_by_its_pointer_alone() -> None:
    long = (b"\x3f" + b"a" * 63) * 3 + b"\x3c" + b"b" * 60 + b"\0"
    whole = record(16, b"", owner=long)
    at = len(reply())
    ended = record(16, b"", owner=(0xC000 | at).to_bytes(2))
    longer = record(16, b"", owner=b"\x01c" + (0xC000 | at).to_bytes(2))
    read(reply(whole, ended))
    with pytest.raises(ProtocolError) as caught:
        read(reply(whole, ended, longer))
    assert caught.value.event == "long-name"


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_question_that_is_cut(cut: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(message()[:-cut])
    assert caught.value.event == "bad-count"


@pytest.mark.parametrize(
    "tolerated",
    [
        pytest.param(message(asked=question("a.test", 252)) + b"MS", id="the-mark-of-a-maker-behind-a-transfer-query"),
        pytest.param(message(asked=question("a.test", 6), flags=0xA804) + bytes(16), id="not-implemented-turned-round"),
    ],
)
def test_octets_behind_the_last_record_that_real_programs_send(tolerated: bytes) -> None:
    read(tolerated)


def test_names_have_no_case() -> None:
    assert read(message(asked=question("A.b"))).question == read(message(asked=question("a.B"))).question
    assert (
        read(message(asked=name("a") + b"\0\x41\0\1")).question
        != read(message(asked=name("a") + b"\0\x61\0\1")).question
    )


def test_a_descriptor_needs_a_form_for_each_transport() -> None:
    with pytest.raises(ValueError, match="sip: no form for IP protocol 6"):
        Descriptor(name="sip", ports=((UDP, 5060), (TCP, 5060)), settings=DnsSettings, events={}, datagrams=Datagrams)


def test_what_passes_is_said_at_once() -> None:
    played = stream()
    played.plain = False
    played.feed(ORIGINAL, framed(message(), message(identification=8)))
    passed = [action.octets for _, action, _ in played.log if isinstance(action, Pass)]
    assert sum(passed) == len(framed(message(), message(identification=8)))
