"""Packets of one turn leave together, and none is kept back."""

from __future__ import annotations

import asyncio
from typing import Any

from asyncssh.constants import MSG_CHANNEL_DATA, MSG_IGNORE

from applianced.netconf.ssh.gathering import AT_ONCE, Gathering, gather


class Below(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"socket": "s"})
        self.did: list[Any] = []

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


def test_packets_that_say_nothing_are_left_out() -> None:
    class Connection:
        _transport = None

        def __init__(self) -> None:
            self.sent: list[tuple[int, bytes]] = []

        def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
            if pkttype == MSG_CHANNEL_DATA:
                self.send_packet(MSG_IGNORE, b"")
            self.sent.append((pkttype, b"".join(args)))

    connection: Any = Connection()
    gather(connection)
    connection.send_packet(MSG_CHANNEL_DATA, b"1", b"2")
    assert connection.sent == [(MSG_CHANNEL_DATA, b"12")]
