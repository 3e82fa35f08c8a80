"""Live NETCONF sessions, whatever carries them.

transport ──received──► Session (frames) ──messages──► queue ──one at a time──► Operations ──reply──► transport
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from applianced.config.access import NetconfLimits
from applianced.config.schema import Config
from applianced.errors import ApplianceError, ProtocolError
from applianced.netconf import messages, xmltext
from applianced.netconf.caller import Body
from applianced.netconf.capabilities import capabilities, wants_private_candidate, with_urls
from applianced.netconf.framing import LongMessage, Message
from applianced.netconf.live import BARE_START, Ending, LiveSession, Transport
from applianced.netconf.messages import RpcError
from applianced.netconf.notifications.offered import CapabilityWatch
from applianced.netconf.notifications.streams import Streams
from applianced.netconf.operations import Operations
from applianced.netconf.session import Session
from applianced.netconf.unread import bounded
from applianced.netconf.urls.contents import UrlContents
from applianced.northbound.candidates import NoCandidateError
from applianced.northbound.configuration import Configuration
from applianced.northbound.events import BASE, session_parameters
from applianced.northbound.faults import said
from applianced.northbound.recording import Author
from applianced.northbound.state import NetconfCounters, StateProvider
from applianced.northbound.threads import run_in

_LOG = logging.getLogger(__name__)
HUGE = 2 << 20
"""Octets of a message from which on few are worked on at once; as elements it may take 400 MiB of memory."""
HUGE_AT_ONCE = 2
ROOM_S = 10.0
"""How long a request waits for others to read their replies, where these take all the memory that they may."""
_LOOK_S = 0.1
_READING = ThreadPoolExecutor(HUGE_AT_ONCE + 2, thread_name_prefix="reading")
"""For messages that are not short: whatever else is done in threads, and however many huge ones there are, none of the
others waits for it."""


class NetconfServer:
    """All sessions, and what they share."""

    def __init__(self, configuration: Configuration, state: StateProvider, directory: Path | None = None) -> None:
        """directory: of the state, for the files that URLs name and the notifications that are kept for a replay; None
        for the current one, where no notification is kept."""
        self.configuration = configuration
        self.counters = NetconfCounters()
        self._urls = UrlContents(
            directory or Path(),
            lambda: configuration.config.system.url,
            lambda user: configuration.access.of(user).unrestricted,
        )
        self._streams = Streams(configuration, self.counters, directory)
        self._operations = Operations(configuration, state, self, self.counters, self._streams, self._urls)
        self._always = capabilities(configuration.models, self._operations.content_id)
        self._sessions: dict[int, LiveSession] = {}
        self._users: Counter[str] = Counter()
        """Sessions of each user."""
        self._held: dict[int, int] = {}
        """Octets of messages that sessions hold, by number of the session."""
        self._held_total = 0
        self._memory_short = False
        """Replies that nobody has read take more than reply-memory."""
        self._places = asyncio.Semaphore(HUGE_AT_ONCE)
        self._known = self.limits
        configuration.follow(self._limits_changed)
        watch = CapabilityWatch(configuration.events, lambda: self.capabilities, lambda: configuration.changed_by)
        configuration.follow(watch.changed)
        self._last = 0

    @property
    def limits(self) -> NetconfLimits:
        """Those in force."""
        return self.configuration.config.system.netconf

    def _limits_changed(self, config: Config) -> None:
        if config.system.netconf != self._known:
            self._known = config.system.netconf
            for session in list(self._sessions.values()):
                session.limits_changed()

    def open(self, transport: Transport, author: Author) -> LiveSession | None:
        """Begin a session for a user who has logged in; None when there are too many, which is logged and counted."""
        if reason := self._too_many(author.user):
            self.counters.sessions_refused += 1
            _LOG.warning("session refused: user %r from %s: %s", author.user, author.source, reason)
            return None
        self._last += 1
        session = LiveSession(self, Session(self._last, self.capabilities, self.limits.message_size), transport, author)
        self._sessions[self._last] = session
        self._users[author.user] += 1
        self.counters.in_sessions += 1
        _LOG.info("session %d: %s from %s", self._last, author.user, author.source)
        self._tell_of(session, "netconf-session-start")
        return session

    def greeted(self, session: LiveSession, offered: frozenset[str]) -> None:
        if wants_private_candidate(offered):
            self.configuration.make_private(session.number)

    def _too_many(self, user: str) -> str:
        limits = self.limits
        if len(self._sessions) >= limits.session_limit:
            return f"session-limit is {limits.session_limit}"
        if self._users[user] >= limits.session_limit_per_user:
            return f"session-limit-per-user is {limits.session_limit_per_user}"
        return ""

    def hold(self, session: LiveSession, octets: int) -> None:
        """Keep the sum of what sessions hold below message-memory, at the cost of the one that holds the most."""
        self._held_total += octets - self._held.pop(session.number, 0)
        if octets:
            self._held[session.number] = octets
        while self._held_total > self.limits.message_memory:
            greediest = self._sessions[max(self._held, key=self._held.__getitem__)]
            self.counters.sessions_out_of_memory += 1
            _LOG.warning(
                "session %d (%s from %s) killed, it holds %d octets of the %d of message-memory",
                greediest.number, greediest.author.user, greediest.author.source,
                self._held[greediest.number], self.limits.message_memory,
            )  # fmt: skip
            greediest.kill()

    def bound_replies(self) -> None:
        """Keep what clients have not read below reply-memory, at the cost of whose reply has waited for its client the
        longest; see `unread`."""
        unread = {session: session.unread for session in self._sessions.values()}
        gone, room = bounded(unread, self.limits.reply_memory)
        for session in gone:
            self.counters.sessions_out_of_memory += 1
            _LOG.warning(
                "session %d (%s from %s) killed, %d octets of its replies waited for it for %.1f s: reply-memory is %d",
                session.number, session.author.user, session.author.source,
                unread[session].octets, unread[session].waited_s, self.limits.reply_memory,
            )  # fmt: skip
            session.kill()
        self._memory_short = not room

    async def room_for_reply(self) -> None:
        """Return when there is room for another reply, or it has been waited for long enough."""
        waited_s = 0.0
        while self._memory_short and waited_s < ROOM_S:
            await asyncio.sleep(_LOOK_S)
            waited_s += _LOOK_S
            self.bound_replies()

    @property
    def capabilities(self) -> Sequence[str]:
        """What a hello announces now."""
        return with_urls(self._always, self._urls.schemes)

    def sessions(self) -> Iterable[LiveSession]:
        """Those that are open."""
        return list(self._sessions.values())

    def kill(self, number: int, by: int = 0) -> bool:
        """End a session; False when there is none of this number. by: the session that asks for it."""
        session = self._sessions.get(number)
        if session:
            session.kill(Ending.KILLED, by)
        return session is not None

    async def close(self) -> None:
        """End every session; operations in progress are carried to their end."""
        sessions = list(self._sessions.values())
        for session in sessions:
            session.kill()
        for session in sessions:
            await session.ended()
        await self.configuration.told()
        await self._streams.close()

    def _tell_of(self, session: LiveSession, name: str, **more: Any) -> None:
        content = {**session_parameters(session.number, session.author), **more}
        self.configuration.events.tell(BASE, name, content)

    async def forget(self, session: LiveSession) -> None:
        self.counters.dropped_sessions += not session.closed_by_request
        if self._sessions.pop(session.number, None):
            self._users -= Counter([session.author.user])
            ending = session.ending or Ending.OTHER
            killer = {"killed-by": session.killed_by} if ending is Ending.KILLED and session.killed_by else {}
            self._tell_of(session, "netconf-session-end", **killer, **{"termination-reason": ending.value})
        self._streams.forget(session.number)
        await self.configuration.session_forgotten(session.number)

    async def reply(self, session: LiveSession, message: Message, chunked: bool) -> Sequence[bytes]:
        """The reply to one message, whatever the message is. chunked: the session speaks base:1.1."""
        answer: _Answer | None = None
        try:
            async with self._places if len(message) > HUGE else nullcontext(), _read(message) as tree:
                answer = await self._answer(session, tree, chunked=chunked)
        except Exception as error:
            said_of_it = self._said(session, error, chunked=chunked)
            # What was done is done, also when it could not be let go of.
            answer = answer or _Answer(BARE_START, said_of_it, read=False, done=False)
        for counters in (self.counters, session.counters):
            counters.in_bad_rpcs += not answer.read
            counters.in_rpcs += answer.read
            counters.out_rpc_errors += not answer.done
        return messages.reply(answer.start, answer.body)

    async def _answer(self, session: LiveSession, tree: _Tree, *, chunked: bool) -> _Answer:
        """Nothing of the tree is held by anybody when this has returned."""
        start, read = BARE_START, False
        try:
            start = messages.open_reply(tree[0]) if tree[0].tag.endswith("}rpc") else start
            operation = messages.read_rpc(tree[0])
            read = True
            return _Answer(start, await self._operations.perform(session, operation), read=True, done=True)
        except Exception as error:
            return _Answer(start, self._said(session, error, chunked=chunked), read=read, done=False)

    def _said(self, session: LiveSession, error: Exception, *, chunked: bool) -> bytes:
        match error:
            case ProtocolError():
                return messages.render_rpc_error(RpcError(_unread(error, chunked=chunked), str(error), type="rpc"))
            case RpcError():
                return messages.render_rpc_error(error)
            case ApplianceError():
                # To a user whom rules hold back it is told by another one.
                for refusal in (error, error.__cause__):
                    if isinstance(refusal, NoCandidateError):
                        self._no_candidate(session, refusal)
                return messages.render_config_errors(said(error), self.configuration.models.names)
        _LOG.error("session %d: an operation failed by a fault of ours", session.number, exc_info=error)
        message = "a fault of the server, see its log; nothing was committed"
        return messages.render_rpc_error(RpcError("operation-failed", message, type="application"))

    def _no_candidate(self, session: LiveSession, refusal: NoCandidateError) -> None:
        self.counters.private_candidates_refused += 1
        _LOG.warning(
            "session %d (%s from %s) is refused a candidate of its own: private-candidate-limit is %d",
            session.number, session.author.user, session.author.source, refusal.limit,
        )  # fmt: skip


class _Answer(NamedTuple):
    """A reply. read: the message was one that has an operation. done: nothing went wrong."""

    start: bytes
    body: Body
    read: bool
    done: bool


_Tree = list[xmltext.Element]
"""The root of a message, for as long as it is worked on."""


@asynccontextmanager
async def _read(message: Message) -> AsyncIterator[_Tree]:
    """Raises ProtocolError."""
    if not isinstance(message, LongMessage):
        yield [xmltext.parse(message)]
        return
    tree = [await run_in(_READING, partial(xmltext.parse, message))]
    try:
        yield tree
    finally:
        await run_in(_READING, partial(xmltext.let_go, message, tree))


def _unread(error: ProtocolError, *, chunked: bool) -> str:
    """The error-tag for a message that cannot be read."""
    if error.event == "too-many-nodes":
        return "too-big"
    # Old clients do not know malformed-message (RFC 6241 appendix A).
    return "malformed-message" if chunked else "operation-failed"
