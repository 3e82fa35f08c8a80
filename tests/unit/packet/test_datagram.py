"""Datagrams in IP packets: read, and sent on changed, with every length and checksum right."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.model.tuples import UDP, Endpoint, FlowTuple, packed
from applianced.packet.datagram import MOST, Datagram, GrowthError
from applianced.packet.ip import ones_sum
from tests.support.datagrams import octets

V4 = Endpoint(packed("10.0.0.1"), 1000), Endpoint(packed("192.0.2.1"), 69)
V6 = Endpoint(packed("fd00::1"), 1000), Endpoint(packed("2001:db8::1"), 69)
HEADERS = {4: 28, 6: 48}


def with_checksum(raw: bytes) -> bytes:
    """The same packet with a UDP checksum, which is not checked when read."""
    packet = bytearray(raw)
    at = 20 if raw[0] >> 4 == 4 else 40
    packet[at + 6 : at + 8] = b"\x12\x34"
    return bytes(packet)


def verify(raw: bytes) -> None:
    """Every length and checksum holds; a receiver's sum over all of it is all ones (RFC 1071)."""
    v4 = raw[0] >> 4 == 4
    at = 20 if v4 else 40
    assert int.from_bytes(raw[2:4] if v4 else raw[4:6]) == len(raw) - (0 if v4 else 40)
    assert int.from_bytes(raw[at + 4 : at + 6]) == len(raw) - at
    if v4:
        assert ones_sum(raw[:20]) == 0
    if raw[at + 6 : at + 8] != b"\0\0":
        pseudo = raw[12 if v4 else 8 : at] + UDP.to_bytes(2) + (len(raw) - at).to_bytes(4)
        assert ones_sum(pseudo + raw[at:]) == 0


@pytest.mark.parametrize("ends", [V4, V6], ids=["ipv4", "ipv6"])
def test_reads(ends: tuple[Endpoint, Endpoint]) -> None:
    datagram = Datagram(octets(*ends, b"words"))
    assert datagram.payload == b"words"
    assert datagram.flow == FlowTuple(UDP, *ends)


@given(st.sampled_from([V4, V6]), st.binary(max_size=1400), st.binary(max_size=1400))
def test_changed(ends: tuple[Endpoint, Endpoint], before: bytes, after: bytes) -> None:
    raw = Datagram(with_checksum(octets(*ends, before))).changed(after)
    verify(raw)
    assert Datagram(raw).payload == after
    assert Datagram(raw).flow == FlowTuple(UDP, *ends)


def test_none_stays_none() -> None:
    """RFC 768: no checksum was generated."""
    raw = Datagram(octets(*V4, b"words")).changed(b"other")
    assert raw[26:28] == b"\0\0"
    verify(raw)


def test_ipv6_has_a_checksum() -> None:
    """RFC 8200 8.1."""
    raw = Datagram(octets(*V6, b"words")).changed(b"other")
    assert raw[46:48] != b"\0\0"
    verify(raw)


def test_a_sum_of_zero_is_sent_as_ones() -> None:
    for number in range(1 << 16):
        raw = Datagram(with_checksum(octets(*V4, b""))).changed(number.to_bytes(2))
        assert raw[26:28] != b"\0\0"
        if raw[26:28] == b"\xff\xff":
            return
    raise AssertionError("no payload has this sum")


def test_what_lies_behind_the_datagram_is_no_part_of_it() -> None:
    padded = bytearray(octets(*V4, b"words") + b"padding")
    padded[2:4] = len(padded).to_bytes(2)
    datagram = Datagram(bytes(padded))
    assert datagram.payload == b"words"
    assert datagram.changed(b"words") == octets(*V4, b"words")[:10] + datagram.changed(b"words")[10:]


@pytest.mark.parametrize(
    ("before", "after", "fragmented"),
    [
        pytest.param(100, 200, False, id="small"),
        pytest.param(1400, 1300, False, id="shrinks"),
        pytest.param(1400, 1500, True, id="grows"),
        pytest.param(3000, 3100, True, id="grows-in-fragments"),
        pytest.param(3000, 2900, False, id="shrinks-in-fragments"),
    ],
)
def test_ipv4_growth_may_be_fragmented(before: int, after: int, fragmented: bool) -> None:
    raw = Datagram(octets(*V4, bytes(before))).changed(bytes(after))
    assert bool(raw[6] & 0x40) is not fragmented
    assert (raw[4:6] != b"\0\0") is fragmented


def test_an_identification_is_kept() -> None:
    packet = bytearray(octets(*V4, bytes(1400)))
    packet[4:6] = b"\xab\xcd"
    assert Datagram(bytes(packet)).changed(bytes(1600))[4:6] == b"\xab\xcd"


@pytest.mark.parametrize(
    ("before", "after", "arrives"),
    [(1400, 1452, True), (1400, 1453, False), (1452, 1453, False), (1453, 1500, True), (3000, 4000, True)],
)
def test_ipv6_growth_over_the_usual_size_needs_a_sender_that_fragments(before: int, after: int, arrives: bool) -> None:
    datagram = Datagram(octets(*V6, bytes(before)))
    if arrives:
        assert Datagram(datagram.changed(bytes(after))).payload == bytes(after)
    else:
        with pytest.raises(GrowthError):
            datagram.changed(bytes(after))


def test_more_than_a_verdict_can_carry() -> None:
    datagram = Datagram(octets(*V4, b"x" * 60000))
    assert len(datagram.changed(bytes(MOST - 28))) == MOST
    with pytest.raises(GrowthError):
        datagram.changed(bytes(MOST - 27))


@pytest.mark.parametrize("ends", [V4, V6], ids=["ipv4", "ipv6"])
@given(st.data())
def test_broken_packets(ends: tuple[Endpoint, Endpoint], data: st.DataObject) -> None:
    raw = bytearray(octets(*ends, b"words"))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    with contextlib.suppress(ProtocolError):
        assert Datagram(cut).payload in cut
