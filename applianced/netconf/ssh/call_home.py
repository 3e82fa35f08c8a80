"""Call home (RFC 8071): the appliance opens the TCP connection, and is the SSH server on it all the same.

Each client of the configuration has a task that keeps one connection to one of its endpoints, or makes one from time to
time.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncssh

from applianced.config.access import CallHomeClient, Endpoint, Periodic
from applianced.netconf.ssh.connection import Connection
from applianced.northbound.state import timestamp

_LOG = logging.getLogger(__name__)

Dial = Callable[[str, int], Awaitable[asyncssh.SSHServerConnection]]
"""Address, port -> a connection over which somebody has logged in. Raises OSError, asyncssh.Error, TimeoutError."""
STEP_S = 60.0
"""How long the clock may go unread."""


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


def next_call(periodic: Periodic, started_s: float, now_s: float, *, again: bool) -> float:
    """When to connect: at a multiple of the period from its anchor, which is `started_s` when it has none. Wall clock.

    again: after a connection at that time, or earlier; the one for now is over then.
    """
    anchor_s = started_s if periodic.anchor_s is None else periodic.anchor_s
    passed = (now_s - anchor_s) / periodic.period_s
    return anchor_s + periodic.period_s * (math.floor(passed) + 1 if again else math.ceil(passed))


class _Calling:
    """One client, called until it is cancelled."""

    def __init__(self, client: CallHomeClient, dial: Dial) -> None:
        self.client = client
        self._dial = dial
        self._connected = ""
        self._last = ""
        self._failure = ""
        self._failures = 0
        self._next_s: float | None = None
        self._task = asyncio.create_task(self._run(), name=f"call home to {client.name}")

    def shown(self) -> dict[str, Any]:
        """An entry of call-home in applianced-state."""
        state = {"connected-endpoint": self._connected} if self._connected else {}
        if self._next_s is not None:
            state["next-call"] = timestamp(self._next_s)
        if self._failure:
            state["last-failure"] = self._failure
        return {"name": self.client.name, "failed-attempts": self._failures, **state}

    async def end(self) -> None:
        """Stop calling; a connection that is open ends."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        started_s, again = time.time(), False
        while True:
            if self.client.periodic:
                await self._until(next_call(self.client.periodic, started_s, time.time(), again=again))
                again = True
            for endpoint in attempts(self.client, self._last):
                if await self._call(endpoint):
                    break
                await self._pause()
            if not self.client.periodic:
                await self._pause()

    async def _until(self, due_s: float) -> None:
        """In steps: the clock may be set meanwhile."""
        self._next_s = due_s
        while (left_s := due_s - time.time()) > 0:
            await asyncio.sleep(min(left_s, STEP_S))
        self._next_s = None

    async def _call(self, endpoint: Endpoint) -> bool:
        """Whether somebody logged in; returns when that connection has ended."""
        name, where = self.client.name, f"{endpoint.name} ({endpoint.address} port {endpoint.port})"
        try:
            connection = await self._dial(endpoint.address, endpoint.port)
        except (OSError, asyncssh.Error, TimeoutError, UnicodeError) as error:
            # Some names that the model allows cannot be looked up: "." is one.
            self._failures += 1
            self._failure = f"{where}: {error or type(error).__name__}"
            _LOG.warning("call home to %s: %s", name, self._failure)
            return False
        _LOG.info("call home to %s: connected to %s", name, where)
        self._connected = self._last = endpoint.name
        try:
            await self._ended(connection)
        finally:
            self._connected = ""
            connection.abort()
        _LOG.info("call home to %s: the connection to %s has ended", name, where)
        return True

    async def _ended(self, connection: asyncssh.SSHServerConnection) -> None:
        """Return when a connection has ended, or is to be: a periodic one that is not used."""
        idle_s, owner = self.client.periodic.idle_timeout_s if self.client.periodic else 0, connection.get_owner()
        assert isinstance(owner, Connection)
        while idle_s and (left_s := owner.used_at + idle_s - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await connection.wait_closed()
                return
            except TimeoutError:
                continue
        if idle_s:
            _LOG.info("call home to %s: the connection was not used for %g s: closed", self.client.name, idle_s)
            return
        await connection.wait_closed()

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
