"""One live NETCONF session, whatever carries it: its queue, its deadlines, its end.

A session that does not read its replies is not read from either; nobody else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from enum import Enum
from typing import Any, Protocol

from applianced.config.access import NetconfLimits
from applianced.datastore.edit import NETCONF_NS
from applianced.errors import ProtocolError
from applianced.netconf import messages
from applianced.netconf.framing import Message
from applianced.netconf.messages import RpcError
from applianced.netconf.session import Session
from applianced.netconf.unread import Unread
from applianced.northbound.recording import Author
from applianced.northbound.state import NetconfCounters, SessionCounters

_LOG = logging.getLogger(__name__)
WAITING_MAX = 64
"""Requests of one session that wait; beyond it, or beyond one message's size, the client is not read from."""
LONG = 64 * 1024
"""Octets of a reply from which on it counts how soon it is read."""
BARE_START = f'<rpc-reply xmlns="{NETCONF_NS}">'.encode()


class Ending(Enum):
    """Why a session has ended: termination-reason of RFC 6470."""

    CLOSED = "closed"
    KILLED = "killed"
    DROPPED = "dropped"
    TIMEOUT = "timeout"
    BAD_HELLO = "bad-hello"
    OTHER = "other"


class Transport(Protocol):
    """What carries one session's octets."""

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None:
        """Return when more may be written, or the connection is lost."""
        ...

    def unsent(self) -> int:
        """Octets that were written and have not left."""
        ...

    def unread(self) -> Unread:
        """What is kept of them, and how long that has waited for the client."""
        ...

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None:
        """End after what was written has left."""
        ...

    def abort(self) -> None:
        """End now."""
        ...


class Server(Protocol):
    """What all sessions share."""

    counters: NetconfCounters

    @property
    def limits(self) -> NetconfLimits:
        """Those in force."""
        ...

    def hold(self, session: LiveSession, octets: int) -> None:
        """A session holds so many octets of its client's messages; may kill the session that holds the most."""
        ...

    def bound_replies(self) -> None:
        """A session has a long reply; may kill those that do not read theirs."""
        ...

    def greeted(self, session: LiveSession, offered: frozenset[str]) -> None:
        """The client's hello has been accepted. offered: the capabilities in it."""
        ...

    async def reply(self, session: LiveSession, message: Message, chunked: bool) -> Sequence[bytes]:
        """The reply to one message, whatever the message is. chunked: the session speaks base:1.1."""
        ...

    async def forget(self, session: LiveSession) -> None:
        """Release what the session held."""
        ...


class LiveSession:
    """One session from hello to its end."""

    def __init__(self, server: Server, session: Session, transport: Transport, author: Author) -> None:
        self.number = session.number
        self.author = author
        self.login_s = time.time()
        self.counters = SessionCounters()
        self.server = server
        self._session = session
        self._transport = transport
        self._waiting: deque[Message | ProtocolError] = deque()
        self._waiting_octets = 0
        self._wake = asyncio.Event()
        self._paused = False
        self._dividing = False
        """What has been received is not all taken apart: others have their turns between."""
        self._division: asyncio.Handle | None = None
        self._finished = False
        self._closing = False
        self._busy = False
        self.closed_by_request = False
        self.ending: Ending | None = None
        self.killed_by = 0
        """The session that asked for its end, 0 for none."""
        self._telling: Coroutine[Any, Any, None] | None = None
        self._subscription: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._active_at = self._loop.time()
        transport.write(session.hello())
        self._arm()
        self._watch_idleness()
        self._task = asyncio.create_task(self._run(), name=f"netconf session {self.number}")

    def limits_changed(self) -> None:
        """Go by the limits that are now in force."""
        self._session.limit_messages(self.server.limits.message_size)
        self._disarm()
        self._arm()
        self._watch_idleness()

    # --- from the transport ------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Octets from the client."""
        if self._closing:
            return
        self._session.feed(data)
        if self._dividing:
            self._account()
        else:
            self._divide()

    def _divide(self) -> None:
        self._division = None
        if self._closing:
            return
        before, known = len(self._waiting), self._session.established
        try:
            for message in self._session.messages():
                self._waiting.append(message)
                self._waiting_octets += len(message)
        except ProtocolError as error:
            self._waiting.append(error)
        if self._session.established and not known:
            self.server.greeted(self, self._session.take_offered())
        self._dividing = self._session.unread
        if (self._dividing or self._overfull) and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if len(self._waiting) > before:
            # The deadline was that of a message which is now whole.
            self._disarm()
        self._arm()
        self._account()
        self._wake.set()
        self._resume()

    def _account(self) -> None:
        self.server.hold(self, self._session.held + self._waiting_octets)

    @property
    def _overfull(self) -> bool:
        return len(self._waiting) > WAITING_MAX or self._waiting_octets > self.server.limits.message_size

    def finished(self) -> None:
        """The client will send no more; what it sent is still answered."""
        self._finished = True
        self._wake.set()

    def lost(self) -> None:
        """The transport is gone."""
        self._ends(Ending.DROPPED)
        self._take_no_more()
        self._wake.set()

    # --- from operations ---------------------------------------------------------------------------------------

    def close_after_reply(self) -> None:
        self._ends(Ending.CLOSED)
        self.closed_by_request = True
        self._take_no_more()

    def _take_no_more(self) -> None:
        self._closing = True
        self._waiting.clear()
        self._waiting_octets = 0
        self._session.drop()
        self._account()

    def kill(self, ending: Ending = Ending.OTHER, by: int = 0) -> None:
        """End it now; an operation in progress is carried to its end, unanswered. by: the session that asks for it."""
        if self.ending is None:
            self.killed_by = by
        self._ends(ending)
        self.lost()
        self._transport.abort()

    def _ends(self, why: Ending) -> None:
        """The first reason is the one."""
        self.ending = self.ending or why

    @property
    def subscribed(self) -> bool:
        """Whether it has a subscription, or will have one when it has got its reply."""
        return self._telling is not None or self._subscription is not None

    def subscribe(self, telling: Coroutine[Any, Any, None]) -> None:
        """Tell it of events once the reply has left; `telling` is cancelled when the session ends."""
        self._telling = telling

    async def notify(self, message: bytes) -> None:
        """Send one <notification>, whole; returns when more may be sent, or the session has ended."""
        if self._closing:
            return
        self._send((message,))
        for counters in (self.server.counters, self.counters):
            counters.out_notifications += 1
        await self._delivered()

    async def ended(self) -> None:
        """Return when nothing of it is left."""
        await asyncio.gather(self._task, return_exceptions=True)

    # --- its own task ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._closing:
                self._wake.clear()
                while self._waiting:
                    await self._answer(self._waiting.popleft())
                    self._resume()
                    if self._waiting:
                        # Short requests are answered without a pause: others have their turns between.
                        await asyncio.sleep(0)
                if self._finished and not self._dividing:
                    self._ends(Ending.DROPPED)
                    break
                if not self._closing:
                    await self._wake.wait()
        except Exception:
            _LOG.exception("session %d ends by a fault of ours", self.number)
        finally:
            self._ends(Ending.OTHER)
            self._take_no_more()
            await self._unsubscribed()
            self._disarm()
            self._watch_idleness()
            self._transport.close()
            await self.server.forget(self)

    async def _answer(self, message: Message | ProtocolError) -> None:
        if isinstance(message, ProtocolError):
            self._give_up(message)
            return
        self._busy = True
        # Nobody but the transport is to keep it.
        self._send(await self.server.reply(self, message, self._session.chunked))
        if self._telling is not None:
            self._tell(self._telling)
        await self._delivered()
        self._busy = False
        self._active_at = self._loop.time()
        if not self._closing:
            self._waiting_octets -= len(message)
            self._account()

    def _send(self, message: Sequence[bytes]) -> None:
        octets = 0
        for part in self._session.send(message):
            octets += len(part)
            self._transport.write(part)
        if octets >= LONG:
            self.server.bound_replies()

    @property
    def unread(self) -> Unread:
        """What the client has not read of its replies."""
        return self._transport.unread()

    def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        self._telling = None
        self._subscription = asyncio.create_task(telling, name=f"subscription of session {self.number}")
        self._subscription.add_done_callback(self._told)

    def _told(self, subscription: asyncio.Task[None]) -> None:
        """The subscription has ended; the session may subscribe again."""
        self._subscription = None
        if not subscription.cancelled() and (fault := subscription.exception()):
            _LOG.error("session %d: its subscription ends by a fault of ours", self.number, exc_info=fault)
        self._active_at = self._loop.time()
        self._watch_idleness()

    async def _unsubscribed(self) -> None:
        if self._telling is not None:
            self._telling.close()
        if self._subscription is not None:
            self._subscription.cancel()
            await asyncio.gather(self._subscription, return_exceptions=True)

    async def _delivered(self) -> None:
        """Wait until the client takes what was sent; as long as it takes some, it may be slow."""
        left = -1
        while left != (left := self._transport.unsent()):
            if not left:
                return
            try:
                async with asyncio.timeout(self.server.limits.reply_timeout_s):
                    await self._transport.drain()
                return
            except TimeoutError:
                pass
        self._timed_out("does not read its replies")
        self.kill()

    def _give_up(self, error: ProtocolError) -> None:
        too_long = error.event == "message-too-big" and self._session.established
        # A hello is bounded by no leaf.
        why = f"message-size is {self.server.limits.message_size}" if too_long else str(error)
        _LOG.warning("session %d (%s from %s) closed: %s", self.number, self.author.user, self.author.source, why)
        if too_long:
            too_big = RpcError("too-big", str(error), type="rpc")
            body = messages.render_rpc_error(too_big)
            self._send(messages.reply(BARE_START, body))
        self._ends(Ending.OTHER if self._session.established else Ending.BAD_HELLO)
        if self._session.established:
            self.server.counters.in_bad_rpcs += 1
        else:
            self.server.counters.in_bad_hellos += 1
        self._take_no_more()

    def _resume(self) -> None:
        if not self._paused or self._overfull or len(self._waiting) > WAITING_MAX // 2 or self._closing:
            return
        if self._dividing:
            self._division = self._division or self._loop.call_soon(self._divide)
        else:
            self._paused = False
            self._transport.resume_reading()
            self._arm()

    # --- deadlines ---------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """A deadline runs while a message is incomplete, and not while it is we who do not read."""
        waited_for = (self._session.amid or not self._session.established) and not self._paused and not self._closing
        if not waited_for:
            self._disarm()
        elif self._deadline is None:
            limits = self.server.limits
            seconds = limits.message_timeout_s if self._session.established else limits.hello_timeout_s
            self._deadline = self._loop.call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        what = "message" if self._session.established else "hello"
        self._timed_out(f"left its {what} unfinished")
        self.kill()

    def _watch_idleness(self) -> None:
        """Look again when the session will have been idle for too long, should nothing happen until then."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        limit = self.server.limits.idle_timeout_s
        if not limit or self._closing:
            return
        now = self._loop.time()
        if self._busy or self._waiting or self.subscribed:
            self._active_at = now
        left = self._active_at + limit - now
        if left > 0:
            self._idle = self._loop.call_later(left, self._watch_idleness)
            return
        self._timed_out(f"was idle for {limit:g} s")
        self._take_no_more()
        self._wake.set()

    def _timed_out(self, what: str) -> None:
        self._ends(Ending.TIMEOUT)
        self.server.counters.sessions_timed_out += 1
        _LOG.warning("session %d (%s from %s) %s: closed", self.number, self.author.user, self.author.source, what)
