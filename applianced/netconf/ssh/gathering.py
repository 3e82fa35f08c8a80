"""The packets of one turn of the event loop leave in one piece.

The SSH library hands each packet to the kernel by itself: the kernel's part of a small send is as long as the making of
a short reply. It also encrypts an empty packet before each that says something, against attacks on chained ciphers
(RFC 4253 section 9.3.1), none of which is offered here: those packets are left out.

The library goes by the windows of the channels alone (RFC 4254 section 5.2), of which a client may announce 4 GiB: all
that a peer does not read would wait in the transport, and all that comes between two halves of a key exchange in the
library. So it is told here when a connection takes no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.packet import SSHPacketLogger

_LOG = logging.getLogger(__name__)
AT_ONCE = 64 * 1024
"""Octets that do not wait for more."""
READ_AT_ONCE = 32 * 1024
"""Octets that are taken from one connection before others have their turn: decrypting asyncio's 256 KiB takes 1 ms."""


UNREAD_MAX = 1 << 20
"""Octets that the library itself may leave in a transport whose peer does not read: answers to what the peer sends."""
OF_CHANNEL_MAX = 128 * 1024
"""And for each channel what it had taken already, which leaves when the peer opens its window."""
DEFERRED_MAX = 4096
"""Packets that may wait for the end of a key exchange."""


class Gathering(asyncio.Transport):
    """What a connection writes to: the transport below it, later by nothing but the rest of this turn."""

    def __init__(
        self,
        below: asyncio.Transport,
        exchanging: Callable[[], bool] = lambda: False,
        channels: Callable[[], int] = lambda: 0,
    ) -> None:
        """exchanging: whether keys are being exchanged, so that nothing of a session leaves. channels: how many are
        open."""
        super().__init__()
        self.below = below
        self._exchanging = exchanging
        self._channels = channels
        self._pending: list[bytes | bytearray | memoryview] = []
        self._octets = 0
        self._loop = asyncio.get_running_loop()
        self._unread = False
        """The peer has not read what the transport holds."""
        self._waiting: set[Callable[[], None]] = set()

    # --- what waits for room -----------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Nothing of a session should be written for now."""
        return self._unread or self._exchanging()

    def when_room(self, then: Callable[[], None]) -> None:
        """Call this when it is full no more; asked for twice, it is called once."""
        self._waiting.add(then)

    def unread(self, unread: bool) -> None:
        """The transport below holds much that the peer has not read, or does so no more."""
        self._unread = unread
        self.tell()

    def tell(self) -> None:
        """Call those that wait for room, if there is any."""
        if not self.full:
            waiting, self._waiting = self._waiting, set()
            for then in waiting:
                then()

    # --- from the library --------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(data)
        self._octets += len(data)
        if self._octets >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending, self._octets = self._pending, [], 0
        if pending:
            self.below.write(b"".join(pending))
        most = UNREAD_MAX + OF_CHANNEL_MAX * self._channels()
        if self._unread and self.below.get_write_buffer_size() > most:
            self.give_up("does not read what it is sent")

    def give_up(self, why: str) -> None:
        """End a connection that takes memory."""
        if not self.below.is_closing():
            _LOG.warning("%s %s: its connection is closed", self.get_extra_info("peername"), why)
            self.below.abort()

    def close(self) -> None:
        self._flush()
        self.below.close()

    def abort(self) -> None:
        # What was written before goes out if the kernel takes it at once, as without this.
        self._flush()
        self.below.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.below.get_extra_info(name, default)


def gather(connection: asyncssh.SSHServerConnection) -> Gathering | None:
    """Have a new connection write this way, if there is a transport below it."""
    # The library offers no other way to it; it asks a transport for nothing but the methods above.
    below = connection._transport
    if below is None:
        return None
    above = connection._transport = Gathering(
        below, lambda: not connection._kex_complete, lambda: len(connection._channels)
    )
    # Of asyncio's own; a transport that does not know it reads as much as it did.
    below.max_size = READ_AT_ONCE  # type: ignore[attr-defined]
    send, send_deferred = connection.send_packet, connection._send_deferred_packets

    def send_what_says_something(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)
            if len(connection._deferred_packets) > DEFERRED_MAX:
                above.give_up("does not end its key exchange")

    def send_deferred_and_tell() -> None:
        send_deferred()
        above.tell()

    connection.send_packet = send_what_says_something  # type: ignore[method-assign]
    connection._send_deferred_packets = send_deferred_and_tell  # type: ignore[method-assign]
    return above
