"""A NETCONF session that costs little itself: asyncssh, base:1.1 framing (RFC 6242 section 4.2), no polling."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

import asyncssh

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
HELLO = (
    f'<hello xmlns="{NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability>'
    "</capabilities></hello>"
)
END_OF_HELLO = b"]]>]]>"
CHUNK = re.compile(rb"\n#(\d+)\n")


class RpcError(RuntimeError):
    """The appliance answered with an rpc-error."""


class NetconfSession:
    """An async context manager; `rpc` sends one operation and returns the reply as text."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._where = (host, port, key)
        self._number = 0

    async def __aenter__(self) -> Self:
        host, port, key = self._where
        self._connection = await asyncssh.connect(
            host, port, username="admin", client_keys=[key], known_hosts=None, config=None
        )
        self._writer, self._reader, _ = await self._connection.open_session(subsystem="netconf", encoding=None)
        self._writer.write(HELLO.encode() + END_OF_HELLO)
        await self._reader.readuntil(END_OF_HELLO)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        await self._connection.wait_closed()

    async def rpc(self, operation: str) -> str:
        """Raises RpcError."""
        self._number += 1
        request = f'<rpc xmlns="{NETCONF}" message-id="{self._number}">{operation}</rpc>'.encode()
        self._writer.write(b"\n#%d\n%s\n##\n" % (len(request), request))
        reply = (await self._message()).decode()
        if "<rpc-error" in reply or ":rpc-error" in reply:
            raise RpcError(reply[:2000])
        return reply

    async def _message(self) -> bytes:
        parts: list[bytes] = []
        while True:
            head = await self._reader.readexactly(2)
            head += await self._reader.readuntil(b"\n")
            if head == b"\n##\n":
                return b"".join(parts)
            found = CHUNK.fullmatch(head)
            assert found, head
            parts.append(await self._reader.readexactly(int(found[1])))
