"""The usual datagram changed quickly is what it is changed with care."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.model.tuples import Endpoint, packed
from applianced.packet.datagram import Datagram
from applianced.packet.usual import changed
from tests.support.datagrams import octets

V4 = Endpoint(packed("10.0.0.1"), 1000), Endpoint(packed("192.0.2.1"), 69)
V6 = Endpoint(packed("fd00::1"), 1000), Endpoint(packed("2001:db8::1"), 69)
SUMS = st.sampled_from([b"\0\0", b"\0\1", b"\1\0", b"\xff\xff"])


@given(st.sampled_from([V4, V6]), st.binary(max_size=1400), st.binary(max_size=1400), SUMS)
def test_the_same(ends: tuple[Endpoint, Endpoint], before: bytes, after: bytes, summed: bytes) -> None:
    raw = bytearray(octets(*ends, before))
    at = 20 if raw[0] >> 4 == 4 else 40
    raw[at + 6 : at + 8] = summed
    assert changed(bytes(raw), after) == Datagram(bytes(raw)).changed(after)


def test_a_sum_of_nothing_is_all_ones() -> None:
    """RFC 768: zero says that there is none."""
    raw = bytearray(octets(*V4, b"\0\0"))
    raw[26:28] = b"\1\1"
    whole = int.from_bytes(changed(bytes(raw), b"\0\0")[26:28])
    found = changed(bytes(raw), whole.to_bytes(2))
    assert found[26:28] == b"\xff\xff"
    assert found == Datagram(bytes(raw)).changed(whole.to_bytes(2))


def test_half_a_header() -> None:
    with pytest.raises(ProtocolError):
        changed(octets(*V4, b"")[:24], b"words")
