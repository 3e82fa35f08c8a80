"""One TCP connection: who logs in over it, and how many sessions it carries (RFC 4252)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncssh

from applianced.config.access import RetryOptions, SshLimits
from applianced.netconf.server import NetconfServer
from applianced.netconf.ssh.admission import Admission, keep_alive
from applianced.netconf.ssh.algorithms import outdated, public_data, watch_signature
from applianced.netconf.ssh.arrivals import Arrivals
from applianced.netconf.ssh.attempts import Attempts
from applianced.netconf.ssh.channel import Channel
from applianced.netconf.ssh.gathering import Gathering, gather
from applianced.netconf.ssh.refusals import Refusals
from applianced.netconf.ssh.sources import plain, source_of
from applianced.netconf.ssh.turns import SharedTurns
from applianced.northbound.recording import Author
from applianced.system.users import Users

_LOG = logging.getLogger(__name__)
LINGER_S = 10
"""How long a connection may stay without a session."""


class Connection(asyncssh.SSHServer):
    """One TCP connection."""

    def __init__(
        self,
        users: Users,
        server: NetconfServer,
        admission: Admission,
        retry: Callable[[], RetryOptions],
        refusals: Refusals,
        turns: SharedTurns,
    ) -> None:
        self._turns = turns
        self._refusals = refusals
        self._users = users
        self._server = server
        self._admission = admission
        self._retry = retry
        self.address = ""
        self.peer = ""
        self._channels = 0
        self.used_at = time.monotonic()
        """When octets of a session came or went last."""
        self._lingering: asyncio.TimerHandle | None = None
        self._connection: asyncssh.SSHServerConnection
        self._attempts: Attempts
        self._arrivals: Arrivals | None = None
        self._departures: Gathering | None = None

    @property
    def _limits(self) -> SshLimits:
        return self._server.limits.ssh

    def _rules(self) -> tuple[RetryOptions, float]:
        return self._retry(), self._limits.login_grace_time_s

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._departures = gather(conn)
        if self._departures is not None:
            self._arrivals = Arrivals(conn, self._departures, self._turns)
        address, port = (conn.get_extra_info("peername") or ("?", 0))[:2]
        self.address = plain(address)
        self.peer = f"[{self.address}]:{port}" if ":" in self.address else f"{self.address}:{port}"
        self._attempts = Attempts(
            source_of(self.address),
            self.peer,
            self._admission.sources,
            self._server.counters,
            self._rules,
            self._end,
            self._refusals,
        )
        if self._admission.arrive(self):
            keep_alive(conn.get_extra_info("socket"), self._server.limits)
        else:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._linger_no_more()
        if not self._admission.leave(self):
            return
        self._attempts.gave_up()
        if isinstance(exc, asyncssh.KeyExchangeFailed):
            self._server.counters.key_exchange_failures += 1
            _LOG.warning("login refused: %s has no current algorithm in common with us: %s", self.peer, exc.reason)
        else:
            self._server.counters.logins_abandoned += 1
            _LOG.info("%s left without a login%s", self.peer, f": {exc}" if exc else "")

    def limits_changed(self) -> None:
        """Go by the limits that are now in force."""
        limits = self._limits
        with suppress(OSError):
            # Its end may be known already, and wait for its turn.
            keep_alive(self._connection.get_extra_info("socket"), self._server.limits)
        self._connection.set_keepalive(limits.client_alive_interval_s, limits.client_alive_count_max)

    def abort(self) -> None:
        self._connection.abort()

    # --- login -------------------------------------------------------------------------------------------------

    def begin_auth(self, username: str) -> bool:
        return True

    def auth_completed(self) -> None:
        self._attempts.succeeded()
        self._admission.logged_in(self)
        limits = self._limits
        self._connection.set_keepalive(limits.client_alive_interval_s, limits.client_alive_count_max)

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        reason = "the client did not wait for the answer"
        if not await self._attempts.turn(username):
            return False
        try:
            matched = await self._users.password_matches(username, password)
            reason = "" if matched else "wrong password or no such user"
        finally:
            if reason:
                self._attempts.wrong_password(username, reason)
        return not reason

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        self._attempts.refuse(username, "password", "passwords are changed in the configuration")
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
            self._attempts.wrong_key(username, reason)
            return False
        watch_signature(key, lambda why: self._attempts.wrong_key(username, why))
        return True

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._attempts.wrong_key(username, "certificates are not accepted")
        return False

    def _end(self, why: str) -> None:
        """Close after the answer to what is being looked at has left."""
        code = asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE
        asyncio.get_running_loop().call_soon(self._connection.disconnect, code, why)

    # --- channels ----------------------------------------------------------------------------------------------

    def session_requested(self) -> Any:
        author = Author(self._connection.get_extra_info("username"), self.peer)
        limit = self._limits.max_sessions_per_connection
        if self._channels >= limit:
            self._server.counters.sessions_refused += 1
            reason = f"max-sessions-per-connection is {limit}"
            _LOG.warning("session refused: user %r from %s: %s", author.user, author.source, reason)
            return False
        self._channels += 1
        channel = self._connection.create_server_channel(encoding=None)
        return channel, Channel(
            self._server,
            author,
            self._channel_closed,
            self._used,
            self._greeted,
            self._turns.replies,
            self._departures,
        )

    def _used(self) -> None:
        self.used_at = time.monotonic()

    def _greeted(self) -> None:
        if self._arrivals is not None:
            self._arrivals.known()

    def _channel_closed(self) -> None:
        self._channels -= 1
        self._linger_no_more()
        if not self._channels:
            self._lingering = asyncio.get_running_loop().call_later(LINGER_S, self._close_idle)

    def _linger_no_more(self) -> None:
        """A timer would keep all of a connection that has gone."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _close_idle(self) -> None:
        if not self._channels:
            self._connection.close()
