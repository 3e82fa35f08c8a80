"""Segments against packets built, and checksums computed, independently."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.model.tuples import TCP, Endpoint, FlowTuple, packed
from applianced.packet.ip import ones_sum
from applianced.packet.segment import ACK, FIN, PSH, RST, SYN, Segment

CLIENT4, SERVER4 = packed("10.0.0.1"), packed("192.0.2.7")
CLIENT6, SERVER6 = packed("fd00::1"), packed("2001:db8::7")
NOP_OPTIONS = b"\x01" * 12
HOP_BY_HOP = b"\0\0" + bytes(6)
ROUTING = b"\0\x01" + bytes(14)
DESTINATION = b"\0\0" + bytes(6)
FRAGMENT = b"\0\0\0\0\0\0\0\x01"


def checksum(octets: bytes) -> int:
    """RFC 1071, word by word with the carry folded, as the RFC describes it."""
    total = 0
    for at in range(0, len(octets), 2):
        total += int.from_bytes(octets[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(payload: bytes, flags: int, options: bytes, sequence: int = 1000) -> bytes:
    header = struct.pack("!HHIIBBHHH", 4000, 21, sequence, 77, (20 + len(options)) << 2, flags, 512, 0, 0)
    return header + options + payload


def pseudo(source: bytes, destination: bytes, length: int) -> bytes:
    """RFC 9293 3.1; for the sum, 16 and 32 bits of length are the same."""
    return source + destination + struct.pack("!II", length, TCP)


def summed(source: bytes, destination: bytes, segment: bytes) -> bytes:
    value = checksum(pseudo(source, destination, len(segment)) + segment)
    return segment[:16] + value.to_bytes(2, "big") + segment[18:]


def ipv4(payload: bytes = b"", flags: int = ACK, options: bytes = b"", ip_options: bytes = b"") -> bytes:
    """A whole packet with right checksums."""
    segment = summed(CLIENT4, SERVER4, tcp(payload, flags, options))
    header_length = 20 + len(ip_options)
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | header_length >> 2, 0, header_length + len(segment), 9, 0x4000, 64, TCP, 0,
        CLIENT4, SERVER4,
    ) + ip_options  # fmt: skip
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:] + segment


def ipv6(
    payload: bytes = b"", flags: int = ACK, options: bytes = b"", extensions: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """A whole packet; each extension is (its number, its octets)."""
    segment = summed(CLIENT6, SERVER6, tcp(payload, flags, options))
    numbers = [number for number, _ in extensions] + [TCP]
    chain = b"".join(
        bytes((following,)) + octets[1:] for (_, octets), following in zip(extensions, numbers[1:], strict=True)
    )
    return struct.pack("!IHBB16s16s", 6 << 28, len(chain + segment), numbers[0], 64, CLIENT6, SERVER6) + chain + segment


def assert_whole(packet: bytes) -> None:
    """Lengths and both checksums hold, by our own reckoning."""
    if packet[0] >> 4 == 4:
        header = (packet[0] & 15) * 4
        assert int.from_bytes(packet[2:4], "big") == len(packet)
        assert checksum(packet[:header]) == 0
        segment, addresses = packet[header:], packet[12:20]
    else:
        assert int.from_bytes(packet[4:6], "big") == len(packet) - 40
        segment, addresses = packet[Segment(packet).transport :], packet[8:40]
    half = len(addresses) // 2
    assert checksum(pseudo(addresses[:half], addresses[half:], len(segment)) + segment) == 0


PACKETS = [
    pytest.param(ipv4(b"PORT 1\r\n", ACK | PSH), id="ipv4"),
    pytest.param(ipv4(b"PORT 1\r\n", ACK, NOP_OPTIONS), id="ipv4-tcp-options"),
    pytest.param(ipv4(b"PORT 1\r\n", ACK, ip_options=b"\x01" * 8), id="ipv4-ip-options"),
    pytest.param(ipv4(), id="ipv4-empty"),
    pytest.param(ipv6(b"EPRT 1\r\n", ACK | PSH), id="ipv6"),
    pytest.param(ipv6(b"EPRT 1\r\n", ACK, NOP_OPTIONS, ((0, HOP_BY_HOP),)), id="ipv6-hop-by-hop"),
    pytest.param(
        ipv6(b"x", ACK, b"", ((0, HOP_BY_HOP), (43, ROUTING), (44, FRAGMENT), (60, DESTINATION))), id="ipv6-chain"
    ),
]


@pytest.mark.parametrize("raw", PACKETS)
def test_parse(raw: bytes) -> None:
    segment = Segment(raw)
    v6 = raw[0] >> 4 == 6
    source, destination = (CLIENT6, SERVER6) if v6 else (CLIENT4, SERVER4)
    assert segment.v6 == v6
    assert segment.flow == FlowTuple(TCP, Endpoint(source, 4000), Endpoint(destination, 21))
    assert (segment.sequence, segment.acknowledgement) == (1000, 77)
    assert segment.flags & ACK
    assert raw.endswith(segment.payload)
    assert segment.raw[segment.start :] == segment.payload


@pytest.mark.parametrize("raw", PACKETS)
@pytest.mark.parametrize("payload", [b"", b"x", b"PORT 192,0,2,10,200,17\r\n", bytes(1400)])
def test_changed(raw: bytes, payload: bytes) -> None:
    segment = Segment(raw)
    changed = Segment(segment.changed(payload, sequence=5))
    assert changed.payload == payload
    assert changed.sequence == 5
    assert changed.raw[:2] == raw[:2]
    assert changed.raw[segment.transport + 20 : segment.start] == raw[segment.transport + 20 : segment.start]
    assert_whole(changed.raw)


@pytest.mark.parametrize("raw", PACKETS)
def test_unchanged_is_the_same_packet(raw: bytes) -> None:
    segment = Segment(raw)
    assert segment.changed(segment.payload) == raw


def test_changed_can_hold_back_the_end() -> None:
    segment = Segment(ipv4(b"QUIT\r\n", ACK | FIN))
    assert Segment(segment.changed(b"QU")).flags == ACK | FIN
    assert Segment(segment.changed(b"QU", fin=False)).flags == ACK


@pytest.mark.parametrize("raw", PACKETS)
def test_reset(raw: bytes) -> None:
    reset = Segment(Segment(raw).reset())
    assert reset.flags == RST | ACK
    assert reset.payload == b""
    assert (reset.sequence, reset.acknowledgement) == (1000, 77)
    assert reset.flow == Segment(raw).flow
    assert_whole(reset.raw)


def test_reset_of_a_syn_acknowledges_nothing() -> None:
    assert Segment(Segment(ipv4(flags=SYN)).reset()).flags == RST


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x50" + ipv4()[1:], id="version-5"),
        pytest.param(ipv4()[:30], id="cut-in-tcp"),
        pytest.param(b"\x44" + ipv4()[1:], id="short-ip-header"),
        pytest.param(ipv4()[:9] + b"\x11" + ipv4()[10:], id="udp"),
        pytest.param(ipv4()[:32] + b"\x40" + ipv4()[33:], id="tcp-header-too-short"),
        pytest.param(ipv4()[:32] + b"\xf0" + ipv4()[33:], id="tcp-header-beyond-packet"),
        pytest.param(ipv6()[:39], id="cut-in-ipv6"),
        pytest.param(ipv6(extensions=((59, bytes(8)),)), id="no-next-header"),
        pytest.param(ipv6(extensions=((60, DESTINATION),) * 9), id="endless-chain"),
        pytest.param(ipv6(extensions=((60, b"\0\xff" + bytes(6)),)), id="extension-beyond-packet"),
    ],
)
def test_malformed(raw: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        Segment(raw)
    assert caught.value.event == "malformed-packet"


HOSTILE = st.binary(max_size=120) | st.sampled_from([ipv4(b"abc"), ipv6(b"abc"), ipv6(extensions=((0, HOP_BY_HOP),))])


@given(HOSTILE, st.integers(0, 119), st.integers(0, 255), st.binary(max_size=30))
def test_hostile_octets(raw: bytes, place: int, value: int, payload: bytes) -> None:
    """Parsed or refused; what was parsed can be changed and reset."""
    mutated = bytearray(raw)
    if place < len(mutated):
        mutated[place] = value
    try:
        segment = Segment(bytes(mutated))
    except ProtocolError:
        return
    for made in (segment.changed(payload), segment.reset()):
        assert_whole(made)


@given(st.binary(max_size=200))
def test_sum_of_words(octets: bytes) -> None:
    """0 and 0xFFFF are the same number in ones' complement."""
    assert (0xFFFF - ones_sum(octets)) % 0xFFFF == checksum(octets) % 0xFFFF
