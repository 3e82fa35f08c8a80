"""Call home (RFC 8071): the appliance opens the TCP connection, and is the SSH server on it all the same.

Each client of the configuration has a task that keeps one connection to one of its endpoints.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncssh

from applianced.config.access import CallHomeClient, Endpoint

_LOG = logging.getLogger(__name__)

Dial = Callable[[str, int], Awaitable[asyncssh.SSHServerConnection]]
"""Address, port -> a connection over which somebody has logged in. Raises OSError, asyncssh.Error, TimeoutError."""


def attempts(client: CallHomeClient, last: str, chosen: Callable[[int], int] = secrets.randbelow) -> Iterator[Endpoint]:
    """Where to try, one after another and for ever, by the client's strategy.

    last: name of the endpoint that was connected last, "" for none. chosen: a number below another one, at random.
    """
    names = [endpoint.name for endpoint in client.endpoints]
    match client.start_with:
        case "last-connected" if last in names:
            first = names.index(last)
        case "random-selection" if names:
            first = chosen(len(names))
        case _:
            first = 0
    while True:
        for endpoint in client.endpoints[first:] + client.endpoints[:first]:
            for _ in range(client.max_attempts):
                yield endpoint


class _Calling:
    """One client, called until it is cancelled."""

    def __init__(self, client: CallHomeClient, dial: Dial) -> None:
        self.client = client
        self._dial = dial
        self._connected = ""
        self._last = ""
        self._failure = ""
        self._failures = 0
        self._task = asyncio.create_task(self._run(), name=f"call home to {client.name}")

    def shown(self) -> dict[str, Any]:
        """An entry of call-home in applianced-state."""
        state = {"connected-endpoint": self._connected} if self._connected else {}
        if self._failure:
            state["last-failure"] = self._failure
        return {"name": self.client.name, "failed-attempts": self._failures, **state}

    async def end(self) -> None:
        """Stop calling; a connection that is open ends."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            for endpoint in attempts(self.client, self._last):
                if await self._call(endpoint):
                    break
                await self._pause()
            await self._pause()

    async def _call(self, endpoint: Endpoint) -> bool:
        """Whether somebody logged in; returns when that connection has ended."""
        name, where = self.client.name, f"{endpoint.name} ({endpoint.address} port {endpoint.port})"
        try:
            connection = await self._dial(endpoint.address, endpoint.port)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            self._failures += 1
            self._failure = f"{where}: {error or type(error).__name__}"
            _LOG.warning("call home to %s: %s", name, self._failure)
            return False
        _LOG.info("call home to %s: connected to %s", name, where)
        self._connected = self._last = endpoint.name
        try:
            await connection.wait_closed()
        finally:
            self._connected = ""
            connection.abort()
        _LOG.info("call home to %s: the connection to %s has ended", name, where)
        return True

    async def _pause(self) -> None:
        # A fleet that lost its controller must not come back in one instant.
        await asyncio.sleep(self.client.interval_s * secrets.SystemRandom().uniform(0.5, 1.5))


class CallHome:
    """Every client that is called."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._calling: dict[str, _Calling] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def call(self, clients: Sequence[CallHomeClient]) -> None:
        """Call these from now on; a client that is configured as before is left alone."""
        wanted = {client.name: client for client in clients}
        for name, calling in list(self._calling.items()):
            if wanted.get(name) != calling.client:
                del self._calling[name]
                task = asyncio.create_task(calling.end())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        for name, client in wanted.items():
            if name not in self._calling:
                self._calling[name] = _Calling(client, self._dial)

    def shown(self) -> list[dict[str, Any]]:
        """Entries of call-home in applianced-state."""
        return [calling.shown() for calling in self._calling.values()]

    async def close(self) -> None:
        """Call nobody any more."""
        self.call(())
        await asyncio.gather(*self._ending)
