"""What waits to be written to a channel: in pieces, one of all channels in each turn of the event loop.

The SSH library encrypts all of a reply that the client's window has room for, usually 2 MiB, in one go: milliseconds
in which nobody else is served. What a channel has room for, its connection may not take (`Gathering.full`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from applianced.netconf.ssh.gathering import Gathering
from applianced.netconf.ssh.turns import Turns

PIECE = 64 * 1024
"""Octets that are written in one turn."""


class Outbox:
    """Octets in, pieces out, in order."""

    def __init__(self, write: Callable[[bytes], None], turns: Turns, connection: Gathering | None = None) -> None:
        """turns: of all outboxes. connection: what all that is written leaves by."""
        self._write = write
        self._connection = connection
        self._turns = turns
        self._waiting: deque[memoryview] = deque()
        self.octets = 0
        """Those that wait."""
        self._paused = False
        self._asked = False
        """It has asked for a turn."""
        self._held_up_s = 0.0
        self._held_up_at = 0.0
        """The clock when no more was taken of what waits; 0 when it is."""
        self._emptied: Callable[[], None] | None = None
        self._open = asyncio.Event()
        self._open.set()

    def add(self, data: bytes) -> None:
        """Write it, now if it is short and nothing waits."""
        if not self._waiting and len(data) <= PIECE and not self._full():
            self._write(data)
            return
        self._waiting.append(memoryview(data))
        self.octets += len(data)
        self._open.clear()
        self._await_turn()

    def texts(self) -> dict[int, int]:
        """Octets of each text of which something waits: all of it is kept until nothing does."""
        return {id(view.obj): len(view.obj) for view in self._waiting if isinstance(view.obj, bytes)}

    @property
    def held_up_s(self) -> float:
        """For how many seconds in all, since something began to wait, the peer took no more."""
        now = asyncio.get_running_loop().time()
        return self._held_up_s + (now - self._held_up_at if self._held_up_at else 0.0)

    def pause(self) -> None:
        """No more is taken."""
        self._paused = True
        self._open.clear()
        self._hold_up()

    def resume(self) -> None:
        """More is taken again."""
        self._paused = False
        self._go_on()

    async def room(self) -> None:
        """Return when nothing waits and more is taken, or it has been dropped."""
        await self._open.wait()

    def when_empty(self, then: Callable[[], None]) -> None:
        """Call this once when nothing waits any more, unless it is dropped before."""
        self._emptied = then
        self._await_turn()

    def drop(self) -> None:
        """Forget what waits: nobody takes it any more."""
        self._waiting.clear()
        self.octets = 0
        self._held_up_s = self._held_up_at = 0.0
        self._emptied = None
        self._open.set()

    def _full(self) -> bool:
        return self._connection is not None and self._connection.full

    def _await_turn(self) -> None:
        if not self._asked:
            self._asked = True
            self._turns.ask_later(self._take_turn)

    def _take_turn(self) -> None:
        self._asked = False
        if self._waiting:
            self._write_some()
        elif not self._paused:
            self._open.set()
        if not self._waiting and self._emptied:
            emptied, self._emptied = self._emptied, None
            emptied()

    def _write_some(self) -> None:
        if self._paused:
            self._hold_up()
            return
        if self._connection is not None and self._connection.full:
            self._hold_up()
            self._connection.when_room(self._go_on)
            return
        self._write(self._next())
        if self._waiting:
            self._await_turn()
        else:
            self._held_up_s = 0.0
            if not self._paused:
                self._open.set()

    def _hold_up(self) -> None:
        """The peer takes no more of what waits."""
        if self._waiting and not self._held_up_at:
            self._held_up_at = asyncio.get_running_loop().time()

    def _go_on(self) -> None:
        """What it waits for from here on is our turn."""
        self._held_up_s, self._held_up_at = self.held_up_s, 0.0
        self._await_turn()

    def _next(self) -> bytes:
        first = self._waiting[0]
        piece = bytes(first[:PIECE])
        if len(piece) == len(first):
            self._waiting.popleft()
        else:
            self._waiting[0] = first[len(piece) :]
        self.octets -= len(piece)
        return piece
