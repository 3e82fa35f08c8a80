"""A netlink socket that only listens: conntrack's events, and packets that rules log.

The kernel drops what a slow listener does not fetch and says so once (ENOBUFS); nobody waits for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from applianced.dataplane.netlink import (
    ACK,
    NETLINK_CAP_ACK,
    NETLINK_NETFILTER,
    REQUEST,
    SOL_NETLINK,
    attribute,
    attributes,
    message,
    number,
)
from applianced.errors import DataplaneError

ULOG = 4
BUFFER_OCTETS = 1 << 22
DATAGRAMS = 64
"""Fetched per wake, so that the agent's other duties are never far."""

_ADD_MEMBERSHIP = 1
_SO_RCVBUFFORCE = 33
_DATAGRAM = 1 << 16
_HEADER = Struct("=IHHII")
_INT = Struct("=i")
_ERROR = 2
_CONFIG = 1
_COMMAND, _MODE, _THRESHOLD = 1, 2, 5
_BIND, _COPY_PACKET = 1, 2


class Heard(NamedTuple):
    """One message: subsystem, type and flags of its header, and what it holds."""

    subsystem: int
    kind: int
    flags: int
    found: dict[int, bytes]


def messages(datagram: bytes) -> Iterator[Heard]:
    """The messages of one datagram; a broken one ends them."""
    at = 0
    while at + 20 <= len(datagram):
        octets, kind, flags, _, _ = _HEADER.unpack_from(datagram, at)
        if octets < 20 or at + octets > len(datagram):
            return
        yield Heard(kind >> 8, kind & 0xFF, flags, attributes(memoryview(datagram)[at + 20 : at + octets]))
        at += (octets + 3) & ~3


class Listener:
    """A socket of this process's network namespace. groups: multicast groups of netfilter (NFNLGRP_*)."""

    def __init__(self, groups: Iterable[int] = ()) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_OCTETS)
        except OSError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        self.socket.bind((0, 0))
        for group in groups:
            self.socket.setsockopt(SOL_NETLINK, _ADD_MEMBERSHIP, group)
        self.socket.setblocking(False)

    def drain(self) -> tuple[list[bytes], bool]:
        """What has arrived, DATAGRAMS at most, and whether anything was lost."""
        datagrams: list[bytes] = []
        lost = False
        while len(datagrams) < DATAGRAMS:
            try:
                datagrams.append(self.socket.recv(_DATAGRAM))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS or lost:
                    break
                lost = True
        return datagrams, lost

    def close(self) -> None:
        self.socket.close()


def log_listener(group: int, octets: int) -> Listener:
    """The listener of a log group, which has one. octets: how much of each packet is wanted. Raises DataplaneError.

    Packets come one by one: a batch would arrive after the conntrack events that they belong to.
    """
    listener = Listener()
    body = attribute(_COMMAND, bytes((_BIND,)))
    body += attribute(_MODE, number(octets) + bytes((_COPY_PACKET, 0)))
    body += attribute(_THRESHOLD, number(1))
    try:
        _configure(listener.socket, message(ULOG, _CONFIG, REQUEST | ACK, 0, body, sequence=1, resource=group))
    except OSError as error:
        listener.close()
        raise DataplaneError(f"log group {group}", error.strerror or str(error)) from error
    return listener


def _configure(connection: socket.socket, request: bytes) -> None:
    """Send a request and wait for its answer. Raises OSError."""
    connection.setblocking(True)
    connection.send(request)
    while True:
        answer = connection.recv(_DATAGRAM)
        with contextlib.suppress(IndexError):
            if _HEADER.unpack_from(answer)[1] == _ERROR:
                code = -_INT.unpack_from(answer, 16)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                break
    connection.setblocking(False)
