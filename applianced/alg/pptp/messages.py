"""Control messages as they are written (RFC 2637 2).

     0        2          4                8          10          12
    | length | 1: type  | magic cookie   | message  | reserved  | call ID, peer's call ID, ...

Every message has the length that its type has, and every field its place: a call ID is exchanged where it stands.
Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from applianced.errors import ProtocolError

HEADER = 12
_START = b"\0\1\x1a\x2b\x3c\x4d"
"""Behind the length: type 1 (a control message), and the magic cookie."""
_ID = Struct("!H")

CONNECTED = 1
"""Result Code of every reply that grants what was asked (2.2, 2.8, 2.10)."""
GENERAL_ERROR, NO_RESOURCE = 2, 4
"""Result Code and Error Code of a reply that declines (2.8, 2.10, 2.16)."""


class Kind(IntEnum):
    """Control Message Type."""

    START_REQUEST = 1
    START_REPLY = 2
    STOP_REQUEST = 3
    STOP_REPLY = 4
    ECHO_REQUEST = 5
    ECHO_REPLY = 6
    OUTGOING_CALL_REQUEST = 7
    OUTGOING_CALL_REPLY = 8
    INCOMING_CALL_REQUEST = 9
    INCOMING_CALL_REPLY = 10
    INCOMING_CALL_CONNECTED = 11
    CALL_CLEAR_REQUEST = 12
    CALL_DISCONNECT_NOTIFY = 13
    WAN_ERROR_NOTIFY = 14
    SET_LINK_INFO = 15

    @property
    def event(self) -> str:
        """Its name in `events.EVENTS`, which is that of the RFC in lower case."""
        return self.name.lower().replace("_", "-")


LENGTHS: dict[int, int] = {
    Kind.START_REQUEST: 156,
    Kind.START_REPLY: 156,
    Kind.STOP_REQUEST: 16,
    Kind.STOP_REPLY: 16,
    Kind.ECHO_REQUEST: 16,
    Kind.ECHO_REPLY: 20,
    Kind.OUTGOING_CALL_REQUEST: 168,
    Kind.OUTGOING_CALL_REPLY: 32,
    Kind.INCOMING_CALL_REQUEST: 220,
    Kind.INCOMING_CALL_REPLY: 24,
    Kind.INCOMING_CALL_CONNECTED: 28,
    Kind.CALL_CLEAR_REQUEST: 16,
    Kind.CALL_DISCONNECT_NOTIFY: 148,
    Kind.WAN_ERROR_NOTIFY: 40,
    Kind.SET_LINK_INFO: 24,
}
"""Octets of a message, header included."""

_START_RESULT, _CALL_RESULT = 14, 16
_FIRST_ID, _SECOND_ID = 12, 14


class Message(NamedTuple):
    """One whole message."""

    kind: Kind
    octets: bytes

    @property
    def first(self) -> int:
        """The call ID behind the header: the speaker's own; in Incoming-Call-Connected, WAN-Error-Notify and
        Set-Link-Info its peer's."""
        return int.from_bytes(self.octets[_FIRST_ID : _FIRST_ID + 2], "big")

    @property
    def second(self) -> int:
        """The peer's call ID, in the reply to a call request."""
        return int.from_bytes(self.octets[_SECOND_ID : _SECOND_ID + 2], "big")

    @property
    def result(self) -> int:
        """The Result Code of the reply to a call request, or to the start of the connection."""
        return self.octets[_START_RESULT if self.kind is Kind.START_REPLY else _CALL_RESULT]

    def told(self, first: int, second: int | None = None) -> bytes:
        """The message with these call IDs; the second one stays where it is None."""
        octets = bytearray(self.octets)
        _ID.pack_into(octets, _FIRST_ID, first)
        if second is not None:
            _ID.pack_into(octets, _SECOND_ID, second)
        return bytes(octets)

    def declined(self) -> Message:
        """The reply to a call request as one that says that there are no resources for it."""
        octets = bytearray(self.octets)
        octets[_CALL_RESULT : _CALL_RESULT + 2] = GENERAL_ERROR, NO_RESOURCE
        return self._replace(octets=bytes(octets))


def first_of(data: bytes) -> Message | None:
    """The message at the front of `data`; None while it is incomplete.

    Raises ProtocolError, with one of events.VIOLATIONS, as soon as what is there cannot become one.
    """
    for place, (octet, right) in enumerate(zip(data[2:], _START, strict=False), start=2):
        if octet != right:
            raise ProtocolError("bad-cookie", f"octet {place} is {octet}")
    if len(data) < HEADER - 2:
        return None
    length, kind = _ID.unpack_from(data)[0], _ID.unpack_from(data, 8)[0]
    if kind not in LENGTHS:
        raise ProtocolError("bad-type", f"type {kind}")
    if length != LENGTHS[kind]:
        raise ProtocolError("bad-length", f"type {kind} with {length} octets")
    return Message(Kind(kind), data[:length]) if len(data) >= length else None
