"""Packets of one turn leave together, and none is kept back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE

from applianced.netconf.ssh.gathering import AT_ONCE, DEFERRED_MAX, OF_CHANNEL_MAX, UNREAD_MAX, Gathering, gather


class Below(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"socket": "s"})
        self.did: list[Any] = []
        self.waits = 0

    def get_write_buffer_size(self) -> int:
        return self.waits

    def is_closing(self) -> bool:
        return "abort" in self.did

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.did.append(bytes(data))

    def close(self) -> None:
        self.did.append("close")

    def abort(self) -> None:
        self.did.append("abort")


def test_one_turn_is_one_write() -> None:
    async def play() -> None:
        below = Below()
        above = Gathering(below)
        above.write(b"a")
        above.write(b"b")
        assert below.did == []
        await asyncio.sleep(0)
        above.write(b"c")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert below.did == [b"ab", b"c"]

    asyncio.run(play())


def test_much_does_not_wait() -> None:
    async def play() -> None:
        below = Below()
        above = Gathering(below)
        above.write(b"a")
        above.write(bytes(AT_ONCE))
        assert below.did == [b"a" + bytes(AT_ONCE)]
        above.write(b"b")
        await asyncio.sleep(0)
        assert below.did[1:] == [b"b"]

    asyncio.run(play())


def test_what_was_written_goes_before_the_end() -> None:
    async def play() -> None:
        closed, aborted = Below(), Below()
        for below, end in ((closed, Gathering.close), (aborted, Gathering.abort)):
            above = Gathering(below)
            assert above.get_extra_info("socket") == "s"
            above.write(b"bye")
            end(above)
            await asyncio.sleep(0)
        assert closed.did == [b"bye", "close"]
        assert aborted.did == [b"bye", "abort"]

    asyncio.run(play())


class Connection:
    """As the SSH library's, as far as `gather` goes."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self._transport: Any = Below()
        self._kex_complete = True
        self._deferred_packets: list[tuple[int, tuple[bytes, ...]]] = []

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        if not self._kex_complete:
            self._deferred_packets.append((pkttype, args))
            return
        if pkttype == MSG_CHANNEL_DATA:
            self.send_packet(MSG_IGNORE, b"")
        self.sent.append((pkttype, b"".join(args)))

    def _send_deferred_packets(self) -> None:
        deferred, self._deferred_packets = self._deferred_packets, []
        for pkttype, args in deferred:
            self.send_packet(pkttype, *args)


def gathered() -> tuple[Any, Gathering, Below]:
    connection: Any = Connection()
    below = connection._transport
    above = gather(connection)
    assert above is connection._transport
    return connection, above, below


def test_packets_that_say_nothing_are_left_out() -> None:
    async def play() -> None:
        connection, _, _ = gathered()
        connection.send_packet(MSG_CHANNEL_DATA, b"1", b"2")
        assert connection.sent == [(MSG_CHANNEL_DATA, b"12")]

    asyncio.run(play())


def test_a_connection_that_has_gone_is_left_alone() -> None:
    connection: Any = Connection()
    connection._transport = None
    assert gather(connection) is None


def test_it_is_full_while_the_peer_reads_nothing() -> None:
    async def play() -> None:
        above = Gathering(Below())
        told: list[str] = []
        waiting = partial(told.append, "room")
        assert not above.full
        above.unread(True)
        assert above.full
        above.when_room(waiting)
        above.when_room(waiting)
        above.unread(True)
        assert told == []
        above.unread(False)
        assert told == ["room"]
        assert not above.full
        above.unread(False)
        assert told == ["room"]

    asyncio.run(play())


def test_it_is_full_while_keys_are_exchanged() -> None:
    async def play() -> None:
        connection, above, _ = gathered()
        told: list[str] = []
        connection._kex_complete = False
        connection.send_packet(MSG_CHANNEL_DATA, b"1")
        assert above.full
        above.when_room(lambda: told.append("room"))
        above.unread(False)
        assert told == []
        connection._kex_complete = True
        connection._send_deferred_packets()
        assert told == ["room"]
        assert connection.sent == [(MSG_CHANNEL_DATA, b"1")]

    asyncio.run(play())


def test_an_endless_key_exchange_takes_bounded_memory(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        connection, _, below = gathered()
        connection._kex_complete = False
        for _ in range(DEFERRED_MAX):
            connection.send_packet(MSG_CHANNEL_DATA, b"1")
        assert below.did == []
        connection.send_packet(MSG_CHANNEL_DATA, b"1")
        assert below.did == ["abort"]
        connection.send_packet(MSG_CHANNEL_DATA, b"1")
        assert below.did == ["abort"]
        assert "does not end its key exchange" in caplog.text

    asyncio.run(play())


@pytest.mark.parametrize(
    ("octets", "channels", "end"),
    [
        (UNREAD_MAX, 0, []),
        (UNREAD_MAX + 1, 0, ["abort"]),
        (UNREAD_MAX + 3 * OF_CHANNEL_MAX, 3, []),
        (UNREAD_MAX + 3 * OF_CHANNEL_MAX + 1, 3, ["abort"]),
    ],
)
def test_what_is_not_read_takes_bounded_memory(
    caplog: pytest.LogCaptureFixture, octets: int, channels: int, end: list[str]
) -> None:
    async def play() -> None:
        below = Below()
        above = Gathering(below, channels=lambda: channels)
        above.unread(True)
        below.waits = octets
        above.write(b"a")
        await asyncio.sleep(0)
        assert below.did == [b"a", *end]
        assert ("does not read what it is sent" in caplog.text) == bool(end)

    asyncio.run(play())
