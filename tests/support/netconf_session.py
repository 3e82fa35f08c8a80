"""NETCONF sessions for tests: octets in, octets out, with everything behind them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from applianced.datastore.persist import CommitLog
from applianced.errors import ConfigError
from applianced.netconf.framing import Framing, frame
from applianced.netconf.live import LiveSession
from applianced.netconf.server import NetconfServer
from applianced.netconf.unread import Unread
from applianced.northbound.configuration import Configuration
from applianced.northbound.inforce import Builder
from applianced.northbound.recording import Author
from applianced.northbound.state import Wanted, everything
from applianced.northbound.transaction import Participant
from tests.support.shop import build_shop, shop_models, tree_of

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SHOP = "urn:example:shop"
DEADLINE_S = 10.0


class ShopState:
    """A StateProvider: three visitors, and a bell."""

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        return {"example:shop": {"visitors": 3}}

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if arguments["times"] > 9:
            raise ConfigError("", "the bell breaks: ring at most 9 times")
        return {"heard": f"{name} {arguments['times']}"}


class Wire:
    """A Transport that is a list."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.arrived = asyncio.Event()
        self.open = True
        self.reading = True

    def write(self, data: bytes) -> None:
        self.sent += data
        self.arrived.set()

    async def drain(self) -> None: ...

    def unsent(self) -> int:
        return 0

    def unread(self) -> Unread:
        return Unread({}, 0.0)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.open = False
        self.arrived.set()

    abort = close


class Client:
    """One session over a Wire, base:1.0 after the hello, so that replies can be cut apart simply."""

    def __init__(self, server: NetconfServer, user: str = "admin") -> None:
        self.wire = Wire()
        session = server.open(self.wire, Author(user, "192.0.2.1:4711"))
        assert session
        self.session: LiveSession = session
        self._id = 0

    async def connected(self, *offered: str) -> Client:
        """offered: capabilities of the client besides base:1.0."""
        await self.next()
        listed = ("urn:ietf:params:netconf:base:1.0", *offered)
        capabilities = "".join(f"<capability>{uri}</capability>" for uri in listed)
        self.octets(f'<hello xmlns="{NC}"><capabilities>{capabilities}</capabilities></hello>'.encode())
        return self

    def octets(self, message: bytes) -> None:
        self.session.received(frame(message, Framing.END_OF_MESSAGE))

    async def next(self) -> bytes:
        """The next whole message; fails when none comes or the session closes."""
        async with asyncio.timeout(DEADLINE_S):
            while b"]]>]]>" not in self.wire.sent:
                assert self.wire.open, "the session was closed"
                self.wire.arrived.clear()
                await self.wire.arrived.wait()
        message, _, rest = bytes(self.wire.sent).partition(b"]]>]]>")
        self.wire.sent[:] = rest
        return message

    async def rpc(self, operation: str) -> str:
        """The inner text of the reply to an operation, namespaces of NETCONF and the shop left out."""
        self._id += 1
        self.octets(f'<rpc xmlns="{NC}" message-id="{self._id}">{operation}</rpc>'.encode())
        return stripped(await self.next())

    async def closed(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self.session.ended()
        assert not self.wire.open


def stripped(reply: bytes) -> str:
    """What stands inside <rpc-reply>, without those namespaces."""
    root = etree.fromstring(reply)
    assert root.tag == f"{{{NC}}}rpc-reply"
    text = "".join(etree.tostring(child).decode() for child in root)
    return text.replace(f' xmlns="{NC}"', "").replace(f' xmlns="{SHOP}"', "")


def tags(reply: str) -> list[str]:
    """The error-tags of a reply."""
    root = etree.fromstring(f"<r>{reply}</r>")
    return [str(node.text) for node in root.iterfind(".//error-tag")]


@asynccontextmanager
async def serving(
    directory: Path,
    first: str = "",
    participants: Sequence[Participant] = (),
    build: Builder = build_shop,
) -> AsyncIterator[NetconfServer]:
    """A server whose model is the shop."""
    configuration = Configuration(shop_models(), CommitLog(directory), build, participants)
    await configuration.start(lambda: tree_of(first), source="test")
    server = NetconfServer(configuration, ShopState(), directory)
    try:
        yield server
    finally:
        await server.close()
        configuration.close()
