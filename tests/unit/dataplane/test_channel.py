"""Messages between the processes, however the octets are cut."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.dataplane.channel import LARGEST, Decoder, call, encode
from applianced.errors import DataplaneError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=5)


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=10))
def test_any_split_gives_the_same_messages(messages: list[dict[str, object]], cuts: list[int]) -> None:
    octets = b"".join(map(encode, messages))
    places = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    decoder = Decoder()
    found = [message for start, end in pairwise(places) for message in decoder.feed(octets[start:end])]
    assert found == messages


@given(st.binary(max_size=200))
def test_hostile_octets_raise_what_their_reader_expects(octets: bytes) -> None:
    """ValueError for what is no JSON, DataplaneError for the rest; never more memory than was sent."""
    try:
        for message in Decoder().feed(octets):
            assert isinstance(message, dict)
    except (DataplaneError, ValueError):
        return


def test_too_large() -> None:
    with pytest.raises(DataplaneError, match="message of"):
        Decoder().feed((LARGEST + 1).to_bytes(4, "big"))


def test_not_an_object() -> None:
    body = json.dumps([1]).encode()
    with pytest.raises(DataplaneError, match="not an object"):
        Decoder().feed(len(body).to_bytes(4, "big") + body)


def test_call_skips_events_and_returns_the_answer() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(encode({"events": []}) + encode({"ok": True, "value": 1}))
        assert call(ours, {"op": "x"}) == {"ok": True, "value": 1}
        assert Decoder().feed(theirs.recv(1000)) == [{"op": "x"}]


def test_call_raises_refusals() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(encode({"ok": False, "what": "nft", "detail": "no"}))
        with pytest.raises(DataplaneError, match="nft: no"):
            call(ours, {"op": "x"})


def test_call_raises_when_the_other_side_goes() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours):
        theirs.shutdown(socket.SHUT_WR)
        with closing(theirs), pytest.raises(DataplaneError, match="closed the connection"):
            call(ours, {"op": "x"})
