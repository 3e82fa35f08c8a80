"""The NFQUEUE socket: packets to the engine, verdicts back."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from netfilterqueue import NetfilterQueue, Packet

from applianced.dataplane.netlink import NETLINK_NO_ENOBUFS, SOL_NETLINK

LENGTH = 4096
"""Packets that may wait in the kernel for one worker."""
BUFFER_OCTETS = 1 << 23
BREATH = 512
"""After so many packets in a row the loop looks at its other duties."""


class Breathe(Exception):  # noqa: N818 - not an error: leaves the library's loop after a verdict
    """Enough packets for now."""


class QueuedPacket:
    """One packet in the kernel's hands: engine.worker.Queued. Its first verdict counts; a later one, which a fault
    behind the first may bring, does nothing."""

    __slots__ = ("_packet", "mark", "raw")

    def __init__(self, packet: Packet) -> None:
        self._packet: Packet | None = packet
        self.raw: bytes = packet.get_payload()
        self.mark: int = packet.get_mark()

    @property
    def interfaces(self) -> tuple[int, int]:
        queued = self._packet
        return (queued.indev, queued.outdev) if queued is not None else (0, 0)

    def release(self, packet: bytes | None, mark: int) -> None:
        """Accept. The mark is always set: chain mark_back copies it, and a packet that was queued before another's
        verdict would carry the older one."""
        queued, self._packet = self._packet, None
        if queued is None:
            return
        if packet is not None:
            queued.set_payload(packet)
        queued.set_mark(mark)
        queued.accept()

    def drop(self) -> None:
        queued, self._packet = self._packet, None
        if queued is not None:
            queued.drop()


class PacketQueue:
    """One bound queue. number: 0 to 15. handle: called with each packet and the time of the wall clock."""

    def __init__(self, number: int, handle: Callable[[QueuedPacket, float], None]) -> None:
        self._handle = handle
        self._queue = NetfilterQueue()
        self._queue.bind(number, self._packet, max_len=LENGTH, range=65535, sock_len=BUFFER_OCTETS)
        self._count = 0
        self.fd: int = self._queue.get_fd()
        with socket.socket(fileno=socket.dup(self.fd)) as netlink:
            # A full socket buffer costs packets, which their senders repeat; it must not cost the loop an exception.
            netlink.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)

    def _packet(self, packet: Packet) -> None:
        self._handle(QueuedPacket(packet), time.time())
        self._count += 1
        if self._count >= BREATH:
            self._count = 0
            raise Breathe

    def drain(self) -> bool:
        """Handle what waits, up to BREATH packets; whether that was all."""
        try:
            self._queue.run(block=False)
        except Breathe:
            return False
        finally:
            self._count = 0
        return True

    def close(self) -> None:
        self._queue.unbind()
