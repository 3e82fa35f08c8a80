"""A second NFQUEUE socket per worker, for packets that do not fit into the library's buffer of 4,016 octets.

Only datagrams can be so large: the segments of control sessions are clamped. They are rare, so reading them in Python
costs nothing that matters. Layouts follow linux/netfilter/nfnetlink_queue.h. A netlink attribute carries 65,531 octets;
of a longer packet the end is missing, and its headers say so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from struct import Struct

from applianced.compiler.marks import LARGE_QUEUES
from applianced.dataplane.netlink import Netlink, attribute, message, number
from applianced.errors import DataplaneError

_QUEUE = 3
_PACKET, _VERDICT, _CONFIG = 0, 1, 2
_COMMAND, _PARAMETERS, _MOST = 1, 2, 3
_BIND = b"\x01\0\0\0"
_WHOLE = Struct("!IB").pack(0xFFFF, 2)
"""Copy the packet, and so much of it."""
_HEADER, _MARK, _PAYLOAD = 1, 3, 10
_INTERFACES = 5, 6
_VERDICT_HEADER = 2
_DROP, _ACCEPT = 0, 1
_REQUEST = 1
LENGTH = 128
"""Packets that may wait in the kernel for one worker: 8 MiB."""
BREATH = 32
"""After so many in a row the loop looks at its other duties."""


class LargePacket:
    """One packet in the kernel's hands: engine.worker.Queued. Its first verdict counts."""

    __slots__ = ("_identifier", "_queue", "interfaces", "mark", "raw")

    def __init__(self, queue: LargeQueue, found: dict[int, bytes]) -> None:
        """found: the attributes of its message."""
        self._queue: LargeQueue | None = queue
        self._identifier = found[_HEADER][:4]
        self.raw = found.get(_PAYLOAD, b"")
        self.mark = int.from_bytes(found.get(_MARK, b""), "big")
        incoming, outgoing = (int.from_bytes(found.get(kind, b""), "big") for kind in _INTERFACES)
        self.interfaces = (incoming, outgoing)

    def release(self, packet: bytes | None, mark: int) -> None:
        queue, self._queue = self._queue, None
        if queue is not None:
            changed = b"" if packet is None else attribute(_PAYLOAD, packet)
            queue.answer(_ACCEPT, self._identifier, attribute(_MARK, number(mark)) + changed)

    def drop(self) -> None:
        queue, self._queue = self._queue, None
        if queue is not None:
            queue.answer(_DROP, self._identifier, b"")


class LargeQueue:
    """The bound queue of a worker. worker: 0 to 15. handle: called with each packet and the time of the wall clock.

    Raises DataplaneError when the kernel does not bind it.
    """

    def __init__(self, worker: int, handle: Callable[[LargePacket, float], None]) -> None:
        self._handle = handle
        self._number = LARGE_QUEUES + worker
        self._netlink = Netlink()
        body = attribute(_COMMAND, _BIND) + attribute(_PARAMETERS, _WHOLE) + attribute(_MOST, number(LENGTH))
        code = self._netlink.request(_QUEUE, _CONFIG, 0, body, resource=self._number)
        if code:
            raise DataplaneError(f"queue {self._number}", os.strerror(code))
        self._netlink.keep_quiet()
        self.fd = self._netlink.fd

    def drain(self) -> None:
        """Handle what waits, up to BREATH packets."""
        for _ in range(BREATH):
            arrived = self._netlink.arrived()
            if arrived is None:
                return
            for kind, found in arrived:
                if kind == _QUEUE << 8 | _PACKET:
                    self._handle(LargePacket(self, found), time.time())

    def answer(self, verdict: int, identifier: bytes, more: bytes) -> None:
        """Give the verdict on a packet. more: attributes."""
        body = attribute(_VERDICT_HEADER, number(verdict) + identifier) + more
        self._netlink.send(message(_QUEUE, _VERDICT, _REQUEST, 0, body, resource=self._number))

    def close(self) -> None:
        self._netlink.close()
