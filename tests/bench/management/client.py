"""A NETCONF client that costs little itself: no threads, no polling, replies are not read as XML."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Self

import asyncssh

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
END_OF_HELLO = b"]]>]]>"
HELLO = (
    f'<hello xmlns="{NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability>'
    "</capabilities></hello>"
).encode() + END_OF_HELLO
DEADLINE_S = 120.0


class RpcError(RuntimeError):
    """The server answered with an rpc-error, or not at all."""


class Reply(NamedTuple):
    """first_s, whole_s: from the request to the first octet and to the last."""

    data: bytes
    first_s: float
    whole_s: float


class _Channel(asyncssh.SSHClientSession[bytes]):
    """Takes the frames apart as they arrive (RFC 6242 4.2)."""

    def __init__(self) -> None:
        self.chunked = False
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.first_at = 0.0
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._left = 0

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self.first_at = self.first_at or time.perf_counter()
        self._buffer += data
        if not self.chunked:
            hello, end, rest = bytes(self._buffer).partition(END_OF_HELLO)
            if not end:
                return
            self.chunked, self._buffer = True, bytearray(rest)
            self.messages.put_nowait(hello)
        while self._step():
            pass

    def _step(self) -> bool:
        """Take one chunk, a part of it, or a header; False when more must arrive first."""
        if self._left:
            part = bytes(self._buffer[: self._left])
            del self._buffer[: len(part)]
            self._parts.append(part)
            self._left -= len(part)
            return bool(part)
        end = self._buffer.find(b"\n", 2)
        if end < 0:
            return False
        header = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if header == b"\n##":
            self.messages.put_nowait(b"".join(self._parts))
            self._parts = []
        else:
            self._left = int(header.removeprefix(b"\n#"))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.messages.put_nowait(None)


class Session:
    """One session on a connection of its own."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.number = 0
        """session-id of the server's hello."""
        self._channel: asyncssh.SSHClientChannel[bytes]
        self._session: _Channel

    @classmethod
    async def open(cls, port: int, key: asyncssh.SSHKey, user: str = "admin") -> Self:
        """Log in and exchange hellos."""
        connection = await asyncssh.connect(
            "127.0.0.1", port, username=user, client_keys=[key], known_hosts=None, config=None,
            agent_path=None, preferred_auth="publickey", compression_algs=None,
        )  # fmt: skip
        session = cls(connection)
        try:
            session._session = _Channel()
            session._channel, _ = await connection.create_session(
                lambda: session._session, subsystem="netconf", encoding=None
            )
            session._channel.write(HELLO)
            hello = await session._next()
            session.number = int(hello.partition(b"<session-id>")[2].partition(b"<")[0])
        except BaseException:
            connection.abort()
            raise
        return session

    async def rpc(self, operation: str) -> Reply:
        """Raises RpcError."""
        request = f'<rpc xmlns="{NETCONF}" message-id="1">{operation}</rpc>'.encode()
        self._session.first_at = 0.0
        began = time.perf_counter()
        self._channel.write(b"\n#%d\n%b\n##\n" % (len(request), request))
        data = await self._next()
        whole_s = time.perf_counter() - began
        if b"rpc-error>" in data[:400]:
            raise RpcError(data[:2000].decode())
        return Reply(data, self._session.first_at - began, whole_s)

    async def _next(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            message = await self._session.messages.get()
        if message is None:
            raise RpcError("the server closed the session")
        return message

    async def close(self) -> None:
        """Leave as a well-behaved client does."""
        await self.rpc("<close-session/>")
        self.connection.close()
        await self.connection.wait_closed()
