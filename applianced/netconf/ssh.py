"""NETCONF over SSH (RFC 6242): logins, and the subsystem `netconf`.

Rule: the only file that imports the SSH library.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import OrderedDict
from functools import lru_cache
from typing import Any

import asyncssh

from applianced.netconf.server import LiveSession, NetconfServer
from applianced.northbound.recording import Author
from applianced.northbound.service import Service
from applianced.system import host_keys
from applianced.system.users import Users

_LOG = logging.getLogger(__name__)
LOGIN_DEADLINE_S = 30
UNAUTHENTICATED_MAX = 128
"""Connections that have not logged in; one more pushes out the oldest, so that silent ones never lock others out."""
CHANNELS_MAX = 16
"""Sessions over one connection."""
LINGER_S = 10
"""How long a connection may stay without a session."""
BACKLOG = 128


class SshListener:
    """A listening server and its sessions."""

    def __init__(self, acceptor: asyncssh.SSHAcceptor, server: NetconfServer) -> None:
        self._acceptor = acceptor
        self._server = server

    @property
    def port(self) -> int:
        """The TCP port, also when 0 was asked for."""
        return int(self._acceptor.get_port())

    async def close(self) -> None:
        """Stop listening and end every session; operations in progress are carried to their end."""
        self._acceptor.close()
        await self._server.close()


async def listen(host: str, port: int, service: Service, bound: socket.socket | None = None) -> SshListener:
    """Accept logins at an address ("" for all) and port (0 for any), or on a socket that is bound. Raises OSError."""
    keys = host_keys.load_or_create(service.state_dir, _generate, _is_private_key, service.shown_dir)
    server = NetconfServer(service.configuration, service.state)
    waiting: _Waiting = OrderedDict()
    acceptor = await asyncssh.create_server(
        lambda: _Connection(service.users, server, waiting),
        "" if bound else host,
        0 if bound else port,
        sock=bound,
        server_host_keys=[str(key) for key in keys],
        backlog=BACKLOG,
        reuse_address=True,
        login_timeout=LOGIN_DEADLINE_S,
        keepalive_interval=60,
        keepalive_count_max=3,
        compression_algs=["none"],
        agent_forwarding=False,
        allow_scp=False,
        gss_host=None,
        x11_forwarding=False,
        server_version="applianced",
    )
    return SshListener(acceptor, server)


def _generate(algorithm: str) -> bytes:
    return asyncssh.generate_private_key(algorithm, comment="applianced").export_private_key()


def _is_private_key(text: bytes) -> bool:
    try:
        asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, ValueError):
        return False
    return True


_Waiting = OrderedDict[int, asyncssh.SSHServerConnection]


class _Connection(asyncssh.SSHServer):
    """One TCP connection."""

    def __init__(self, users: Users, server: NetconfServer, waiting: _Waiting) -> None:
        self._users = users
        self._server = server
        self._waiting = waiting
        self._source = ""
        self._channels = 0
        self._connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        peer = conn.get_extra_info("peername") or ("?", 0)
        self._source = f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
        self._waiting[id(self)] = conn
        if len(self._waiting) > UNAUTHENTICATED_MAX:
            _, oldest = self._waiting.popitem(last=False)
            oldest.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting.pop(id(self), None) is not None:
            _LOG.info("%s left without a login%s", self._source, f": {exc}" if exc else "")

    def begin_auth(self, username: str) -> bool:
        return True

    def auth_completed(self) -> None:
        self._waiting.pop(id(self), None)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        matched = await self._users.password_matches(username, password)
        if not matched:
            self._server.counters.login_failures += 1
            _LOG.warning("login refused: user %r from %s: wrong password or no such user", username, self._source)
        return matched

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        offered = key.public_data
        matched = any(_public_data(line) == offered for line in self._users.keys(username))
        if not matched:
            self._server.counters.login_failures += 1
            fingerprint = key.get_fingerprint()
            _LOG.warning("key refused: user %r from %s: %s is not configured", username, self._source, fingerprint)
        return matched

    def session_requested(self) -> Any:
        if self._channels >= CHANNELS_MAX:
            _LOG.warning("channel refused: %s has %d open", self._source, self._channels)
            return False
        self._channels += 1
        author = Author(self._connection.get_extra_info("username"), self._source)
        channel = self._connection.create_server_channel(encoding=None)
        return channel, _Channel(self._server, author, self._channel_closed)

    def _channel_closed(self) -> None:
        self._channels -= 1
        if not self._channels:
            asyncio.get_running_loop().call_later(LINGER_S, self._close_idle)

    def _close_idle(self) -> None:
        if not self._channels:
            self._connection.close()


class _Channel(asyncssh.SSHServerSession[bytes]):
    """One channel; the transport of one NETCONF session."""

    def __init__(self, server: NetconfServer, author: Author, closed: Any) -> None:
        self._server = server
        self._author = author
        self._closed = closed
        self._session: LiveSession | None = None
        self._writable = asyncio.Event()
        self._writable.set()
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
        if self._session:
            self._session.received(data)

    def eof_received(self) -> bool:
        if self._session:
            self._session.finished()
        return self._session is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable.set()
        self._closed()
        if self._session:
            self._session.lost()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- from the session --------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if not self._channel.is_closing():
            self._channel.write(data)

    async def drain(self) -> None:
        await self._writable.wait()

    def pause_reading(self) -> None:
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._channel.resume_reading()

    def close(self) -> None:
        self._channel.close()

    def abort(self) -> None:
        self._channel.abort()


@lru_cache(maxsize=1024)
def _public_data(line: str) -> bytes:
    """The key of an OpenSSH line, b"" when it cannot be read."""
    try:
        return asyncssh.import_public_key(line).public_data
    except (asyncssh.KeyImportError, ValueError):
        return b""
