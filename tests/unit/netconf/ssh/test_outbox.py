"""Long replies leave in pieces, a turn of the event loop for each, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from applianced.netconf.ssh.gathering import Gathering
from applianced.netconf.ssh.outbox import PIECE, Outbox
from applianced.netconf.ssh.turns import Turns


def play(act: Callable[[Outbox, list[bytes]], Awaitable[None]]) -> list[bytes]:
    async def run() -> list[bytes]:
        written: list[bytes] = []
        await act(Outbox(written.append, Turns()), written)
        return written

    return asyncio.run(run())


def test_what_is_short_leaves_at_once() -> None:
    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(b"a")
        assert written == [b"a"]
        await box.room()

    play(act)


def test_what_is_long_leaves_in_turns_and_what_follows_after_it() -> None:
    data = bytes(range(256)) * (PIECE // 128)

    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(data)
        box.add(b"after")
        assert written == []
        assert box.octets == len(data) + 5
        await asyncio.sleep(0)
        assert len(written) == 1
        await box.room()
        assert box.octets == 0

    written = play(act)
    assert b"".join(written) == data + b"after"
    assert max(map(len, written)) == PIECE


def test_nothing_leaves_while_no_more_is_taken() -> None:
    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(bytes(3 * PIECE))
        await asyncio.sleep(0)
        box.pause()
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(written) == 1
        waiting = asyncio.create_task(box.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        box.resume()
        await waiting
        assert len(written) == 3

    play(act)


def test_pausing_alone_makes_wait() -> None:
    async def act(box: Outbox, written: list[bytes]) -> None:
        box.pause()
        waiting = asyncio.create_task(box.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        box.resume()
        await waiting

    play(act)


def test_the_end_comes_after_all_of_it() -> None:
    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(bytes(2 * PIECE))
        box.when_empty(lambda: written.append(b"end"))
        await box.room()
        await asyncio.sleep(0)

    assert play(act) == [bytes(PIECE), bytes(PIECE), b"end"]


def test_what_is_dropped_is_not_written_and_nobody_waits_for_it() -> None:
    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(bytes(2 * PIECE))
        box.pause()
        box.drop()
        await box.room()
        box.resume()
        await asyncio.sleep(0)
        assert box.octets == 0

    assert play(act) == []


def test_of_many_one_leaves_in_a_turn() -> None:
    async def run() -> None:
        written: list[bytes] = []
        turns = Turns()
        boxes = [Outbox(written.append, turns) for _ in range(3)]
        for box in boxes:
            box.add(bytes(2 * PIECE))
        for pieces in range(6):
            assert len(written) == pieces
            await asyncio.sleep(0)
        assert not any(box.octets for box in boxes)

    asyncio.run(run())


def test_nothing_leaves_while_the_connection_is_full() -> None:
    async def run() -> None:
        written: list[bytes] = []
        connection = Gathering(asyncio.Transport())
        box = Outbox(written.append, Turns(), connection)
        connection.unread(True)
        box.add(b"short")
        box.add(bytes(2 * PIECE))
        for _ in range(5):
            await asyncio.sleep(0)
        assert (written, box.octets) == ([], 2 * PIECE + 5)
        connection.unread(False)
        await box.room()
        assert b"".join(written) == b"short" + bytes(2 * PIECE)

    asyncio.run(run())


def test_full_in_the_middle_of_a_reply() -> None:
    async def run() -> None:
        connection = Gathering(asyncio.Transport())
        written: list[bytes] = []

        def write(piece: bytes) -> None:
            written.append(piece)
            connection.unread(True)

        box = Outbox(write, Turns(), connection)
        box.add(bytes(3 * PIECE))
        for pieces in (1, 2, 3):
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(written) == pieces
            connection.unread(False)
        await box.room()

    asyncio.run(run())


def test_a_text_is_kept_whole_until_its_last_octet_has_left() -> None:
    data = bytes(3 * PIECE)

    async def act(box: Outbox, written: list[bytes]) -> None:
        box.add(data)
        box.add(data)
        await asyncio.sleep(0)
        assert box.octets < 6 * PIECE
        assert box.texts() == {id(data): len(data)}
        await box.room()
        assert box.texts() == {}

    play(act)


def test_how_long_the_peer_has_taken_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own turns do not count, and what has left is forgotten."""

    async def act(box: Outbox, written: list[bytes]) -> None:
        now = [100.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
        box.add(bytes(4 * PIECE))
        now[0] += 5
        assert box.held_up_s == 0
        box.pause()
        now[0] += 2
        assert box.held_up_s == 2
        box.resume()
        now[0] += 5
        assert box.held_up_s == 2
        await asyncio.sleep(0)
        box.pause()
        now[0] += 1
        assert box.held_up_s == 3
        box.drop()
        assert box.held_up_s == 0
        box.add(bytes(2 * PIECE))
        await asyncio.sleep(0)
        now[0] += 7
        assert box.held_up_s == 7
        box.resume()
        await box.room()
        assert box.held_up_s == 0

    play(act)


def test_a_connection_that_is_full_holds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        now = [100.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
        connection = Gathering(asyncio.Transport())
        box = Outbox(lambda data: None, Turns(), connection)
        connection.unread(True)
        box.add(bytes(2 * PIECE))
        await asyncio.sleep(0)
        now[0] += 4
        assert box.held_up_s == 4
        connection.unread(False)
        now[0] += 4
        assert box.held_up_s == 4
        await box.room()
        assert box.held_up_s == 0

    asyncio.run(run())
