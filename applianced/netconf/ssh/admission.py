"""Which connections may stay: those that log in soon, up to the limits that are in force."""

from __future__ import annotations

import logging
import math
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from applianced.config.access import NetconfLimits, SshLimits
from applianced.netconf.ssh.sources import Sources, source_of
from applianced.northbound.state import NetconfCounters

_LOG = logging.getLogger(__name__)


class Guest(Protocol):
    """A connection, as far as it is let in or not."""

    address: str
    """Of the peer."""
    peer: str
    """Address and port, as logs show them."""

    def abort(self) -> None:
        """End it now."""
        ...

    def limits_changed(self) -> None:
        """Go by the limits that are now in force."""
        ...


class Admission:
    """Every open connection, and those of them that have not logged in, the oldest first."""

    def __init__(self, limits: Callable[[], SshLimits], counters: NetconfCounters, sources: Sources) -> None:
        self._limits = limits
        self._counters = counters
        self.sources = sources
        self._open: dict[int, Guest] = {}
        self._waiting: OrderedDict[int, Guest] = OrderedDict()

    def arrive(self, guest: Guest) -> bool:
        """Whether a new connection may stay; another one may have to go for it."""
        limits = self._limits()
        if reason := self._refusal(guest, limits):
            self._counters.connections_refused += 1
            _LOG.warning("connection refused: %s: %s", guest.peer, reason)
            return False
        self._open[id(guest)] = self._waiting[id(guest)] = guest
        if len(self._waiting) > limits.pending_login_limit:
            self._push_out(f"pending-login-limit is {limits.pending_login_limit}")
        return True

    def _refusal(self, guest: Guest, limits: SshLimits) -> str:
        source = source_of(guest.address)
        if left_s := self.sources.locked_s(source):
            return f"{source} is locked out for another {math.ceil(left_s)} s"
        if self.sources.too_fast(source, limits.rate_limit):
            return f"rate-limit is {limits.rate_limit} a minute from {source}"
        if len(self._open) >= limits.connection_limit:
            if not self._waiting:
                return f"connection-limit is {limits.connection_limit}"
            self._push_out(f"connection-limit is {limits.connection_limit}")
        return ""

    def _push_out(self, reason: str) -> None:
        number, oldest = self._waiting.popitem(last=False)
        del self._open[number]
        self._counters.logins_abandoned += 1
        _LOG.warning("connection of %s ended before its login, newer ones came: %s", oldest.peer, reason)
        oldest.abort()

    def logged_in(self, guest: Guest) -> None:
        """It has proved who it is."""
        self._waiting.pop(id(guest), None)

    def leave(self, guest: Guest) -> bool:
        """The connection has ended; whether it had been let in and had not logged in."""
        self._open.pop(id(guest), None)
        return self._waiting.pop(id(guest), None) is not None

    def everybody(self) -> list[Guest]:
        """Every open connection."""
        return list(self._open.values())


def keep_alive(connected: socket.socket, limits: NetconfLimits) -> None:
    """Let TCP notice a dead peer: one that is silent (RFC 9293 3.8.4), and one that acknowledges nothing any more."""
    ssh = limits.ssh
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, ssh.tcp_idle_time_s)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, ssh.tcp_probe_interval_s)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, ssh.tcp_max_probes)
    # The kernel counts a closed window as silence too, and how long a reply may lie is the session's to say.
    patience_s = max(ssh.tcp_idle_time_s + ssh.tcp_max_probes * ssh.tcp_probe_interval_s, limits.reply_timeout_s)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(patience_s * 1000))
