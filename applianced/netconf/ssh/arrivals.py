"""What comes from a connection is taken in pieces, so that no connection, and no number of them, has a long turn.

A step of a login takes up to a millisecond, a packet 0.04: a hundred strangers who log in at once, or 32 KiB in
packets of one octet, would keep all sessions waiting for 40 ms.
"""

from __future__ import annotations

import asyncio

import asyncssh

from applianced import courtesy
from applianced.netconf.ssh.gathering import READ_AT_ONCE, Gathering
from applianced.netconf.ssh.turns import SharedTurns, Work

PACKETS_AT_ONCE = 8
"""Packets of one connection that are looked at in one turn; long requests come in packets of 32 KiB."""


class Arrivals(asyncio.Protocol):
    """What a transport tells of a connection, passed on. Strangers give way to the others, whose sessions have begun,
    and among those whoever sends a lot."""

    def __init__(self, connection: asyncssh.SSHServerConnection, departures: Gathering, turns: SharedTurns) -> None:
        """departures: what the connection writes to, above the transport that is meant."""
        self._connection = connection
        self._departures = departures
        self._transport = transport = departures.below
        self._descriptor: int = transport.get_extra_info("socket").fileno()
        self._turns = turns
        self._strange = True
        self._sends_much = False
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
        # The transport begins to read when this turn is over.
        asyncio.get_running_loop().call_soon(self._behave)

    def known(self) -> None:
        """Its peer is no stranger any more."""
        if self._strange:
            self._strange = False
            self._behave()

    def _behave(self) -> None:
        """Give way, or not, from now on."""
        if self._transport.is_closing():
            return
        if self._strange or self._sends_much:
            courtesy.be_patient(self._descriptor)
        else:
            courtesy.be_as_others(self._descriptor)

    # --- from the transport ------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        # There may be more of it already.
        sends_much = len(data) >= READ_AT_ONCE
        if sends_much != self._sends_much:
            self._sends_much = sends_much
            if not self._strange:
                self._behave()
        self._connection.data_received(data)

    def pause_writing(self) -> None:
        self._departures.unread(True)

    def resume_writing(self) -> None:
        self._departures.unread(False)

    def eof_received(self) -> bool:
        self._at_the_end(self._end)
        # The transport stays until then.
        return True

    def _end(self) -> None:
        self._connection.eof_received()
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_the_end(lambda: self._connection.connection_lost(exc))

    def _at_the_end(self, work: Work) -> None:
        """Strangers' ends, of which there may be any number, have come one by one."""
        if self._strange:
            work()
        else:
            self._turns.ends.ask(work)

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
            self._turns.packets.ask_later(self._go_on)
        return False

    def _go_on(self) -> None:
        self._halted = False
        if not self._transport.is_closing():
            self._look()
            self._read_on()

    def _read_on(self) -> None:
        if not self._halted:
            self._transport.resume_reading()
            self._behave()
