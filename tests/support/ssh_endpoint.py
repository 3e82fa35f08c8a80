"""An appliance that listens on loopback with the model `example`, and clients that log in to it over real SSH."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from applianced.compiler.plan import Plan
from applianced.config.schema import Config, System, User
from applianced.datastore.persist import CommitLog
from applianced.netconf.framing import Framing, frame
from applianced.netconf.ssh.listener import SshListener, listen
from applianced.northbound.configuration import Configuration
from applianced.northbound.inforce import Built
from applianced.northbound.recording import Author
from applianced.northbound.service import Service
from applianced.northbound.state import NetconfCounters
from applianced.supervisor.address import rebind
from applianced.system.users import Users
from tests.support.netconf_session import DEADLINE_S, NC, ShopState
from tests.support.shop import PASSWORD_HASH, shop_models, touch, tree_of

_BASE = "<capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>"
HELLO = frame(f'<hello xmlns="{NC}">{_BASE}</hello>'.encode(), Framing.END_OF_MESSAGE)


class Endpoint:
    """A listening appliance, and how its users get in: admin has a key and a password, other a key."""

    def __init__(self, system: System) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        line = self.key.export_public_key().decode().strip()
        people = (
            User(name="admin", password=PASSWORD_HASH, keys=(line,), login_class="super-user"),
            User(name="other", keys=(line,)),
            User(name="nosecret"),
        )
        self.system = replace(system, users={user.name: user for user in people} | system.users)
        self.configuration: Configuration
        self.listener: SshListener

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def counters(self) -> NetconfCounters:
        return self.listener.server.counters

    def build(self, data: Mapping[str, Any], in_force: Plan | None) -> Built:
        return Built(Config(system=self.system), Plan(ruleset="", chains={}, queues=1))

    async def commit(self, **leaves: Any) -> None:
        """Put other values of `system` in force, as a commit does."""
        self.system = replace(self.system, **leaves)
        await self.configuration.amend(touch, Author("test", "test"), "")

    @asynccontextmanager
    async def login(self, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[asyncssh.SSHClientConnection]:
        chosen: dict[str, Any] = {"username": "admin", "client_keys": [self.key], "known_hosts": None, "config": None}
        async with asyncssh.connect(host, self.port, **(chosen | options)) as connection:
            yield connection


class Netconf:
    """A base:1.1 session over SSH."""

    def __init__(self, writer: asyncssh.SSHWriter[bytes], reader: asyncssh.SSHReader[bytes]) -> None:
        self.writer = writer
        self.reader = reader

    @classmethod
    async def over(cls, connection: asyncssh.SSHClientConnection, hello: bytes = HELLO, **options: Any) -> Netconf:
        """options: of the channel."""
        async with asyncio.timeout(DEADLINE_S):
            writer, reader, _ = await connection.open_session(subsystem="netconf", encoding=None, **options)
            await reader.readuntil(b"]]>]]>")
        writer.write(hello)
        return cls(writer, reader)

    async def rpc(self, operation: str) -> bytes:
        message = f'<rpc xmlns="{NC}" message-id="1">{operation}</rpc>'.encode()
        self.writer.write(frame(message, Framing.CHUNKED))
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.readuntil(b"\n##\n")

    async def closed(self) -> bytes:
        """What came until the server closed."""
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.read()


async def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Let the event loop run until the condition holds."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what or condition}") from None


def run(
    directory: Path,
    scenario: Callable[[Endpoint], Awaitable[None]],
    system: System | None = None,
    first: str = "<title>t</title>",
    *,
    follows: bool = False,
) -> None:
    """Play a scenario against an appliance with these settings and a shop that holds `first`.

    follows: its port is that of its settings, 830 standing for any.
    """
    endpoint = Endpoint(system or System())

    async def play() -> None:
        endpoint.configuration = Configuration(shop_models(), CommitLog(directory), endpoint.build, [])
        await endpoint.configuration.start(lambda: tree_of(first), source="test")
        users = Users(lambda: endpoint.configuration.config.system.users)
        rebinding = partial(rebind, "127.0.0.1") if follows else None
        service = Service(endpoint.configuration, ShopState(), users, directory, rebinding)
        endpoint.listener = await listen("127.0.0.1", 0, service)
        if follows:
            await endpoint.commit(netconf_port=endpoint.port)
        try:
            await scenario(endpoint)
        finally:
            await endpoint.listener.close()
            endpoint.configuration.close()

    asyncio.run(play())
