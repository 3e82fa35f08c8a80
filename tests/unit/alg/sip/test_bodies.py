"""Session descriptions are found in bodies alone and in multiparts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.alg.sip.bodies import bodies, descriptions
from applianced.alg.sip.edits import rewritten
from applianced.alg.sip.messages import parse
from applianced.errors import ProtocolError
from tests.support.sip_messages import lines, only, request, sdp

MIXED = 'multipart/mixed; boundary="a b"'


def multipart(*parts: bytes, boundary: str = "a b", end: str = "--") -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + end.encode() + b"\r\n"


def part(kind: str, body: bytes, *headers: str) -> bytes:
    return lines("".join(f"{header}\n" for header in (f"Content-Type: {kind}", *headers)) + "\n") + body


def found(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(body.kind, data[body.start : body.end]) for body in bodies(parse(data))]


def test_no_body() -> None:
    assert bodies(parse(request())) == []


def test_one_body() -> None:
    data = request("INVITE", body=sdp())
    message = parse(data)
    [body] = descriptions(message)
    assert data[body.start : body.end] == sdp()
    [length] = body.lengths
    assert data[length.start : length.end].strip() == b"%d" % len(sdp())
    assert (length.body, length.body_end) == (message.body, message.end)


@pytest.mark.parametrize("kind", ["application/sdp", "application/SDP", "APPLICATION / sdp ;charset=utf-8"])
def test_the_type_of_a_description_as_it_may_be_written(kind: str) -> None:
    assert [body.kind for body in descriptions(parse(request("INVITE", body=sdp(), kind=kind)))] == [b"application/sdp"]


def test_without_content_length() -> None:
    [body] = descriptions(parse(request("INVITE", body=sdp(), length=False)))
    assert body.lengths == ()
    [body] = descriptions(parse(request("INVITE", body=sdp(), length=False, kind="application/sdp;x")))
    assert body.lengths == ()


@pytest.mark.parametrize("kind", ["", "sdp", ";"])
def test_a_type_that_cannot_be_read_is_none(kind: str) -> None:
    assert [body.kind for body in bodies(parse(request("INVITE", body=sdp(), kind=kind)))] == [b""]


def test_parts() -> None:
    inner = multipart(part("application/sdp", sdp(), "Content-Length: 1"), boundary="in", end="--")
    data = request(
        "INVITE",
        body=b"preamble\r\n"
        + multipart(b"\r\nplain", part("text/plain", b""), part("multipart/alternative;boundary=in", inner)),
        kind=MIXED,
    )
    assert found(data) == [(b"", b"plain"), (b"text/plain", b""), (b"application/sdp", sdp())]
    [body] = descriptions(parse(data))
    assert len(body.lengths) == 2


def test_edits_correct_every_length_around_them() -> None:
    """Of a part (though no standard asks for one), of the multipart around it, of the message."""
    description = sdp()
    inner = multipart(part("application/sdp", description, f"l: {len(description)}"), boundary="in")
    outer = multipart(
        part("multipart/related;boundary=in", inner, f"Content-Length:\n {len(inner)}"), part("text/plain", b"z")
    )
    data = request("INVITE", body=outer, kind=MIXED)
    message = parse(data)
    [body] = descriptions(message)
    at = data.index(b"10.0.0.2", body.start)
    changed = rewritten(message, [(at, at + 8, b"203.0.113.200"), (body.end, body.end, b"a=x" * 40 + b"\r\n")])
    again = parse(changed)
    assert again.end == len(changed)
    [after] = descriptions(again)
    assert (
        changed[after.start : after.end]
        == description.replace(b"10.0.0.2", b"203.0.113.200", 1) + b"a=x" * 40 + b"\r\n"
    )
    for length in after.lengths:
        assert int(changed[length.start : length.end]) == length.body_end - length.body


@pytest.mark.parametrize("header", ["Content-Encoding: gzip", "e: deflate"])
def test_what_is_encoded_is_no_description(header: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        descriptions(parse(request("INVITE", header, body=sdp())))
    assert caught.value.event == "encoded-body"


def test_what_is_encoded_in_a_part() -> None:
    data = request(
        "INVITE", body=multipart(part("application/sdp", b"dj0w", "Content-Transfer-Encoding: base64")), kind=MIXED
    )
    with pytest.raises(ProtocolError):
        descriptions(parse(data))
    plain = request(
        "INVITE", body=multipart(part("application/sdp", sdp(), "Content-Transfer-Encoding: Binary")), kind=MIXED
    )
    assert len(descriptions(parse(plain))) == 1
    assert len(descriptions(parse(request("INVITE", "e: identity", body=sdp())))) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed", multipart(part("text/plain", b"x"))),
        ("multipart/mixed;boundary=" + "x" * 71, multipart(part("text/plain", b"x"), boundary="x" * 71)),
        ("multipart/mixed;boundary=", multipart(part("text/plain", b"x"))),
        (MIXED, b"nothing"),
        (MIXED, b"--a b--"),
        (MIXED, b"--a b--\r\n\r\nx\r\n"),
        (MIXED, multipart(part("text/plain", b"x"), end="")),
        (MIXED, multipart(b"Content-Type: text/plain")),
        (MIXED, multipart(*[part("text/plain", b"x")] * 17)),
    ],
)
def test_a_multipart_that_does_not_hold_together(kind: str, body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        bodies(parse(request("INVITE", body=body, kind=kind)))
    assert caught.value.event == "bad-multipart"


def test_no_more_multiparts_in_one_another_than_the_limit() -> None:
    body, kind = sdp(), "application/sdp"
    for depth in range(4):
        body, kind = multipart(part(kind, body), boundary=f"b{depth}"), f"multipart/mixed;boundary=b{depth}"
    with pytest.raises(ProtocolError) as caught:
        bodies(parse(request("INVITE", body=body, kind=kind)))
    assert caught.value.event == "bad-multipart"


pieces = st.sampled_from(
    [
        b"--a b",
        b"--a b--",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"l: 3",
        b"c: multipart/x;boundary=a b",
        b"c: application/sdp",
        b"x",
    ]
)


@given(st.lists(pieces, max_size=20).map(b"".join), st.sampled_from([MIXED, 'multipart/x;boundary="."']))
def test_any_body(body: bytes, kind: str) -> None:
    data = request("INVITE", body=body or b"x", kind=kind)
    with only(["bad-multipart"]):
        for inner in bodies(parse(data)):
            assert parse(data).body <= inner.start <= inner.end <= len(data)
