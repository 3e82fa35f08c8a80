"""Reads packet captures: pcap and pcapng, as IP packets with their times.

Formats: draft-ietf-opsawg-pcap (both octet orders, micro- and nanoseconds) and draft-ietf-opsawg-pcapng (sections,
interfaces with if_tsresol, enhanced, simple and obsolete packet blocks). Link types: Ethernet with VLAN tags, Linux
cooked v1 and v2, raw IP, BSD null and loop, PPPoE over Ethernet. Frames that carry no IP are left out.

A capture is hostile input: every length is checked against what is there, nothing larger than FRAME_LIMIT is taken,
and a file that breaks off gives what came before. Rule: octets in, packets out; the caller opens files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO, NamedTuple

from applianced.errors import ProtocolError

FRAME_LIMIT = 262144
"""Octets of one frame (libpcap's own limit)."""

INTERFACE_LIMIT = 1024
"""Interfaces of one pcapng section that are remembered."""

_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

_HEADERS = {4: 20, 6: 40}
"""IP version -> octets of its header, without options."""

_IPV4, _IPV6, _PPPOE = 0x0800, 0x86DD, 0x8864
_VLANS = frozenset({0x8100, 0x88A8, 0x9100})
_VLAN_LIMIT = 4


class Packet(NamedTuple):
    """An IP packet as it was captured, cut to the length that its header gives. time_s: since 1970, 0 if unknown."""

    time_s: float
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    tick_s: float


def packets(file: BinaryIO) -> Iterator[Packet]:
    """The IP packets of a capture, in its order. Raises ProtocolError("capture-format") if it is no capture."""
    magic = file.read(4)
    if magic in _PCAP_MAGICS:
        frames = _pcap(file, *_PCAP_MAGICS[magic])
    elif magic == _SECTION:
        frames = _pcapng(file)
    else:
        raise ProtocolError("capture-format", "neither pcap nor pcapng")
    for link, time_s, frame in frames:
        octets = _ip(link, frame)
        if octets:
            yield Packet(time_s, octets)


def _pcap(file: BinaryIO, order: str, tick_s: float) -> Iterator[tuple[int, float, bytes]]:
    header = file.read(20)
    if len(header) < 20:
        raise ProtocolError("capture-format", "the header is cut")
    link = Struct(order + "I").unpack_from(header, 16)[0] & 0xFFFF
    record = Struct(order + "IIII")
    number = 0
    while len(head := file.read(16)) == 16:
        number += 1
        seconds, fraction, captured, _ = record.unpack(head)
        if captured > FRAME_LIMIT:
            message = f"record {number} claims a frame of {captured} octets, more than {FRAME_LIMIT}"
            raise ProtocolError("capture-format", message)
        frame = file.read(captured)
        if len(frame) < captured:
            return
        yield link, seconds + fraction * tick_s, frame


def _pcapng(file: BinaryIO) -> Iterator[tuple[int, float, bytes]]:
    """Blocks: type, total length, body, total length again."""
    order = ""
    interfaces: list[_Interface] = []
    kind_octets = _SECTION
    number = 0
    while len(kind_octets) == 4:
        number += 1
        head = file.read(4)
        if len(head) < 4:
            return
        start = b""
        if kind_octets == _SECTION:
            start = file.read(4)
            if start not in _BYTE_ORDERS:
                raise ProtocolError("capture-format", f"block {number} has an unknown octet order")
            order = _BYTE_ORDERS[start]
            interfaces = []
        length = Struct(order + "I").unpack(head)[0]
        rest = length - 12 - len(start)
        if length % 4 or not 0 <= rest <= FRAME_LIMIT + 1024:
            raise ProtocolError("capture-format", f"block {number} claims a length of {length} octets")
        body = file.read(rest)
        if len(body) < rest or len(file.read(4)) < 4:
            return
        kind = Struct(order + "I").unpack(kind_octets)[0]
        if kind == 1 and len(interfaces) < INTERFACE_LIMIT:
            interfaces.append(_interface(body, order, number))
        elif frame := _block_frame(kind, body, order, interfaces):
            yield frame
        kind_octets = file.read(4)


def _interface(body: bytes, order: str, number: int) -> _Interface:
    if len(body) < 8:
        raise ProtocolError("capture-format", f"block {number}, which describes an interface, is cut")
    link, _, _ = Struct(order + "HHI").unpack_from(body)
    option = Struct(order + "HH")
    tick_s, at = 1e-6, 8
    while at + 4 <= len(body):
        code, length = option.unpack_from(body, at)
        if code == 9 and length == 1 and at + 5 <= len(body):  # if_tsresol
            exponent = body[at + 4] & 0x7F
            tick_s = 2.0**-exponent if body[at + 4] & 0x80 else 10.0**-exponent
        if code == 0:
            break
        at += 4 + (length + 3 & ~3)
    return _Interface(link, tick_s)


def _block_frame(kind: int, body: bytes, order: str, interfaces: list[_Interface]) -> tuple[int, float, bytes] | None:
    """The frame of a packet block, None for every other block."""
    if kind == 3 and len(body) >= 4 and interfaces:  # simple packet: no time, and padded
        return interfaces[0].link, 0.0, body[4:]
    if kind not in (2, 6) or len(body) < 20:
        return None
    number, high, low, captured, _ = Struct(order + "IIIII").unpack_from(body)
    if kind == 2:  # the obsolete packet block has a drop count in the other half of this word
        number = Struct(order + "H").unpack_from(body)[0]
    if number >= len(interfaces) or captured > len(body) - 20:
        return None
    interface = interfaces[number]
    return interface.link, (high << 32 | low) * interface.tick_s, body[20 : 20 + captured]


def _ip(link: int, frame: bytes) -> bytes:
    """The IP packet in a frame, b"" if there is none."""
    unwrap = _LINKS.get(link)
    octets = unwrap(frame) if unwrap else b""
    version = octets[0] >> 4 if octets else 0
    header = _HEADERS.get(version, 0)
    if not header or len(octets) < header:
        return b""
    length = int.from_bytes(octets[2:4]) if version == 4 else int.from_bytes(octets[4:6]) + header
    if length in (0, len(octets)) or (version == 6 and length == header):
        return octets  # 0 stands for a packet captured before the card cut it (segmentation offload)
    return octets[:length] if header <= length < len(octets) else b""


def _ethertype(kind: int, octets: bytes) -> bytes:
    for _ in range(_VLAN_LIMIT):
        if kind not in _VLANS:
            break
        kind, octets = int.from_bytes(octets[2:4]), octets[4:]
    if kind == _PPPOE:
        return octets[8:] if octets[6:8] in (b"\x00\x21", b"\x00\x57") else b""
    return octets if kind in (_IPV4, _IPV6) else b""


def _ethernet(frame: bytes) -> bytes:
    return _ethertype(int.from_bytes(frame[12:14]), frame[14:])


def _cooked(frame: bytes) -> bytes:
    return _ethertype(int.from_bytes(frame[14:16]), frame[16:])


def _cooked2(frame: bytes) -> bytes:
    return _ethertype(int.from_bytes(frame[:2]), frame[20:])


def _null(frame: bytes) -> bytes:
    """Four octets of address family, in the octet order of the machine that captured."""
    return frame[4:]


def _raw(frame: bytes) -> bytes:
    return frame


_LINKS: dict[int, Callable[[bytes], bytes]] = {
    0: _null, 1: _ethernet, 12: _raw, 14: _raw, 101: _raw, 108: _null, 113: _cooked, 228: _raw, 229: _raw,
    276: _cooked2,
}  # fmt: skip
"""LINKTYPE_ values (DLT_RAW is 12, 14 on OpenBSD)."""
