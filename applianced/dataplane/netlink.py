"""Netlink for netfilter: messages, attributes, and a socket that sends a transaction and reads its outcome.

Layouts follow linux/netfilter/nfnetlink.h. Attribute values arrive and leave as octets; who knows their meaning is the
module that builds them (conntrack.py, gates.py, extension.py).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from struct import Struct

from applianced.errors import DataplaneError

NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_NO_ENOBUFS = 5
NETLINK_CAP_ACK = 10

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
EXCL, CREATE, APPEND = 0x200, 0x400, 0x800
CONNTRACK, NFTABLES = 1, 10
FAMILY_INET = 1

_ERROR, _DONE = 2, 3
_BEGIN, _END = 0x10, 0x11
_HEADER = Struct("=IHHII")
_FLAGS_SEQUENCE = Struct("=HI")
_GENERIC = Struct("!BBH")
_ATTRIBUTE = Struct("=HH")
_INT = Struct("=i")
_NUMBER = Struct("=I")
_OUTCOME = Struct("=IHHIIi")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_BUFFER = 1 << 18


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    length = 4 + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + _PADDING[length & 3]


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    value = b"".join(parts)
    return _ATTRIBUTE.pack(4 + len(value), kind | _NESTED) + value


def text(value: str) -> bytes:
    """A string as netlink carries it."""
    return value.encode() + b"\0"


def number(value: int, octets: int = 4) -> bytes:
    """A big-endian number."""
    return (value & ((1 << octets * 8) - 1)).to_bytes(octets, "big")


def padded(value: bytes) -> bytes:
    """A part of a concatenated nft key: filled up to 4 octets."""
    return value + b"\0" * (-len(value) & 3)


def message(
    subsystem: int, kind: int, flags: int, family: int, body: bytes, *, sequence: int = 0, resource: int = 0
) -> bytes:
    """One netfilter message with its header."""
    header = _HEADER.pack(20 + len(body), subsystem << 8 | kind, flags, sequence, 0)
    return header + _GENERIC.pack(family, 0, resource) + body


def attributes(buffer: bytes | memoryview) -> dict[int, bytes]:
    """The attributes in a buffer by type; a broken one ends the list."""
    found: dict[int, bytes] = {}
    at, end = 0, len(buffer)
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(buffer, at)
        if length < 4 or at + length > end:
            break
        found[kind & _TYPE_MASK] = bytes(buffer[at + 4 : at + length])
        at += (length + 3) & ~3
    return found


def nft_message(kind: int, flags: int, body: bytes) -> bytes:
    """One message of an nft transaction; it answers only when it fails."""
    return message(NFTABLES, kind, REQUEST | flags, FAMILY_INET, body)


_BEGIN_BATCH = message(0, _BEGIN, REQUEST, 0, b"", resource=NFTABLES)
_END_BATCH = message(0, _END, REQUEST, 0, b"", resource=NFTABLES)


class Netlink:
    """A NETLINK_NETFILTER socket of the network namespace that this process is in."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._socket.bind((0, 0))
        self._sequence = 0
        # One buffer for every answer: a fresh one of this size costs more than the kernel's work.
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)

    def close(self) -> None:
        self._socket.close()

    @property
    def fd(self) -> int:
        """The socket's descriptor, to wait for what comes unasked."""
        return self._socket.fileno()

    def request(self, subsystem: int, kind: int, family: int, body: bytes, *, flags: int = 0, resource: int = 0) -> int:
        """Send one request and wait for its acknowledgement; the errno, 0 when it was done."""
        self._sequence = sequence = self._sequence + 1 & 0x7FFFFFFF
        flags |= REQUEST | ACK
        self._socket.send(message(subsystem, kind, flags, family, body, sequence=sequence, resource=resource))
        return self._outcome(sequence)

    def send(self, octets: bytes) -> None:
        """Send a message that nobody answers."""
        self._socket.send(octets)

    def keep_quiet(self) -> None:
        """Lose what does not fit into the socket's buffer without an error at the next call."""
        self._socket.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)

    def ignore_answers(self) -> None:
        """Nobody reads here any more: answers are lost, and take no room."""
        self.keep_quiet()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    def arrived(self) -> list[tuple[int, dict[int, bytes]]] | None:
        """(type, attributes) of what came unasked in one datagram; None when nothing waits."""
        try:
            length = self._socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return [(kind, attributes(octets[20:])) for kind, _, octets in self._messages(length)]

    def _receive(self) -> Iterator[tuple[int, int, memoryview]]:
        """(type, sequence, octets with header) of each message of the next datagram; valid until the next call."""
        return self._messages(self._socket.recv_into(self._buffer))

    def _messages(self, length: int) -> Iterator[tuple[int, int, memoryview]]:
        at = 0
        while at + 16 <= length:
            octets, kind, _, sequence, _ = _HEADER.unpack_from(self._buffer, at)
            if octets < 16:
                return
            yield kind, sequence, self._view[at : at + octets]
            at += (octets + 3) & ~3

    def _outcome(self, sequence: int) -> int:
        """The first error of anything up to `sequence`, once that one has been answered."""
        length = self._socket.recv_into(self._buffer)
        octets, kind, _, answered, _, code = _OUTCOME.unpack_from(self._buffer)
        if octets == length and kind == _ERROR and answered == sequence:
            return -int(code)  # nearly always: one answer, and it is this one's
        first = 0
        while True:
            for kind, answered, message in self._messages(length):
                if kind == _ERROR:
                    first = first or -_INT.unpack_from(message, 16)[0]
                    if answered == sequence:
                        return first
            length = self._socket.recv_into(self._buffer)

    def get(self, subsystem: int, kind: int, family: int, body: bytes) -> dict[int, bytes] | None:
        """Ask for one object; its attributes, or None when it is not there. Raises DataplaneError on other faults."""
        self._sequence = sequence = self._sequence + 1 & 0x7FFFFFFF
        self._socket.send(message(subsystem, kind, REQUEST, family, body, sequence=sequence))
        while True:
            for answer, answered, octets in self._receive():
                if answered != sequence:
                    continue
                if answer == _ERROR:
                    code = -_INT.unpack_from(octets, 16)[0]
                    if code == errno.ENOENT:
                        return None
                    raise DataplaneError("netlink", os.strerror(code))
                return attributes(octets[20:])

    def each(self, messages: Sequence[bytes]) -> list[dict[int, bytes] | int]:
        """Send requests, made by `message` without a sequence, together; for each the attributes of the object that it
        asked for, or the errno (0: done). Those that ask for nothing must ask for an acknowledgement."""
        first = self._sequence + 1
        self._sequence = (self._sequence + len(messages)) & 0x7FFFFFFF
        if self._sequence < first:
            first, self._sequence = 1, len(messages)
        numbered = bytearray().join(messages)
        at = 0
        for place, each in enumerate(messages):
            _NUMBER.pack_into(numbered, at + 8, first + place)
            at += len(each)
        self._socket.send(numbered)
        answers: list[dict[int, bytes] | int] = [0] * len(messages)
        left = len(messages)
        while left:
            for kind, answered, octets in self._receive():
                place = answered - first
                if 0 <= place < len(answers):
                    answers[place] = -_INT.unpack_from(octets, 16)[0] if kind == _ERROR else attributes(octets[20:])
                    left -= 1
        return answers

    def dump(self, subsystem: int, kind: int, family: int, body: bytes) -> Iterator[dict[int, bytes]]:
        """Ask for all objects that match; their attributes one by one."""
        self._sequence = sequence = self._sequence + 1 & 0x7FFFFFFF
        self._socket.send(message(subsystem, kind, REQUEST | DUMP, family, body, sequence=sequence))
        while True:
            for answer, answered, octets in self._receive():
                if answered != sequence:
                    continue
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    raise DataplaneError("netlink", os.strerror(-_INT.unpack_from(octets, 16)[0]))
                yield attributes(octets[20:])

    def transaction(self, messages: Sequence[bytes]) -> int:
        """One nft transaction of messages made by `nft_message`, all of it or nothing; the errno, 0 when in force.

        Only the last message asks for an acknowledgement: one that fails is reported in any case.
        """
        self._sequence = sequence = self._sequence + 1 & 0x7FFFFFFF
        last = bytearray(messages[-1])
        flags = _FLAGS_SEQUENCE.unpack_from(last, 6)[0]
        _FLAGS_SEQUENCE.pack_into(last, 6, flags | ACK, sequence)
        self._socket.send(b"".join((_BEGIN_BATCH, *messages[:-1], last, _END_BATCH)))
        return self._outcome(sequence)
