"""One TCP connection: who logs in over it, and how many sessions it carries (RFC 4252)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import Any

import asyncssh

from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.algorithms import outdated, public_data, watch_signature
from applianced.netconf.ssh.channel import Channel
from applianced.northbound.recording import Author
from applianced.system.users import Users

_LOG = logging.getLogger(__name__)
UNAUTHENTICATED_MAX = 128
"""Connections that have not logged in; one more pushes out the oldest, so that silent ones never lock others out."""
CHANNELS_MAX = 16
"""Sessions over one connection."""
LINGER_S = 10
"""How long a connection may stay without a session."""
Waiting = OrderedDict[int, asyncssh.SSHServerConnection]


class Connection(asyncssh.SSHServer):
    """One TCP connection."""

    def __init__(self, users: Users, server: NetconfServer, waiting: Waiting) -> None:
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
        if self._waiting.pop(id(self), None) is None:
            return
        if isinstance(exc, asyncssh.KeyExchangeFailed):
            _LOG.warning("login refused: %s has no current algorithm in common with us: %s", self._source, exc.reason)
        else:
            _LOG.info("%s left without a login%s", self._source, f": {exc}" if exc else "")

    # --- login -------------------------------------------------------------------------------------------------

    def begin_auth(self, username: str) -> bool:
        return True

    def auth_completed(self) -> None:
        self._waiting.pop(id(self), None)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        matched = await self._users.password_matches(username, password)
        if not matched:
            self._refuse(username, "password", "wrong password or no such user")
        return matched

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        self._refuse(username, "password", "passwords are changed in the configuration")
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the user may log in with this key; the library checks the signature afterwards."""
        offered = key.public_data
        reason = outdated(key)
        if not reason and not any(public_data(line) == offered for line in self._users.keys(username)):
            reason = f"{key.get_fingerprint()} is not configured"
        if reason:
            self._refuse(username, "publickey", reason)
            return False
        watch_signature(key, lambda why: self._refuse(username, "publickey", why))
        return True

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._refuse(username, "publickey", "certificates are not accepted")
        return False

    def _refuse(self, user: str, method: str, reason: str) -> None:
        self._server.counters.login_failures += 1
        _LOG.warning("login refused: user %r from %s by %s: %s", user, self._source, method, reason)

    # --- channels ----------------------------------------------------------------------------------------------

    def session_requested(self) -> Any:
        if self._channels >= CHANNELS_MAX:
            _LOG.warning("channel refused: %s has %d open", self._source, self._channels)
            return False
        self._channels += 1
        author = Author(self._connection.get_extra_info("username"), self._source)
        channel = self._connection.create_server_channel(encoding=None)
        return channel, Channel(self._server, author, self._channel_closed)

    def _channel_closed(self) -> None:
        self._channels -= 1
        if not self._channels:
            asyncio.get_running_loop().call_later(LINGER_S, self._close_idle)

    def _close_idle(self) -> None:
        if not self._channels:
            self._connection.close()
