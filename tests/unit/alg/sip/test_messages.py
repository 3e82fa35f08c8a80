"""Messages are found out of their octets, or refused with the event that says why."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from applianced.alg.sip.faults import FAULTS
from applianced.alg.sip.messages import (
    CALL_ID,
    CONTACT,
    CONTENT_LENGTH,
    EXPIRES,
    FROM,
    MAX_FORWARDS,
    RECORD_ROUTE,
    REQUIRE,
    ROUTE,
    TO,
    VIA,
    Cseq,
    parse,
)
from applianced.errors import ProtocolError
from applianced.model.tuples import packed
from tests.support.sip_messages import CALL_ID as CALL_ID_LINE
from tests.support.sip_messages import FROM as FROM_LINE
from tests.support.sip_messages import TO as TO_LINE
from tests.support.sip_messages import VIA as VIA_LINE
from tests.support.sip_messages import lines, only, request, response, sdp


def refusal(data: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse(data)
    assert caught.value.event in FAULTS
    return caught.value.event


def test_a_request() -> None:
    message = parse(request("INVITE", "Contact: <sip:alice@10.0.0.2:5060>", body=sdp()))
    assert (message.method, message.status, message.cseq) == (b"INVITE", 0, Cseq(314159, b"INVITE"))
    assert message.call_id == b"a84b4c76e66710@10.0.0.2"
    assert message.data[message.body : message.end] == sdp()
    assert message.data[slice(*message.target)] == b"sip:bob@biloxi.example"
    assert message.uri().user == b"bob"
    assert message.from_tag() == b"1928301774"
    assert message.to_tag() == b""
    assert message.number(MAX_FORWARDS) == 70
    assert message.start == 0


def test_a_response() -> None:
    message = parse(response(180, "INVITE", "To: Bob <sip:bob@biloxi.example>;tag=a6c85cf"))
    assert (message.method, message.status, message.target) == (b"INVITE", 180, (0, 0))
    assert message.to_tag() == b"a6c85cf"
    assert (
        parse(lines(f"SIP/2.0 100\n{VIA_LINE}\n{FROM_LINE}\n{TO_LINE}\n{CALL_ID_LINE}\nCSeq: 1 BYE\n\n")).status == 100
    )


def test_compact_names_and_folded_lines() -> None:
    message = parse(
        lines(
            "OPTIONS sip:bob@biloxi.example SIP/2.0\nv :\n SIP / 2.0 / TCP\n\thost.example : 5070 ;branch=z9hG4bK1 ,"
            " SIP/2.0/UDP 192.0.2.1\nF: sip:a@b.example;tag=1\nt:<sip:c@d.example>\ni: x@y\ncSeQ: 0009\n  OPTIONS\n"
            "s:\nm:\n <sip:a@[2001:db8::1]:5061>\n ;q=1\n\n"
        )
    )
    first, second = message.vias()
    assert (first.transport, first.sent_by.name, first.sent_by.port, first.branch) == (
        b"TCP",
        b"host.example",
        5070,
        b"z9hG4bK1",
    )
    assert message.top_via() == first
    assert second.sent_by.address == packed("192.0.2.1")
    assert message.value(b"subject") == b""
    assert message.cseq == Cseq(9, b"OPTIONS")
    [contact] = message.addresses(CONTACT)
    assert contact.uri is not None
    assert contact.uri.host is not None
    assert contact.uri.host.address == packed("2001:db8::1")
    assert contact.uri.host.port == 5061
    assert message.data[contact.uri.host.start : contact.uri.host.end] == b"[2001:db8::1]:5061"
    quality = message.parameter(contact, b"q")
    assert quality is not None
    assert quality.value == b"1"
    assert message.parameter(contact, b"expires") is None


def test_lists_over_several_headers() -> None:
    message = parse(
        request(
            "OPTIONS",
            "Route: <sip:a.example;lr>, <sip:b.example;lr>",
            'Route: "x, <y>" <sip:c.example>',
            "Require: 100rel, Replaces",
            "Require: outbound",
            "Expires: 60 ;x (minute)",
        )
    )
    hosts = [address.uri.host.name for address in message.addresses(ROUTE) if address.uri and address.uri.host]
    assert hosts == [b"a.example", b"b.example", b"c.example"]
    assert message.values(REQUIRE) == [b"100rel, Replaces", b"outbound"]
    assert message.number(EXPIRES) == 60
    assert message.number(b"min-expires") is None
    assert message.has(ROUTE)
    assert not message.has(RECORD_ROUTE)
    assert message.addresses(RECORD_ROUTE) == []
    assert message.value(RECORD_ROUTE) == b""
    assert len(message.fields(ROUTE)) == 2
    line, start, end = message.fields(ROUTE)[1]
    assert message.data[line:end].rstrip() == b'Route: "x, <y>" <sip:c.example>'
    assert message.span(ROUTE) == message.fields(ROUTE)[0][1:]
    assert message.span(RECORD_ROUTE) is None
    assert message.data[start:].startswith(b'"x')


def test_from_and_to_are_no_lists() -> None:
    message = parse(request("OPTIONS", "From: Bell, Alexander <sip:a@b.example>;tag=43"))
    assert message.from_tag() == b"43"
    assert len(message.addresses(FROM)) == 1


def test_octets_behind_a_message_belong_to_nobody() -> None:
    whole = request("OPTIONS")
    message = parse(whole + b"INVITE sip:x SIP/2.0\r\n")
    assert message.end == len(whole)


def test_without_a_length_the_body_reaches_to_the_end() -> None:
    whole = request("INVITE", body=sdp(), length=False)
    assert parse(whole).end == len(whole)
    assert parse(whole).data[parse(whole).body :] == sdp()


def test_leading_lines_without_text() -> None:
    message = parse(b"\r\n\r\n" + request())
    assert message.start == 4
    assert message.target[0] == 12


def test_an_empty_line_may_be_missing_where_nothing_follows() -> None:
    whole = request()
    assert parse(whole[:-2]).end == len(whole) - 2
    assert refusal(whole[:-4]) == "bad-header"


def test_line_feeds_alone_end_lines_too() -> None:
    assert parse(request("OPTIONS").replace(b"\r\n", b"\n")).call_id == b"a84b4c76e66710@10.0.0.2"


@pytest.mark.parametrize(
    ("octets", "event"),
    [
        (b"", "bad-start-line"),
        (request(uri="sip:a b"), "bad-start-line"),
        (request().replace(b"OPTIONS ", b"OPTIONS  ", 1), "bad-start-line"),
        (request().replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1), "bad-start-line"),
        (response(800), "bad-start-line"),
        (request("OPTIONS", "no header"), "bad-header"),
        (request("OPTIONS", ": nothing"), "bad-header"),
        (request().replace(b"SIP/2.0\r\n", b"SIP/2.0\r\n on\r\n", 1), "bad-header"),
        (request("OPTIONS", *["X: y"] * 300), "many-headers"),
        (request().replace(b"Call-ID", b"Called"), "missing-header"),
        (request().replace(b"Via", b"Viae"), "missing-header"),
        (request().replace(b"\r\nVia", b"\r\nSubject: a\r\n b\r\nnonsense\r\nVia"), "bad-header"),
        (request().replace(b"\r\nVia", b"\nVia\nVia"), "bad-header"),
        (request("OPTIONS", "i: twice"), "repeated-header"),
        (request("OPTIONS", "CSeq: 1"), "bad-cseq"),
        (request("OPTIONS", "CSeq: 2147483648 OPTIONS"), "bad-cseq"),
        (request("OPTIONS", "CSeq: 1 INVITE"), "bad-cseq"),
        (request("OPTIONS", "Content-Length: ", length=False), "bad-length"),
        (request("OPTIONS", "Content-Length: -1", length=False), "bad-length"),
        (request("OPTIONS", "Content-Length: 1", length=False), "bad-length"),
        (request("OPTIONS", "Content-Length: 0x0", length=False), "bad-length"),
        (request("OPTIONS", "Content-Length: " + "9" * 5000, length=False), "bad-length"),
        (request("OPTIONS", "l: 0"), "repeated-header"),
    ],
)
def test_what_is_refused(octets: bytes, event: str) -> None:
    assert refusal(octets) == event


@pytest.mark.parametrize(
    "via",
    [
        "Via: SIP/2.0/UDP",
        "Via: SIP/1.0/UDP a.example",
        "Via: SIP/2.0/UDP a.example:70000",
        "Via: SIP/2.0/UDP a.example x",
        "Via: SIP/2.0/UDP 2001:db8::1",
        "Via: ,",
        "Via:",
    ],
)
def test_a_via_that_cannot_be_read(via: str) -> None:
    message = parse(request("OPTIONS", via))
    for read in (message.top_via, message.vias):
        with pytest.raises(ProtocolError) as caught:
            read()
        assert caught.value.event == "bad-via"


def test_parameters_of_a_via() -> None:
    message = parse(
        request("OPTIONS", 'Via: sip/2.0/udp a.example;x=";rport=1";RPORT;received="[::1]";maddr=224.0.1.75')
    )
    via = message.top_via()
    assert via.transport == b"UDP"
    assert via.branch == b""
    assert via.rport is not None
    assert via.rport.value == b""
    assert via.received is not None
    assert via.received.value == b"[::1]"
    assert via.maddr is not None
    assert message.data[via.maddr.start : via.maddr.end] == b";maddr=224.0.1.75"
    assert message.data[via.parameters : via.parameters + 3] == b";x="


@pytest.mark.parametrize(
    "contact",
    [
        "Contact: <sip:a@b.example",
        "Contact: sip:a@b.example>",
        'Contact: "x <sip:a@b.example>',
        'Contact: "x <sip:a@b.example>, <sip:c@d.example>',
        "Contact: <sip:a@b.example>, <sip:c@",
        "Contact: <sip:a@b.example> x",
        "Contact: <sip:a@b.example:99999>",
        "Contact: <sip:a@>",
        "Contact: <>",
        "Contact: sip:a@b.example?x=y",
        "Contact: nothing",
        "Contact: x=;",
    ],
)
def test_an_address_that_cannot_be_read(contact: str) -> None:
    message = parse(request("OPTIONS", contact))
    with pytest.raises(ProtocolError) as caught:
        message.addresses(CONTACT)
    assert caught.value.event == "bad-address"


def test_parameters_that_cannot_be_read_are_passed_over() -> None:
    via = parse(request("OPTIONS", 'Via: SIP/2.0/UDP a;; =x;y="z"w;branch=1;=')).top_via()
    assert via.branch == b"1"


def test_addresses_of_every_form() -> None:
    message = parse(
        request(
            "REGISTER",
            "Contact: *",
            "Contact: , tel:+12015550123;x=1 ,",
            "Contact: sip:10.0.0.2;expires=5",
            'Contact: "a\\"b;>" <sips:a;x=y:p@H.example;maddr=1.2.3.4?Route=%3Csip:x%3E> ;reg-id=1',
        )
    )
    star, telephone, bare, full = message.addresses(CONTACT)
    assert star.uri is None
    assert telephone.uri is not None
    assert (telephone.uri.scheme, telephone.uri.host) == (b"tel", None)
    assert bare.uri is not None
    assert bare.uri.host is not None
    assert bare.uri.host.address == packed("10.0.0.2")
    expires = message.parameter(bare, b"expires")
    assert expires is not None
    assert expires.value == b"5"
    assert full.uri is not None
    assert (full.uri.scheme, full.uri.user) == (b"sips", b"a;x=y:p")
    assert message.data[full.uri.parameters : full.uri.end] == b";maddr=1.2.3.4?Route=%3Csip:x%3E"
    assert message.parameter(full, b"reg-id") is not None


def test_no_more_entries_are_read_than_the_limit() -> None:
    short = parse(request("OPTIONS", "Route: " + ", ".join(["<sip:a.example>"] * 64)))
    assert len(short.addresses(ROUTE)) == 64
    for headers in (["Route: " + ", ".join(["<sip:a.example>"] * 66)], ["Route: <sip:a.example>"] * 65):
        with pytest.raises(ProtocolError) as caught:
            parse(request("OPTIONS", *headers)).addresses(ROUTE)
        assert caught.value.event == "many-headers"


pieces = st.sampled_from(
    [
        "INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP a;branch=1", "v: SIP/2.0/TCP [::1]:5", "m: *",
        "To: <sip:a@b>", "From: x <sip:c@d>;tag=1", "i: 1", "Call-ID: 2", "CSeq: 1 INVITE", "Contact: <sip:a@1.2.3.4>",
        "\tfold", "l: 0", "Content-Length: 5", "Route: <sip:a>,\"", "x", ":", "", " fold", "f: \"",
        "Content-Type: application/sdp",
    ]
)  # fmt: skip
messages = st.builds(
    lambda parts, end, tail: end.join(part.encode() for part in parts) + tail,
    st.lists(pieces, max_size=14), st.sampled_from([b"\r\n", b"\n"]), st.binary(max_size=9),
)  # fmt: skip


@given(st.one_of(messages, st.binary(max_size=200)))
@example(request("INVITE", body=sdp()))
def test_any_octets(data: bytes) -> None:
    """Only ProtocolError; every offset lies where it says."""
    with only(FAULTS):
        message = parse(data)
        assert 0 <= message.start < message.body <= message.end <= len(data)
        assert message.call_id == message.value(CALL_ID)
        for via in message.vias():
            host = via.sent_by
            assert host.name in data[host.start : host.end]
        for name in (FROM, TO, CONTACT, ROUTE):
            for address in message.addresses(name):
                assert message.start < address.start < address.end <= message.body
        message.uri() if not message.status else message.number(CONTENT_LENGTH)
        assert message.fields(VIA)


@pytest.mark.parametrize(
    "value",
    [
        b" " * 60000, b"\t" * 60000, b"\r\n " * 20000, b'"' * 60000, b'"\\' * 30000, b"<" * 60000, b"," * 60000,
        b";" * 60000, b";a" * 30000, b"sip:" + b"a" * 60000, b"sip:" + b":" * 60000, b"<sip:" + b" " * 60000,
        b"a" * 30000 + b" " * 30000 + b"\r\n x", b"SIP/2.0/UDP a" + b" " * 60000, b"SIP/2.0/UDP " + b"a" * 60000,
        b"SIP/2.0/UDP a" + b";x=" * 20000, b"<sip:a@" * 9000, b"[" * 60000, b"1" * 60000, b"=" * 60000,
    ],
    ids=lambda value: repr(value[:12]),
)  # fmt: skip
def test_hostile_values_cost_little(value: bytes) -> None:
    """64 KiB that make a careless pattern try again and again: half a second at the very most on a busy machine."""
    name = b"Via" if value.startswith(b"SIP") else b"Contact"
    data = request().replace(b"Max-Forwards", name + b": " + value + b"\r\nMax-Forwards")
    began = time.process_time()
    with only(FAULTS):
        message = parse(data)
        message.value(CONTACT)
        with only(FAULTS):
            message.addresses(CONTACT)
        message.vias()
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("sip:a@b.example;tag=1", b"1"),
        ("<sip:a@b.example>\n ; tag = 1", b"1"),
        ('"x;tag=2" <sip:a@b.example>;x=";tag=3";TAG=1', b"1"),
        ("<tel:+1>;tag=1", b"1"),
        ("Alice B <sip:a@b.example>;tag=1", b"1"),
        ('"Alice" <sip:a;tag=2@b.example>', b""),
        ("sip:a@b.example", b""),
        (r"\"Al\" <sip:a@b.example>;tag=1", b"1"),
        (r"\"Al\" <sip:a@b.example>;x=2 ; Tag =1;y", b"1"),
        (r"\"Al\" <sip:a@b.example>", b""),
    ],
)
def test_tags_however_they_are_written(value: str, tag: bytes) -> None:
    assert parse(request("OPTIONS", f"From: {value}")).from_tag() == tag
