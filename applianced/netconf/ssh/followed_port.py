"""The port of `system services netconf ssh port`, taken as part of the commit that names it.

Before the commit is decided the new port is bound, so that one that cannot be had refuses it; until it is decided both
ports accept, so that no client finds nobody.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Protocol

import asyncssh

from applianced.compiler.plan import Change
from applianced.northbound.threads import in_thread

_LOG = logging.getLogger(__name__)


class Movable(Protocol):
    """A server that can accept elsewhere."""

    @property
    def port(self) -> int: ...

    async def accept(self, host: str, port: int, bound: socket.socket | None) -> asyncssh.SSHAcceptor: ...

    def move(self, acceptor: asyncssh.SSHAcceptor) -> None: ...


class FollowedPort:
    """northbound.transaction.Participant."""

    name = "netconf ssh port"

    def __init__(self, server: Movable, bind: Callable[[int], socket.socket]) -> None:
        """bind: a listening socket at a port; raises ConfigError."""
        self._server = server
        self._bind = bind

    async def prepare(self, change: Change) -> _Move:
        """Bind the new port, if it is one. Raises ConfigError that names the leaf."""
        port = change.new.system.netconf_port
        bound = None if port == self._server.port else await in_thread(self._bind, port)
        return _Move(self._server, bound)


class _Move:
    """northbound.transaction.Prepared. bound: None when the port stays."""

    def __init__(self, server: Movable, bound: socket.socket | None) -> None:
        self._server = server
        self._bound = bound
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def apply(self) -> None:
        if self._bound is not None:
            self._acceptor = await self._server.accept("", 0, self._bound)

    async def verify(self) -> None: ...

    async def revert(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()

    async def abort(self) -> None:
        if self._bound is not None:
            self._bound.close()

    async def finish(self) -> None:
        if self._acceptor is not None:
            before = self._server.port
            self._server.move(self._acceptor)
            _LOG.warning("NETCONF answers on port %d, no longer on %d", self._server.port, before)
