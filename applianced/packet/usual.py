"""The usual UDP datagram, over IPv4 without options and no larger than it may be, with another payload: what
`datagram.Datagram.changed` gives, in a third of the time."""

from __future__ import annotations

from struct import Struct

from applianced.model.tuples import UDP
from applianced.packet.datagram import CERTAIN, Datagram
from applianced.packet.ip import ones_sum

_IP_HEADER, _HEADERS = 20, 28
_WORD = Struct("!H")
_LENGTH_SUM = Struct("!HH")


def changed(raw: bytes, payload: bytes) -> bytes:
    """The packet with another payload. Raises as `Datagram` and its `changed`."""
    size = _HEADERS + len(payload)
    if raw[0] != 0x45 or raw[9] != UDP or size > CERTAIN or len(raw) < _HEADERS:
        return Datagram(raw).changed(payload)
    headers = bytearray(raw[:_HEADERS])
    _WORD.pack_into(headers, 2, size)
    headers[10] = headers[11] = 0
    _WORD.pack_into(headers, 10, 0xFFFF - ones_sum(headers[:_IP_HEADER]))
    length, summed = size - _IP_HEADER, 0
    if headers[26] or headers[27]:
        # The length stands in the pseudo-header and in the header. 0 would say that there is no checksum.
        total = ones_sum(headers[12:24]) + UDP + 2 * length + ones_sum(payload)
        summed = (0xFFFF - total % 0xFFFF) or 0xFFFF
    _LENGTH_SUM.pack_into(headers, 24, length, summed)
    return bytes(headers) + payload
