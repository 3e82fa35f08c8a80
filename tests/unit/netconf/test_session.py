"""Hello and the choice of framing."""

from __future__ import annotations

import pytest

from applianced.errors import ProtocolError
from applianced.netconf.framing import Framing, Message, frame
from applianced.netconf.session import BASE_1_0, BASE_1_1, HELLO_MAX, Session

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"


def received(session: Session, data: bytes) -> list[Message]:
    session.feed(data)
    return list(session.messages())


def hello(*capabilities: str, extra: str = "") -> bytes:
    listed = "".join(f"<capability>{uri}</capability>" for uri in capabilities)
    return f'<hello xmlns="{NC}"><capabilities>{listed}</capabilities>{extra}</hello>'.encode()


@pytest.mark.parametrize("first", [Framing.END_OF_MESSAGE, Framing.CHUNKED])
@pytest.mark.parametrize(
    ("offered", "then"),
    [
        ((BASE_1_0,), Framing.END_OF_MESSAGE),
        ((BASE_1_1,), Framing.CHUNKED),
        ((BASE_1_0, BASE_1_1), Framing.CHUNKED),
    ],
)
def test_framing_follows_the_hello(first: Framing, offered: tuple[str, ...], then: Framing) -> None:
    session = Session(1, [BASE_1_0, BASE_1_1])
    stream = frame(hello(*offered), first) + frame(b"<one/>", then) + frame(b"<two/>", then)
    assert [message for octet in stream for message in received(session, bytes([octet]))] == [b"<one/>", b"<two/>"]
    assert b"".join(session.send((b"<r>", b"</r>"))) == frame(b"<r></r>", then)


@pytest.mark.parametrize(
    "first",
    [
        hello("urn:other"),
        hello(BASE_1_1, extra="<session-id>1</session-id>"),
        f'<rpc xmlns="{NC}" message-id="1"><get/></rpc>'.encode(),
        b'<hello xmlns="urn:other"/>',
        b"garbage",
    ],
)
def test_a_bad_hello_ends_the_session(first: bytes) -> None:
    with pytest.raises(ProtocolError):
        received(Session(1, []), frame(first, Framing.END_OF_MESSAGE))


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"<hello/>", f'<hello> is in namespace "": it must be in "{NC}"'),
        (b'<hello xmlns="urn:other"/>', f'<hello> is in namespace "urn:other": it must be in "{NC}"'),
        (f'<rpc xmlns="{NC}"/>'.encode(), "the first message is <rpc>, not <hello>"),
    ],
)
def test_a_bad_hello_is_explained(first: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        received(Session(1, []), frame(first, Framing.END_OF_MESSAGE))


def test_a_hello_that_never_ends_is_cut_off() -> None:
    session = Session(1, [])
    assert received(session, b"x" * HELLO_MAX) == []
    with pytest.raises(ProtocolError):
        received(session, b"x")


def test_what_the_client_offers_is_told_once() -> None:
    session = Session(1, [BASE_1_0])
    assert session.take_offered() == frozenset()
    assert received(session, frame(hello(BASE_1_0, "urn:x"), Framing.END_OF_MESSAGE)) == []
    assert session.take_offered() == {BASE_1_0, "urn:x"}
    assert session.take_offered() == frozenset()


def test_own_hello_names_the_session() -> None:
    text = Session(42, ["urn:a?b&c"]).hello()
    assert b"<session-id>42</session-id>" in text
    assert b"urn:a?b&amp;c" in text
    assert text.endswith(b"]]>]]>")
