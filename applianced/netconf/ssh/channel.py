"""One SSH channel as the transport of one NETCONF session (RFC 6242 sections 3 and 4)."""

from __future__ import annotations

import logging
from collections.abc import Callable

import asyncssh

from applianced.netconf.live import LiveSession
from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.gathering import Gathering
from applianced.netconf.ssh.outbox import Outbox
from applianced.netconf.ssh.turns import Turns
from applianced.netconf.unread import Unread
from applianced.northbound.recording import Author

_LOG = logging.getLogger(__name__)


class Channel(asyncssh.SSHServerSession[bytes]):
    """Offers the subsystem `netconf` and nothing else."""

    def __init__(
        self,
        server: NetconfServer,
        author: Author,
        closed: Callable[[], None],
        used: Callable[[], None],
        greeted: Callable[[], None],
        turns: Turns,
        departures: Gathering | None,
    ) -> None:
        """closed: called at its end. used: whenever octets have come or gone. greeted: when the
        first have come. turns: of all long replies. departures: what its connection writes to."""
        self._used = used
        self._greeted: Callable[[], None] | None = greeted
        self._server = server
        self._author = author
        self._closed = closed
        self._session: LiveSession | None = None
        self._outbox = Outbox(self._write_now, turns, departures)
        self._orderly = False
        self._channel: asyncssh.SSHServerChannel[bytes]

    # --- from the SSH library ----------------------------------------------------------------------------------

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        if subsystem != "netconf":
            _LOG.warning("%s asked for subsystem %r: only netconf is there", self._author.source, subsystem)
        return subsystem == "netconf"

    def session_started(self) -> None:
        self._session = self._server.open(self, self._author)
        if self._session is None:
            self._channel.close()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._used()
        if self._greeted:
            self._greeted()
            self._greeted = None
        if self._session:
            self._session.received(data)

    def eof_received(self) -> bool:
        self._orderly = True
        if self._session:
            self._session.finished()
        return self._session is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._outbox.drop()
        self._closed()
        if self._session:
            self._session.lost()

    def pause_writing(self) -> None:
        self._outbox.pause()

    def resume_writing(self) -> None:
        self._outbox.resume()

    # --- from the session --------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if not self._channel.is_closing():
            self._outbox.add(data)

    def _write_now(self, data: bytes) -> None:
        self._used()
        if not self._channel.is_closing():
            self._channel.write(data)

    async def drain(self) -> None:
        await self._outbox.room()

    def unsent(self) -> int:
        return self._outbox.octets + self._channel.get_write_buffer_size()

    def unread(self) -> Unread:
        texts = self._outbox.texts()
        if in_library := self._channel.get_write_buffer_size():
            texts[id(self)] = in_library
        return Unread(texts, self._outbox.held_up_s)

    def pause_reading(self) -> None:
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._channel.resume_reading()

    def close(self) -> None:
        # A script goes by the status of its ssh, which is 255 when none is sent.
        orderly = self._orderly or (self._session is not None and self._session.closed_by_request)
        self._outbox.when_empty(lambda: self._channel.exit(0 if orderly else 1))

    def abort(self) -> None:
        self._channel.abort()
        # The library tells of the loss when the client has answered, which one that does not read never does.
        self._outbox.drop()
