"""The attempts of one connection to log in, and what failed ones cost its source."""

from __future__ import annotations

import logging
import math
from asyncio import sleep
from collections.abc import Callable

from applianced.config.access import RetryOptions
from applianced.netconf.ssh.refusals import Refusals
from applianced.netconf.ssh.sources import Sources
from applianced.northbound.state import NetconfCounters

_LOG = logging.getLogger(__name__)
KEYS_MAX = 20
"""Keys that a connection may offer in vain: nobody guesses a key, and agents offer all they hold."""


class Attempts:
    """What one connection tried. peer: address and port, as logs show them."""

    def __init__(
        self,
        source: str,
        peer: str,
        sources: Sources,
        counters: NetconfCounters,
        rules: Callable[[], tuple[RetryOptions, float]],
        end: Callable[[str], None],
        refusals: Refusals,
    ) -> None:
        """rules: the options in force, and how long a connection may take to log in. end: closes the connection."""
        self._refusals = refusals
        self._source = source
        self._peer = peer
        self._sources = sources
        self._counters = counters
        self._rules = rules
        self._end = end
        self._passwords = 0
        self._keys = 0
        self._failures = 0

    async def turn(self, user: str) -> bool:
        """Wait for the turn of a password; False when it must not be looked at, which is logged and counted."""
        retry, grace_s = self._rules()
        self._passwords += 1
        if self._passwords > retry.tries_before_disconnect:
            # A client need not wait for an answer before it tries again.
            self.refuse(user, "password", f"tries-before-disconnect is {retry.tries_before_disconnect}")
            self._end("too many failed logins")
            return False
        wait_s = self._sources.wait_s(self._source, retry, grace_s / 2)
        if wait_s == math.inf:
            self.refuse(user, "password", f"too many attempts of {self._source} wait for their turn")
            return False
        if wait_s:
            self._counters.logins_delayed += 1
            await sleep(wait_s)
        return not self._locked_out(user)

    def _locked_out(self, user: str) -> bool:
        """Others of the same source may have brought it about, also while this one waited."""
        left_s = self._sources.locked_s(self._source)
        if left_s:
            self.refuse(user, "password", f"{self._source} is locked out for another {math.ceil(left_s)} s")
            self._end("too many failed logins")
        return left_s > 0

    def wrong_password(self, user: str, reason: str) -> None:
        """The password was looked at, or the client did not wait for it to be."""
        retry, _ = self._rules()
        self.refuse(user, "password", reason)
        self._fail(retry)
        if self._passwords >= retry.tries_before_disconnect:
            self._end("too many failed logins")

    def wrong_key(self, user: str, reason: str) -> None:
        """A key that lets nobody in; the source pays only when the connection ends without a login."""
        self._keys += 1
        self.refuse(user, "publickey", reason)
        if self._keys >= KEYS_MAX:
            self._end("too many keys")

    def succeeded(self) -> None:
        """Logged in: what went wrong before were mistakes."""
        self._sources.take_back(self._source, self._failures)

    def gave_up(self) -> None:
        """The connection ended without a login."""
        if self._keys and not self._passwords:
            self._fail(self._rules()[0])

    def refuse(self, user: str, method: str, reason: str) -> None:
        """Log, count and tell of a refusal."""
        self._refusals.tell(user, self._source, self._peer, method, reason)
        self._counters.login_failures += 1
        _LOG.warning("login refused: user %r from %s by %s: %s", user, self._peer, method, reason)

    def _fail(self, retry: RetryOptions) -> None:
        self._failures += 1
        if self._sources.failed(self._source, retry, self._rules()[1] / 2):
            self._counters.lockouts += 1
            _LOG.warning("%s is locked out for %g s: too many failed logins", self._source, retry.lockout_period_s)
