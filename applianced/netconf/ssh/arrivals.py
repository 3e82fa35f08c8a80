"""What comes from a connection is taken in pieces, so that no connection, and no number of them, has a long turn.

A step of a login takes up to a millisecond, a packet 0.04: a hundred strangers who log in at once, or 32 KiB in
packets of one octet, would keep all sessions waiting for 40 ms.
"""

from __future__ import annotations

import asyncio

import asyncssh

from applianced.netconf.ssh.turns import SharedTurns

PACKETS_AT_ONCE = 8
"""Packets of one connection that are looked at in one turn; long requests come in packets of 32 KiB."""


class Arrivals(asyncio.Protocol):
    """What a transport tells of a connection, passed on: of those that have not logged in, one in each turn."""

    def __init__(
        self, connection: asyncssh.SSHServerConnection, transport: asyncio.Transport, turns: SharedTurns
    ) -> None:
        self._connection = connection
        self._transport = transport
        self._strangers = turns.strangers
        self._turns = turns.strangers
        self._turns_after_login = turns.packets
        self._left = PACKETS_AT_ONCE
        """Packets that may be looked at in this turn."""
        self._halted = False
        """Some wait for a turn."""
        # The library offers no other way to the packets one by one.
        self._look_at_all = connection._recv_data
        self._look_at_one = connection._recv_packet
        connection._recv_data = self._look  # type: ignore[method-assign]
        connection._recv_packet = self._look_unless_many  # type: ignore[method-assign]
        transport.set_protocol(self)

    def logged_in(self) -> None:
        """Its peer is no stranger: what comes is passed on at once."""
        self._turns = self._turns_after_login

    @property
    def _strange(self) -> bool:
        return self._turns is self._strangers

    # --- from the transport ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self._strange or self._turns.take():
            self._connection.data_received(data)
            return
        # What waits is bounded: no more is read before it has been looked at.
        self._transport.pause_reading()
        self._turns.ask(lambda: self._take(data))

    def _take(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._connection.data_received(data)
            self._read_on()

    def eof_received(self) -> bool:
        self._turns.ask(self._end)
        # The transport stays until then.
        return True

    def _end(self) -> None:
        self._connection.eof_received()
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._strange:
            self._turns.ask(lambda: self._connection.connection_lost(exc))
        else:
            self._connection.connection_lost(exc)

    # --- packets -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._left = PACKETS_AT_ONCE
        self._look_at_all()

    def _look_unless_many(self) -> bool:
        """Whether there may be another one to look at now."""
        if self._left:
            self._left -= 1
            return self._look_at_one()
        if not self._halted:
            self._halted = True
            self._transport.pause_reading()
            self._turns.ask_later(self._go_on)
        return False

    def _go_on(self) -> None:
        self._halted = False
        if not self._transport.is_closing():
            self._look()
            self._read_on()

    def _read_on(self) -> None:
        if not self._halted:
            self._transport.resume_reading()
