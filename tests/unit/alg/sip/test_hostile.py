"""Messages that somebody means ill with: what they must not crash, delay, open or let out."""

from __future__ import annotations

import time
from typing import Any

import pytest

from applianced.alg.actions import Bind, HandOver, Note, OpenControl, OpenMedia
from applianced.alg.sip import DESCRIPTOR, Books, Datagrams, SipSettings
from applianced.alg.sip.messages import NAME_LIMIT
from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.gatekeeper import GateLimits
from applianced.model.tuples import ORIGINAL, REPLY, UDP, Endpoint, packed
from tests.support.datagrams import bench_of
from tests.support.dialog import DatagramPlayer, control_session

INSIDE, OUTSIDE, SERVER = b"10.0.0.2", b"192.0.2.1", b"198.51.100.9"


def player(*, translated: bool = True, **leaves: Any) -> DatagramPlayer:
    """A phone and a server, both on port 5060; NAT makes the phone's 6060."""
    session = control_session("10.0.0.2", "198.51.100.9", 5060, 5060, UDP, ("trust", "untrust"))
    translation = {packed("10.0.0.2"): packed("192.0.2.1")} if translated else {}
    return DatagramPlayer(Datagrams(SipSettings(**leaves), session, Books()), DESCRIPTOR.events, translation,
                          session=session)  # fmt: skip


def message(first: bytes, via: bytes, *headers: bytes, method: bytes = b"INVITE", body: bytes = b"") -> bytes:
    """One with the headers that all must have."""
    lines = (
        first, b"Via: SIP/2.0/UDP " + via + b";branch=z9hG4bK1;rport", b"From: <sip:a@example.com>;tag=a",
        b"To: <sip:b@example.com>" + (b";tag=b" if first.startswith(b"SIP") else b""), b"Call-ID: 1",
        b"CSeq: 1 " + method, *headers, *((b"Content-Type: application/sdp",) if body else ()),
        b"Content-Length: %d" % len(body),
    )  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def media(address: bytes, port: int = 4000) -> bytes:
    return b"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n" % (
        address, address, port,
    )  # fmt: skip


def asked(played: DatagramPlayer, kind: type) -> list[Any]:
    return [action for _, action, _ in played.log if isinstance(action, kind)]


def options(*headers: bytes, own: bytes = INSIDE) -> bytes:
    return message(b"OPTIONS sip:b@example.com SIP/2.0", own + b":5060", *headers, method=b"OPTIONS")


def test_a_port_that_is_none_binds_nothing() -> None:
    """The engine would take a port for it, fail, and never give it back."""
    bench = bench_of(DESCRIPTOR)
    begin = options(own=b"10.0.0.1")
    bench.say(begin, mark=ALG_NUMBERS["sip"] | CONTROL)
    for _ in range(3):
        refused = bench.say(options(b"Contact: <sip:a@10.0.0.1:99999>", own=b"10.0.0.1"))
        assert refused.dropped
    assert bench.count("bad-address") == 3
    assert not bench.ports.held


@pytest.mark.parametrize(
    "header",
    [
        b'P-Asserted-Identity: "a" <sip:a@x>' + b",sip:x@10.0.0.2" * 4000,
        b"P-Asserted-Identity: " + b'"' * 30000 + b"sip:x@10.0.0.2," * 1900,
        b"Refer-To: " + b"x@10.0.0.2;" * 5400,
        b'Warning: "' + b" 10.0.0.2" * 6600,
    ],
    ids=["identities", "quotes", "no-end", "warning"],
)
def test_many_hosts_in_one_header_cost_no_more_than_linear_time(header: bytes) -> None:
    took = []
    for part in (header[: len(header) // 4], header):
        played = player()
        begin = time.process_time()
        played.feed(ORIGINAL, options(part))
        took.append(time.process_time() - begin)
    assert took[1] < 0.5 or took[1] < 8 * took[0]


def test_a_registrar_opens_no_port_that_the_phone_has_not_said() -> None:
    played = player(translated=False)
    contact = b"Contact: <sip:a@10.0.0.2:5060>"
    played.feed(ORIGINAL, message(b"REGISTER sip:example.com SIP/2.0", INSIDE, contact, method=b"REGISTER"))
    answer = message(b"SIP/2.0 200 OK", INSIDE, contact, b"Contact: <sip:a@10.0.0.2:3306>", method=b"REGISTER")
    played.feed(REPLY, answer)
    assert [gate.inside.port for gate in asked(played, OpenControl)] == [5060]
    assert "note refused-address '10.0.0.2:3306 was not to be registered'" in "\n".join(played.summary())


def test_who_registers_is_handed_on_with_its_contacts() -> None:
    played = player(translated=False)
    contact = b"Contact: <sip:a@10.0.0.2:5070>"
    played.feed(ORIGINAL, message(b"REGISTER sip:example.com SIP/2.0", INSIDE, contact, method=b"REGISTER"))
    books = played.alg.context.books
    kept = {key: values for key, values in books.changes() if values is not None}
    after = Books()
    after.restore(kept)
    played.alg = Datagrams(SipSettings(), played.session, after)
    played.feed(REPLY, message(b"SIP/2.0 200 OK", INSIDE, contact, method=b"REGISTER"))
    assert [gate.inside.port for gate in asked(played, OpenControl)] == [5070]


def call(played: DatagramPlayer, answered: bytes) -> None:
    """The phone calls, and the server answers with media at this address."""
    played.feed(ORIGINAL, message(b"INVITE sip:b@example.com SIP/2.0", INSIDE + b":5060", body=media(INSIDE)))
    played.feed(REPLY, message(b"SIP/2.0 200 OK", OUTSIDE + b":6060", body=media(answered, 4500)))


@pytest.mark.parametrize(
    "address", [b"10.0.0.99", b"192.168.1.1", b"10.0.0.2", b"192.0.2.1", b"127.0.0.1", b"224.1.1.1", b"255.255.255.255"]
)
def test_an_outside_party_names_no_inside_address(address: bytes) -> None:
    """Else whoever is called opens a way from the phone to any inside host, past every policy."""
    played = player()
    call(played, address)
    assert not asked(played, OpenMedia)
    assert "note refused-address" in "\n".join(played.summary())


def test_an_outside_party_names_another_outside_address() -> None:
    played = player()
    call(played, b"203.0.113.77")
    assert len(asked(played, OpenMedia)) == 1


def test_what_stands_behind_an_outside_endpoint_is_not_told_outside() -> None:
    played = player()
    played.outside[Endpoint(packed("192.0.2.1"), 51000)] = Endpoint(packed("10.0.0.77"), 4000)
    played.feed(ORIGINAL, message(b"INVITE sip:b@example.com SIP/2.0", INSIDE, body=media(OUTSIDE, 51000)))
    assert b"10.0.0.77" not in played.sent(ORIGINAL)


def test_a_forged_hello_of_dtls_does_not_end_a_session() -> None:
    played = player()
    played.feed(ORIGINAL, options())
    played.feed(REPLY, b"\x16\xfe\xfd")
    assert not asked(played, HandOver)
    assert "refuse" in played.summary()[-1]
    played.feed(ORIGINAL, options(b"Subject: again"))
    assert INSIDE not in played.out[-1][1]


def test_a_session_that_begins_with_dtls_is_left_alone() -> None:
    played = player()
    played.feed(ORIGINAL, b"\x16\xfe\xfd")
    assert asked(played, HandOver)
    assert not asked(played, Bind)


@pytest.mark.parametrize("limits", [GateLimits(per_source=20), GateLimits(bindings_per_source=20)])
def test_one_host_does_not_take_every_outside_port(limits: GateLimits) -> None:
    """Each call names other ports; nobody answers."""
    bench = bench_of(DESCRIPTOR)
    bench.start(limits)
    bench.say(options(own=b"10.0.0.1"), mark=ALG_NUMBERS["sip"] | CONTROL)
    for number in range(12):
        many = b"".join(b"m=audio %d RTP/AVP 0\r\n" % (2000 + 20 * number + 2 * line) for line in range(4))
        offer = media(b"10.0.0.1", 30000 + 2 * number) + many
        invite = message(b"INVITE sip:b@example.com SIP/2.0", b"10.0.0.1", body=offer)
        bench.say(invite.replace(b"Call-ID: 1", b"Call-ID: %d" % number).replace(b"z9hG4bK1", b"z9hG4bK%d" % number))
    assert len(bench.ports.held) == 40
    assert bench.count("bindings-refused-source") == 8


HEAD = b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nt=0 0\r\n"
OWN, HOLD = b"c=IN IP4 10.0.0.2\r\n", b"c=IN IP4 0.0.0.0\r\n"
CANDIDATE = b"a=candidate:1 1 UDP 1 10.0.0.2 5000 typ host\r\n"


@pytest.mark.parametrize(
    "description",
    [
        HEAD + b"m=audio 500 RTP/AVP 0\r\n" + OWN,
        HEAD + b"m=audio 4000 RTP/AVP 0\r\n" + OWN + b"m=video 0 RTP/AVP 0\r\n" + OWN,
        HEAD + b"m=application 5000 SCTP x\r\n" + OWN,
        HEAD + HOLD + b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" + CANDIDATE,
        HEAD + OWN + b"m=audio 500 RTP/AVP 0\r\n" + CANDIDATE,
        HEAD + HOLD + b"m=audio 4000 RTP/AVP 0\r\na=rtcp:5001 IN IP4 10.0.0.2\r\n",
        HEAD + OWN + b"m=message 2855 TCP/MSRP *\r\na=path:msrp://10.0.0.2:2856/x;tcp\r\n",
    ],
    ids=["low-port", "refused", "of-no-kind", "trickled", "low-port-with-ice", "rtcp-on-hold", "other-path"],
)
@pytest.mark.parametrize("first", [b"INVITE sip:b@example.com SIP/2.0", b"OPTIONS sip:b@example.com SIP/2.0"])
def test_no_description_tells_an_inside_address(first: bytes, description: bytes) -> None:
    played = player()
    played.feed(ORIGINAL, message(first, INSIDE, method=first.split()[0], body=description))
    assert played.sent(ORIGINAL)
    assert INSIDE not in played.sent(ORIGINAL)


LONG = b"x" * (NAME_LIMIT + 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Call-ID: 1", b"Call-ID: " + LONG),
        (b"branch=z9hG4bK1", b"branch=z9hG4bK" + LONG),
        (b";tag=a", b";tag=" + LONG),
        (b'<sip:a@example.com>;tag=a', b'"\\"" <sip:a@example.com>;tag=' + LONG),
    ],
    ids=["call-id", "branch", "tag", "odd-tag"],
)  # fmt: skip
def test_long_names_are_not_remembered(before: bytes, after: bytes) -> None:
    """62 KiB of them in each message would fill the memory of a worker."""
    played = player()
    invite = message(b"INVITE sip:b@example.com SIP/2.0", INSIDE, body=media(INSIDE))
    played.feed(ORIGINAL, invite.replace(before, after))
    assert not played.out
    assert [note.event for note in asked(played, Note)].count("long-name") == 1
    assert not played.alg.context.books.calls
    played.feed(ORIGINAL, invite)
    assert played.out


def test_vias_beyond_what_is_kept() -> None:
    """Of a request with a hundred hops nobody waits for the answer."""
    played = player()
    vias = b"Via: " + b", ".join(b"SIP/2.0/UDP hop%d.example;branch=%s" % (hop, b"x" * 100) for hop in range(50))
    played.feed(ORIGINAL, options(vias))
    assert not played.out
    assert [note.event for note in asked(played, Note)][-2:] == ["many-headers", "refused-message"]
