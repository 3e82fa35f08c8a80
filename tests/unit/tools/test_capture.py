"""Every link type and both formats; whatever breaks off or lies gives ProtocolError or what came before."""

from __future__ import annotations

import contextlib
import io
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.errors import ProtocolError
from applianced.tools.capture import FRAME_LIMIT, Packet, packets

V4 = b"\x45\0\0\x18" + bytes(16) + b"data"
V6 = b"\x60\0\0\0\0\x04\x06\x40" + bytes(32) + b"data"
MACS = bytes(12)


def pcap(*frames: bytes, link: int = 1, order: str = "<", nano: bool = False) -> bytes:
    header = pack(order + "IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return header + b"".join(pack(order + "IIII", 7, 500, len(frame), len(frame)) + frame for frame in frames)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return pack(order + "II", kind, len(body) + 12) + body + pack(order + "I", len(body) + 12)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(frame: bytes, number: int = 0, order: str = "<", ticks: int = 2_000_000) -> bytes:
    return block(
        6, pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame, order
    )


def read(octets: bytes) -> list[Packet]:
    return list(packets(io.BytesIO(octets)))


@pytest.mark.parametrize(
    ("link", "frame", "octets"),
    [
        (1, MACS + b"\x08\0" + V4, V4),
        (1, MACS + b"\x86\xdd" + V6, V6),
        (1, MACS + b"\x81\0\0\x05\x08\0" + V4, V4),
        (1, MACS + b"\x88\xa8\0\x05\x81\0\0\x06\x86\xdd" + V6, V6),
        (1, MACS + b"\x88\x64\x11\0\0\x01\0\x1a\0\x21" + V4, V4),
        (1, MACS + b"\x08\0" + V4 + bytes(20), V4),
        (0, b"\x02\0\0\0" + V4, V4),
        (108, b"\0\0\0\x1c" + V6, V6),
        (12, V4, V4),
        (101, V6, V6),
        (228, V4, V4),
        (113, bytes(14) + b"\x08\0" + V4, V4),
        (113, bytes(14) + b"\x81\0\0\x05\x08\0" + V4, V4),
        (276, b"\x86\xdd" + bytes(18) + V6, V6),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_links(link: int, frame: bytes, octets: bytes, order: str) -> None:
    assert [packet.octets for packet in read(pcap(frame, link=link, order=order))] == [octets]


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, MACS + b"\x08\x06" + V4),
        (1, MACS),
        (1, b""),
        (1, MACS + b"\x81\0" * 6 + V4),
        (1, MACS + b"\x88\x64\x11\0\0\x01\0\x1a\xc0\x21" + V4),
        (1, MACS + b"\x08\0" + V4[:-1]),
        (1, MACS + b"\x08\0" + b"\x55" + V4[1:]),
        (101, b"\x45\0\0\x05" + bytes(30)),
        (101, V6[:39]),
        (147, V4),
    ],
)
def test_frames_without_ip_are_left_out(link: int, frame: bytes) -> None:
    assert read(pcap(frame, link=link)) == []


def test_times() -> None:
    assert read(pcap(V4, link=101))[0].time_s == pytest.approx(7.0005)
    assert read(pcap(V4, link=101, nano=True))[0].time_s == pytest.approx(7.0000005)
    nano, binary = pack("<HHB3xHH", 9, 1, 9, 0, 0), pack("<HHB3x", 9, 1, 0x80 | 10)
    file = section() + interface(101, nano) + interface(101, binary) + enhanced(V4, 0) + enhanced(V4, 1)
    assert [packet.time_s for packet in read(file)] == [pytest.approx(0.002), pytest.approx(2_000_000 / 1024)]


def test_offloaded_packets_have_no_length() -> None:
    octets = b"\x45\0\0\0" + bytes(16) + b"data"
    assert read(pcap(octets, link=101))[0].octets == octets


@pytest.mark.parametrize("order", "<>")
def test_pcapng(order: str) -> None:
    simple = block(3, pack(order + "I", len(V4)) + V4, order)
    obsolete = block(2, pack(order + "HHIIII", 0, 9, 0, 5, len(V4), len(V4)) + V4, order)
    unknown = block(0x99, b"whatever", order)
    file = section(order) + interface(101, order=order) + unknown + enhanced(V4, order=order) + simple + obsolete
    assert [packet.octets for packet in read(file + file)] == [V4] * 6


def test_pcapng_of_an_unknown_interface() -> None:
    assert read(section() + enhanced(V4) + block(3, V4) + interface(101) + enhanced(V4, 7)) == []
    lies = block(6, pack("<IIIII", 0, 0, 0, 9999, 9999) + V4)
    assert read(section() + interface(101) + lies + block(6, b"short")) == []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"GIF8",
        pcap()[:20],
        pcap() + pack("<IIII", 0, 0, FRAME_LIMIT + 1, 0),
        b"\x0a\x0d\x0d\x0a" + bytes(12),
        section() + pack("<II", 1, 13),
        section() + pack("<II", 1, 8),
        section() + pack("<II", 1, 1 << 31),
        section() + block(1, b"\0\0\0\0"),
    ],
)
def test_no_capture(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(octets)


def test_cut_files_give_what_came_before() -> None:
    for file in (pcap(V4, V4, link=101), section() + interface(101) + enhanced(V4) + enhanced(V4)):
        whole = read(file)
        assert len(whole) == 2
        assert read(file[:-1]) == whole[:1]
        for length in range(28, len(file)):
            try:
                assert read(file[:length]) == whole[: len(read(file[:length]))]
            except ProtocolError:
                assert length < len(section())


@given(st.binary(max_size=400), st.sampled_from([b"", pcap(V4), section() + interface()]))
def test_any_octets(octets: bytes, start: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert all(len(packet.octets) >= 20 for packet in read(start + octets))
