"""What comes from a transport is passed on in pieces, whole and in order."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from applianced import courtesy
from applianced.netconf.ssh.arrivals import PACKETS_AT_ONCE, Arrivals
from applianced.netconf.ssh.gathering import READ_AT_ONCE, Gathering
from applianced.netconf.ssh.turns import SharedTurns, Turns


class Below:
    """A transport. near, far: the ends of what is below it."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
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

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.near


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
        made.append((connection, below, Arrivals(connection, Gathering(below), turns)))
    return made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What the event loop is told of descriptors."""
    told: list[tuple[str, int]] = []
    for name in ("be_patient", "be_as_others"):
        monkeypatch.setattr(courtesy, name, lambda descriptor, name=name: told.append((name, descriptor)))
    return told


def test_strangers_give_way(patience: list[tuple[str, int]]) -> None:
    async def play() -> None:
        [(connection, below, arrivals)] = several(1)
        descriptor = below.near.fileno()
        await asyncio.sleep(0)
        below.protocol.data_received(b"ab")
        assert connection.seen == b"ab"
        assert patience == [("be_patient", descriptor)]
        below.protocol.data_received(bytes(READ_AT_ONCE))
        assert len(patience) == 1, "as before"
        below.protocol.data_received(b"")
        arrivals.known()
        arrivals.known()
        assert patience[1:] == [("be_as_others", descriptor)]

    asyncio.run(play())


def test_strangers_give_way_again_when_reading_goes_on(patience: list[tuple[str, int]]) -> None:
    async def play() -> None:
        [(_, below, _)] = several(1)
        below.protocol.data_received(bytes(2 * PACKETS_AT_ONCE))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert below.reading
        assert patience == [("be_patient", below.near.fileno())] * 2

    asyncio.run(play())


def test_who_sends_much_gives_way_as_long_as_that_lasts(patience: list[tuple[str, int]]) -> None:
    async def play() -> None:
        [(connection, below, arrivals)] = several(1)
        connection._recv_data = lambda: None
        arrivals.known()
        await asyncio.sleep(0)
        patience.clear()
        for size in (10, READ_AT_ONCE, READ_AT_ONCE, 10, 10):
            below.protocol.data_received(bytes(size))
        assert [name for name, _ in patience] == ["be_patient", "be_as_others"]

    asyncio.run(play())


def test_who_leaves_at_once_is_not_asked_for_patience(patience: list[tuple[str, int]]) -> None:
    async def play() -> None:
        (_, gone, _), (_, _, known) = several(2)
        gone.close()
        known.known()
        await asyncio.sleep(0)
        assert [name for name, _ in patience] == ["be_as_others"] * 2

    asyncio.run(play())


def test_ends_of_sessions_have_turns() -> None:
    async def play() -> None:
        parties = several(3)
        for _, below, arrivals in parties:
            arrivals.known()
            below.protocol.connection_lost(None)
        for heard in (1, 2, 3):
            assert [connection.told for connection, _, _ in parties] == [[None]] * heard + [[]] * (3 - heard)
            await asyncio.sleep(0)

    asyncio.run(play())


def test_an_end_waits_for_nobody_s_packets_and_a_stranger_s_for_nobody_s_end() -> None:
    async def play() -> None:
        (_, busy, _), (ended, below, arrivals), (stranger, away, _) = several(3)
        busy.protocol.data_received(bytes(2 * PACKETS_AT_ONCE))
        arrivals.known()
        for each in (below, away):
            each.protocol.connection_lost(None)
        assert ended.told == stranger.told == [None]

    asyncio.run(play())


def test_many_packets_are_looked_at_in_turns() -> None:
    many = bytes(range(3 * PACKETS_AT_ONCE))

    async def play() -> None:
        [(connection, below, _)] = several(1)
        below.protocol.data_received(many)
        for times in (1, 2):
            assert connection.seen == many[: times * PACKETS_AT_ONCE]
            assert not below.reading
            await asyncio.sleep(0)
        assert connection.seen == many
        assert below.reading

    asyncio.run(play())


def test_the_transport_stays_until_the_end_was_told() -> None:
    async def play() -> None:
        (_, first, known), (connection, below, arrivals) = several(2)
        for each in (known, arrivals):
            each.known()
        first.protocol.connection_lost(None)
        assert below.protocol.eof_received() is True
        assert (connection.told, below.closing) == ([], False)
        await asyncio.sleep(0)
        assert (connection.told, below.closing) == (["eof"], True)

    asyncio.run(play())


def test_nothing_is_looked_at_after_the_end() -> None:
    async def play() -> None:
        [(connection, below, _)] = several(1)
        below.protocol.data_received(bytes(2 * PACKETS_AT_ONCE))
        below.close()
        await asyncio.sleep(0)
        assert len(connection.seen) == PACKETS_AT_ONCE
        assert not below.reading

    asyncio.run(play())
