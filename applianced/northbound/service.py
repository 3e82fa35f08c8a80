"""What a management protocol serves, and what a server of one looks like."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from applianced.northbound.configuration import Configuration
from applianced.northbound.state import StateProvider
from applianced.system.users import Users


class Service(NamedTuple):
    """What a protocol needs to serve. state_dir: where it may keep what must survive a restart (host keys).

    rebind: a listening socket at another port of the same address, since the port follows the configuration; raises
    ConfigError. None: the port is not the configuration's to change.
    """

    configuration: Configuration
    state: StateProvider
    users: Users
    state_dir: Path
    rebind: Callable[[int], socket.socket] | None = None


class Listening(Protocol):
    """A protocol's server."""

    @property
    def port(self) -> int:
        """The port in use, also when 0 was asked for."""
        ...

    async def close(self) -> None:
        """Stop listening and end every session; operations in progress are carried to their end."""
        ...


class Listen(Protocol):
    """Starts a protocol's server."""

    def __call__(
        self, host: str, port: int, service: Service, bound: socket.socket | None = None
    ) -> Awaitable[Listening]:
        """The server, which answers from now on. bound: a socket to use in place of host and port. Raises OSError."""
        ...
