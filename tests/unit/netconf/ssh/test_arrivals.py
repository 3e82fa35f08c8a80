"""What comes from a transport is passed on in pieces, whole and in order."""

from __future__ import annotations

import asyncio
from typing import Any

from applianced.netconf.ssh.arrivals import PACKETS_AT_ONCE, Arrivals
from applianced.netconf.ssh.turns import SharedTurns, Turns


class Below:
    """A transport."""

    def __init__(self) -> None:
        self.protocol: Any = None
        self.reading = True
        self.closing = False

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


class Connection:
    """As the SSH library's: each octet is a packet."""

    def __init__(self) -> None:
        self.arrived = b""
        self.seen = b""
        self.told: list[object] = []

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        self._recv_data()

    def _recv_data(self) -> None:
        while self.arrived and self._recv_packet():
            pass

    def _recv_packet(self) -> bool:
        self.seen, self.arrived = self.seen + self.arrived[:1], self.arrived[1:]
        return True

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


def several(number: int) -> list[tuple[Connection, Below, Arrivals]]:
    turns = SharedTurns(Turns(), Turns(), Turns())
    made = []
    for _ in range(number):
        connection: Any = Connection()
        below: Any = Below()
        made.append((connection, below, Arrivals(connection, below, turns)))
    return made


def test_strangers_are_heard_one_in_each_turn() -> None:
    async def play() -> None:
        parties = several(3)
        for _, below, _ in parties:
            below.protocol.data_received(b"a")
        for heard in (1, 2, 3):
            assert [connection.seen for connection, _, _ in parties] == [b"a"] * heard + [b""] * (3 - heard)
            assert [below.reading for _, below, _ in parties] == [True] * heard + [False] * (3 - heard)
            await asyncio.sleep(0)

    asyncio.run(play())


def test_those_who_have_logged_in_are_heard_at_once() -> None:
    async def play() -> None:
        parties = several(3)
        for connection, below, arrivals in parties:
            arrivals.logged_in()
            below.protocol.data_received(b"ab")
            assert connection.seen == b"ab"
            below.protocol.connection_lost(None)
            assert connection.told == [None]

    asyncio.run(play())


def test_many_packets_are_looked_at_in_turns() -> None:
    many = bytes(range(3 * PACKETS_AT_ONCE))

    async def play() -> None:
        for known in (True, False):
            [(connection, below, arrivals)] = several(1)
            if known:
                arrivals.logged_in()
            below.protocol.data_received(many)
            for times in (1, 2):
                assert connection.seen == many[: times * PACKETS_AT_ONCE]
                assert not below.reading
                await asyncio.sleep(0)
            assert connection.seen == many
            assert below.reading

    asyncio.run(play())


def test_an_end_waits_for_its_turn_and_an_end_of_ours_for_nothing() -> None:
    async def play() -> None:
        (first, below, _), (second, gone, _) = several(2)
        fault = OSError("gone")
        assert below.protocol.eof_received() is True
        gone.protocol.data_received(b"unread")
        gone.close()
        gone.protocol.connection_lost(fault)
        assert first.told == ["eof"]
        assert below.closing
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert second.seen == b""
        assert second.told == [fault]

    asyncio.run(play())


def test_nothing_is_looked_at_after_the_end() -> None:
    async def play() -> None:
        [(connection, below, arrivals)] = several(1)
        arrivals.logged_in()
        below.protocol.data_received(bytes(2 * PACKETS_AT_ONCE))
        below.close()
        await asyncio.sleep(0)
        assert len(connection.seen) == PACKETS_AT_ONCE
        assert not below.reading

    asyncio.run(play())
