"""RFC 6242 section 4, in any pieces."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.netconf.framing import LONG_FROM, STEPS_MAX, Deframer, Framing, LongMessage, frame, frame_parts

END = b"]]>]]>"
TEXT = st.binary(min_size=1, max_size=200)


def deframe(framing: Framing, stream: bytes, cuts: list[int], limit: int = 1 << 20) -> list[bytes]:
    """The messages of a stream that arrives cut at these places."""
    deframer = Deframer(framing, limit)
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts}), len(stream)]
    found = []
    for start, end in pairwise(places):
        deframer.feed(stream[start:end])
        while (message := deframer.next()) is not None or deframer.unread:
            if message is not None:
                found.append(message if isinstance(message, bytes) else message.joined())
    return found


@given(st.lists(TEXT, max_size=5), st.lists(st.integers(0, 2000), max_size=20))
def test_chunked_messages_arrive_in_any_pieces(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(message, Framing.CHUNKED) for message in messages)
    assert deframe(Framing.CHUNKED, stream, cuts) == messages


@given(TEXT, st.lists(st.integers(1, 50), min_size=1, max_size=20), st.lists(st.integers(0, 2000), max_size=20))
def test_a_message_in_any_chunks(message: bytes, sizes: list[int], cuts: list[int]) -> None:
    chunks, rest = [], message
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    stream = b"".join(b"\n#%d\n%b" % (len(chunk), chunk) for chunk in [*chunks, rest] if chunk) + b"\n##\n"
    assert deframe(Framing.CHUNKED, stream, cuts) == [message]


@given(st.lists(TEXT.filter(lambda text: END not in text + END[:5]), max_size=5), st.lists(st.integers(0, 2000)))
def test_end_of_message_in_any_pieces(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(message, Framing.END_OF_MESSAGE) for message in messages)
    assert deframe(Framing.END_OF_MESSAGE, stream, cuts) == messages


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5), st.sampled_from(Framing))
def test_any_octets_give_messages_or_a_protocol_error(stream: bytes, cuts: list[int], framing: Framing) -> None:
    with suppress(ProtocolError):
        deframe(framing, stream, cuts, limit=100)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\n#x\n", id="size is no number"),
        pytest.param(b"\n#0\n", id="size 0"),
        pytest.param(b"\n#01\na\n##\n", id="leading zero"),
        pytest.param(b"\n#4294967296\n", id="size too big"),
        pytest.param(b"\n#99999999999", id="eleven digits"),
        pytest.param(b"<rpc/>]]>]]>", id="end-of-message framing"),
        pytest.param(b"\n##\n", id="end without a chunk"),
        pytest.param(b"\n#1\nab\n##\n", id="more than announced"),
    ],
)
def test_what_rfc_6242_forbids_ends_the_session(stream: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        deframe(Framing.CHUNKED, stream, list(range(len(stream))))
    assert caught.value.event == "bad-framing"


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
def test_size_limit_is_exact(framing: Framing) -> None:
    assert deframe(framing, frame(b"x" * 100, framing), [], limit=100) == [b"x" * 100]
    with pytest.raises(ProtocolError) as caught:
        deframe(framing, frame(b"x" * 101, framing), [], limit=100)
    assert caught.value.event == "message-too-big"


def test_a_chunk_that_is_too_big_is_refused_at_its_header() -> None:
    with pytest.raises(ProtocolError, match="100 octets"):
        deframe(Framing.CHUNKED, b"\n#101\n", [], limit=100)


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
def test_long_messages_stay_in_pieces(framing: Framing) -> None:
    deframer = Deframer(framing)
    text = b"<a>" + b"x" * 8 * LONG_FROM + b"</a>"
    stream = frame(text, framing) * 2
    found = []
    for at in range(0, len(stream), 50_000):
        deframer.feed(stream[at : at + 50_000])
        while (message := deframer.next()) is not None:
            assert isinstance(message, LongMessage)
            found.append(message)
    assert [message.joined() for message in found] == [text, text]
    assert [len(message) for message in found] == [len(text), len(text)]
    assert min(len(message.pieces) for message in found) > 1
    assert max(len(piece) for message in found for piece in message.pieces) < 4 * LONG_FROM
    assert not deframer.amid


@pytest.mark.parametrize("one", [b"\n#1\nx", b"\n#1\nx\n##\n"])
def test_what_comes_in_crumbs_is_taken_apart_with_pauses(one: bytes) -> None:
    deframer = Deframer(Framing.CHUNKED)
    count = 10 * STEPS_MAX
    deframer.feed(one * count + b"\n#1\nx\n##\n")
    found, pauses = bytearray(), 0
    while (message := deframer.next()) is not None or deframer.unread:
        if message is None:
            pauses += 1
        else:
            assert isinstance(message, bytes)
            found += message
    assert found == b"x" * (count + 1)
    assert pauses >= 10
    assert not deframer.amid


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
def test_the_first_message_decides(framing: Framing) -> None:
    assert deframe(Framing.UNDECIDED, frame(b"<hello/>", framing), list(range(20))) == [b"<hello/>"]


def test_line_ends_between_messages_begin_nothing() -> None:
    deframer = Deframer(Framing.END_OF_MESSAGE)
    deframer.feed(b"<a/>]]>]]>\r\n")
    assert deframer.next() == b"<a/>"
    assert not deframer.amid
    deframer.feed(b"<b")
    assert deframer.amid


def test_what_is_held_is_counted_and_can_be_dropped() -> None:
    deframer = Deframer(Framing.CHUNKED)
    deframer.feed(b"\n#10\nabcd")
    assert deframer.next() is None
    assert deframer.held == 4
    deframer.feed(b"efghij\n##\n")
    assert deframer.next() == b"abcdefghij"
    assert deframer.held == 0
    deframer.feed(b"\n#10\nabcd")
    assert deframer.next() is None
    deframer.drop()
    assert (deframer.held, deframer.amid) == (0, False)


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
@pytest.mark.parametrize("size", [0, LONG_FROM - 4, LONG_FROM])
def test_parts_are_one_message(framing: Framing, size: int) -> None:
    body = b"x" * size
    parts = frame_parts((b"<a>", body, b"</"), framing)
    assert b"".join(parts) == frame(b"<a>" + body + b"</", framing)
    # The long one is not copied.
    assert any(part is body for part in parts) == (size + 5 >= LONG_FROM)
