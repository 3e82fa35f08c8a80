"""The IP header before a transport header: where it ends, and how it is renewed when the packet changes its length.

Extension headers of IPv6 are walked (RFC 8200 4.1), IPv4 options kept.
"""

from __future__ import annotations

from struct import Struct

from applianced.errors import ProtocolError

_WORD = Struct("!H")
# hop-by-hop, routing, fragment, destination options, mobility, HIP, shim6
_EXTENSIONS = frozenset({0, 43, 44, 60, 135, 139, 140})
_MAX_EXTENSIONS = 8


def transport(raw: bytes) -> tuple[int, int]:
    """(protocol number, offset of its header) of an IP packet.

    Raises ProtocolError("malformed-packet") when the headers do not hold together.
    """
    try:
        first = raw[0]
        if first == 0x45:
            return raw[9], 20
        version = first >> 4
        if version == 4:
            at = (raw[0] & 15) << 2
            if at >= 20:
                return raw[9], at
        elif version == 6:
            return _behind_extensions(raw)
    except IndexError as error:
        raise ProtocolError("malformed-packet") from error
    raise ProtocolError("malformed-packet")


def _behind_extensions(raw: bytes) -> tuple[int, int]:
    following, at = raw[6], 40
    for _ in range(_MAX_EXTENSIONS):
        if following not in _EXTENSIONS:
            return following, at
        following, at = raw[at], at + (8 if following == 44 else (raw[at + 1] + 1) << 3)
    raise ProtocolError("malformed-packet")


def ones_sum(octets: bytes | bytearray) -> int:
    """The ones' complement sum of 16-bit words (RFC 1071), not inverted; octets of odd length are padded.

    2^16 is 1 modulo 2^16 - 1, so the sum of all words is the number itself modulo 65535.
    """
    if len(octets) & 1:
        octets = bytes(octets) + b"\0"
    return int.from_bytes(octets, "big") % 0xFFFF


def renew_header(packet: bytearray, v6: bool) -> None:
    """Renew the length, and the checksum of an IPv4 header."""
    if v6:
        _WORD.pack_into(packet, 4, len(packet) - 40)
        return
    _WORD.pack_into(packet, 2, len(packet))
    packet[10] = packet[11] = 0
    _WORD.pack_into(packet, 10, 0xFFFF - ones_sum(packet[: (packet[0] & 15) << 2]))


def renew_checksum(packet: bytearray, at: int, v6: bool, protocol: int, place: int) -> None:
    """Renew a transport checksum with its pseudo-header. at: of the transport header; place: of the checksum in it."""
    addresses, end = (8, 40) if v6 else (12, 20)
    at_sum = at + place
    packet[at_sum] = packet[at_sum + 1] = 0
    summed = packet[addresses:] if at == end else packet[addresses:end] + packet[at:]
    total = ones_sum(summed) + protocol + len(packet) - at
    _WORD.pack_into(packet, at_sum, 0xFFFF - total % 0xFFFF)
