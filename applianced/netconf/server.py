"""Live NETCONF sessions, whatever carries them.

    transport ──received──► Session (frames) ──messages──► queue ──one at a time──► Operations ──reply──► transport

A session that does not read its replies is not read from either; nobody else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from applianced.datastore.edit import NETCONF_NS
from applianced.errors import ApplianceError, ProtocolError
from applianced.netconf import messages, xmltext
from applianced.netconf.capabilities import capabilities
from applianced.netconf.messages import RpcError
from applianced.netconf.operations import Operations
from applianced.netconf.session import Session
from applianced.northbound.configuration import Configuration, said
from applianced.northbound.recording import Author
from applianced.northbound.state import NetconfCounters, SessionCounters, StateProvider

_LOG = logging.getLogger(__name__)
SESSIONS_MAX = 512
"""Sessions at once; each costs tens of kilobytes."""
WAITING_MAX = 64
"""Requests of one session that wait; beyond it the client is not read from."""
HELLO_DEADLINE_S = 30.0
MESSAGE_DEADLINE_S = 120.0
"""From the first octet of a message to its last. 32 MiB in that time is 2.2 Mbit/s."""
REPLY_DEADLINE_S = 120.0
"""How long a client may leave a reply unread before it counts as gone."""
_THREAD_FROM = 128 * 1024


class Transport(Protocol):
    """What carries one session's octets."""

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None:
        """Return when more may be written, or the connection is lost."""
        ...

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def close(self) -> None:
        """End after what was written has left."""
        ...

    def abort(self) -> None:
        """End now."""
        ...


class LiveSession:
    """One session from hello to its end."""

    def __init__(self, server: NetconfServer, session: Session, transport: Transport, author: Author) -> None:
        self.number = session.number
        self.author = author
        self.login_s = time.time()
        self.counters = SessionCounters()
        self._server = server
        self._session = session
        self._transport = transport
        self._waiting: deque[bytes | ProtocolError] = deque()
        self._wake = asyncio.Event()
        self._paused = False
        self._finished = False
        self._closing = False
        self.closed_by_request = False
        self._deadline: asyncio.TimerHandle | None = None
        transport.write(session.hello())
        self._arm()
        self._task = asyncio.create_task(self._run(), name=f"netconf session {self.number}")

    # --- from the transport ------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Octets from the client."""
        if self._closing:
            return
        try:
            self._waiting.extend(self._session.receive(data))
        except ProtocolError as error:
            self._waiting.append(error)
        if len(self._waiting) > WAITING_MAX and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._arm()
        self._wake.set()

    def finished(self) -> None:
        """The client will send no more; what it sent is still answered."""
        self._finished = True
        self._wake.set()

    def lost(self) -> None:
        """The transport is gone."""
        self._closing = True
        self._waiting.clear()
        self._wake.set()

    # --- from operations ---------------------------------------------------------------------------------------

    def close_after_reply(self) -> None:
        self.closed_by_request = True
        self._end_after_reply()

    def _end_after_reply(self) -> None:
        self._closing = True
        self._waiting.clear()

    def kill(self) -> None:
        """End it now; an operation in progress is carried to its end, unanswered."""
        self.lost()
        self._transport.abort()

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
                if self._finished:
                    break
                if not self._closing:
                    await self._wake.wait()
        except Exception:
            _LOG.exception("session %d ends by a fault of ours", self.number)
        finally:
            self._disarm()
            self._transport.close()
            await self._server.forget(self)

    async def _answer(self, message: bytes | ProtocolError) -> None:
        if isinstance(message, ProtocolError):
            self._give_up(message)
            return
        reply = await self._server.reply(self, message, self._session.chunked)
        self._transport.write(self._session.send(reply))
        try:
            async with asyncio.timeout(REPLY_DEADLINE_S):
                await self._transport.drain()
        except TimeoutError:
            _LOG.warning("session %d (%s) does not read its replies: closed", self.number, self.author.source)
            self.kill()

    def _give_up(self, error: ProtocolError) -> None:
        _LOG.warning("session %d (%s) closed: %s", self.number, self.author.source, error)
        if error.event == "message-too-big" and self._session.established:
            too_big = RpcError("too-big", str(error), type="rpc")
            body = messages.render_rpc_error(too_big)
            self._transport.write(self._session.send(messages.reply(_BARE_START, body)))
        if self._session.established:
            self._server.counters.in_bad_rpcs += 1
        else:
            self._server.counters.in_bad_hellos += 1
        self._end_after_reply()

    def _resume(self) -> None:
        if self._paused and len(self._waiting) <= WAITING_MAX // 2 and not self._closing:
            self._paused = False
            self._transport.resume_reading()
            self._arm()

    # --- deadlines ---------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """A deadline runs while a message is incomplete, and not while it is we who do not read."""
        waited_for = (self._session.amid or not self._session.established) and not self._paused
        if not waited_for:
            self._disarm()
        elif self._deadline is None:
            seconds = MESSAGE_DEADLINE_S if self._session.established else HELLO_DEADLINE_S
            self._deadline = asyncio.get_running_loop().call_later(seconds, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        what = "message" if self._session.established else "hello"
        _LOG.warning("session %d (%s) left its %s unfinished: closed", self.number, self.author.source, what)
        self.kill()


class NetconfServer:
    """All sessions, and what they share."""

    def __init__(self, configuration: Configuration, state: StateProvider) -> None:
        self._configuration = configuration
        self.counters = NetconfCounters()
        self._operations = Operations(configuration, state, self, self.counters)
        self._capabilities = capabilities(configuration.models, self._operations.content_id)
        self._sessions: dict[int, LiveSession] = {}
        self._last = 0

    def open(self, transport: Transport, author: Author) -> LiveSession | None:
        """Begin a session for a user who has logged in; None when there are too many."""
        if len(self._sessions) >= SESSIONS_MAX:
            _LOG.warning("session of %s from %s refused: %d are open", author.user, author.source, SESSIONS_MAX)
            return None
        self._last += 1
        session = LiveSession(self, Session(self._last, self._capabilities), transport, author)
        self._sessions[self._last] = session
        self.counters.in_sessions += 1
        _LOG.info("session %d: %s from %s", self._last, author.user, author.source)
        return session

    @property
    def capabilities(self) -> Sequence[str]:
        """What a hello announces."""
        return self._capabilities

    def sessions(self) -> Iterable[LiveSession]:
        """Those that are open."""
        return list(self._sessions.values())

    def kill(self, number: int) -> bool:
        """End a session; False when there is none of this number."""
        session = self._sessions.get(number)
        if session:
            session.kill()
        return session is not None

    async def close(self) -> None:
        """End every session; operations in progress are carried to their end."""
        sessions = list(self._sessions.values())
        for session in sessions:
            session.kill()
        for session in sessions:
            await session.ended()

    async def forget(self, session: LiveSession) -> None:
        self.counters.dropped_sessions += not session.closed_by_request
        self._sessions.pop(session.number, None)
        await self._configuration.session_forgotten(session.number)

    async def reply(self, session: LiveSession, message: bytes, chunked: bool) -> bytes:
        """The reply to one message, whatever the message is. chunked: the session speaks base:1.1."""
        start, counted = _BARE_START, (self.counters, session.counters)
        bad = 1
        try:
            root = (
                await asyncio.to_thread(xmltext.parse, message)
                if len(message) > _THREAD_FROM
                else xmltext.parse(message)
            )
            start = messages.open_reply(root) if root.tag.endswith("}rpc") else start
            rpc = messages.read_rpc(root)
            bad = 0
            return messages.reply(rpc.start, await self._operations.perform(session, rpc.operation))
        except ProtocolError as error:
            # Old clients do not know malformed-message (RFC 6241 appendix A).
            body = messages.render_rpc_error(
                RpcError("malformed-message" if chunked else "operation-failed", str(error), type="rpc")
            )
        except RpcError as error:
            body = messages.render_rpc_error(error)
        except ApplianceError as error:
            body = messages.render_config_errors(said(error), self._configuration.models.names)
        except Exception:
            _LOG.exception("session %d: an operation failed by a fault of ours", session.number)
            body = messages.render_rpc_error(
                RpcError(
                    "operation-failed", "a fault of the server, see its log; nothing was committed", type="application"
                )
            )
        finally:
            for counters in counted:
                counters.in_bad_rpcs += bad
                counters.in_rpcs += not bad
        for counters in counted:
            counters.out_rpc_errors += 1
        return messages.reply(start, body)


_BARE_START = f'<rpc-reply xmlns="{NETCONF_NS}">'.encode()
