"""The packets of one turn of the event loop leave in one piece.

The SSH library hands each packet to the kernel by itself: the kernel's part of a small send is as long as the making of
a short reply. It also encrypts an empty packet before each that says something, against attacks on chained ciphers
(RFC 4253 section 9.3.1), none of which is offered here: those packets are left out.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.packet import SSHPacketLogger

AT_ONCE = 64 * 1024
"""Octets that do not wait for more."""
READ_AT_ONCE = 32 * 1024
"""Octets that are taken from one connection before others have their turn: decrypting asyncio's 256 KiB takes 1 ms."""


class Gathering(asyncio.Transport):
    """What a connection writes to: the transport below it, later by nothing but the rest of this turn."""

    def __init__(self, below: asyncio.Transport) -> None:
        super().__init__()
        self._below = below
        self._pending: list[bytes | bytearray | memoryview] = []
        self._octets = 0
        self._loop = asyncio.get_running_loop()

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
            self._below.write(b"".join(pending))

    def close(self) -> None:
        self._flush()
        self._below.close()

    def abort(self) -> None:
        # What was written before goes out if the kernel takes it at once, as without this.
        self._flush()
        self._below.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)


def gather(connection: asyncssh.SSHServerConnection) -> asyncio.Transport | None:
    """Have a new connection write this way; the transport below it, if there is one."""
    # The library offers no other way to it; it asks a transport for nothing but the methods above.
    below = connection._transport
    if below is not None:
        connection._transport = Gathering(below)
        # Of asyncio's own; a transport that does not know it reads as much as it did.
        below.max_size = READ_AT_ONCE  # type: ignore[attr-defined]
    send = connection.send_packet

    def send_what_says_something(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)

    connection.send_packet = send_what_says_something  # type: ignore[method-assign]
    return below
