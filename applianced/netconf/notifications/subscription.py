"""One session's subscription: its filter, its bounded queue, its span of time (RFC 5277 sections 2 and 3)."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from applianced.config.notifications import NotificationSettings
from applianced.datastore import expense, subtree, xpath
from applianced.datastore.models import Models
from applianced.datastore.writer import Writer
from applianced.errors import ConfigError
from applianced.netconf.filters import Filter
from applianced.netconf.messages import RpcError
from applianced.netconf.notifications.access import Receiver, as_seen, may_receive
from applianced.netconf.notifications.notification import Notification, made
from applianced.northbound.access import UserAccess
from applianced.northbound.events import OURS
from applianced.northbound.state import timestamp

_MANAGEMENT = "nc-notifications"
SHORT = 256
"""Characters of an XPath that takes no time, if it looks at each node once."""
_LONGEST_WAIT_S = 86400.0
"""A timer takes no time that lies thousands of years ahead."""


class Subscriber(Receiver, Protocol):
    """A session that is told."""

    async def notify(self, message: bytes) -> None:
        """Send one <notification>; returns when more may be sent, or the session has ended."""
        ...


class Wanted:
    """Which notifications a subscription is for. stop_s: wall clock time of the last one, inf for no end."""

    def __init__(self, models: Models, filter_: Filter, stop_s: float = math.inf) -> None:
        self._models = models
        self._filter = filter_
        self.stop_s = stop_s
        expression = filter_.expression
        self._quick = expression is None or (len(expression.text) <= SHORT and expense.degree(expression.text) == 1)

    def at_once(self, notification: Notification) -> bool:
        """Whether it may be wanted, by all that takes no time to tell: when it happened, and most filters."""
        if notification.time_s > self.stop_s:
            return False
        elements, expression = self._filter.elements, self._filter.expression
        try:
            if elements is not None:
                return bool(subtree.select(self._models, list(notification.tree.roots()), elements, Writer()))
            if expression is not None and self._quick:
                return bool(xpath.select(notification.tree, expression, Writer()))
        except ConfigError:
            return False
        return True

    async def after_all(self, notification: Notification) -> bool:
        """Whether it is wanted, of one that may be: an XPath filter that may take long is asked off the loop."""
        if self._quick:
            return True
        try:
            return bool(await self._filter.evaluate(notification.tree, Writer()))
        except (ConfigError, RpcError):
            return False
        finally:
            notification.let_go()


class _Lost:
    """Stands in the queue where notifications are missing."""

    def __init__(self) -> None:
        self.count = 0
        self.since_s = time.time()


class Subscription:
    """From the answer to <create-subscription> to its end. `offer` never waits; `run` is a task of its own."""

    def __init__(
        self,
        models: Models,
        subscriber: Subscriber,
        wanted: Wanted,
        settings: Callable[[], NotificationSettings],
        lost: Callable[[int], None],
        access: Callable[[], UserAccess],
        replay: Sequence[Notification] | None = None,
    ) -> None:
        """settings: those in force. lost: told of each number of notifications that are missing. access: what the
        user may do now. replay: what is replayed first, None for no replay at all."""
        self._models = models
        self._subscriber = subscriber
        self._wanted = wanted
        self._settings = settings
        self._lost = lost
        self._access = access
        self._replay = replay
        self._queue: deque[Notification | _Lost] = deque()
        self._octets = 0
        self._wake = asyncio.Event()

    def offer(self, notification: Notification) -> None:
        """Something has happened. What does not fit into the queue is lost to this subscriber."""
        shown = self._shown(notification)
        if shown is None:
            return
        notification = shown
        settings = self._settings()
        if len(self._queue) >= settings.queue_count or self._octets + notification.octets > settings.queue_size:
            self._lose()
            return
        self._queue.append(notification)
        self._octets += notification.octets
        self._wake.set()

    def _shown(self, notification: Notification) -> Notification | None:
        """The notification as the user may see it; None when it is not wanted, or he may not have it."""
        access = self._access()
        try:
            shown = as_seen(self._models, access, notification)
        except ConfigError:
            return None
        if shown is None:
            return None
        return shown if self._wanted.at_once(shown) and may_receive(access, shown) else None

    def _lose(self) -> None:
        self._lost(1)
        last = self._queue[-1] if self._queue else None
        if not isinstance(last, _Lost):
            last = _Lost()
            self._queue.append(last)
            self._wake.set()
        last.count += 1

    async def run(self) -> None:
        """Send until the stop time, or until cancelled."""
        if self._replay is not None:
            await self._send_again(self._replay)
            self._replay = ()
            await self._say(_MANAGEMENT, "replayComplete")
        while await self._more():
            await self._next()
        await self._say(_MANAGEMENT, "notificationComplete")

    async def _send_again(self, replay: Sequence[Notification]) -> None:
        for notification in replay:
            # Neither a filter that leaves all out nor a client that takes all keeps others from their turn.
            await asyncio.sleep(0)
            shown = self._shown(notification)
            if shown is not None:
                await self._send(shown)
            notification.let_go()

    async def _more(self) -> bool:
        """Wait until something is in the queue; False when the stop time has come and all before it is sent."""
        while not self._queue:
            left_s = self._wanted.stop_s - time.time()
            if left_s <= 0:
                return False
            self._wake.clear()
            try:
                async with asyncio.timeout(min(left_s, _LONGEST_WAIT_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return True

    async def _next(self) -> None:
        await asyncio.sleep(0)
        first = self._queue.popleft()
        if isinstance(first, _Lost):
            since = {"count": str(first.count), "since": timestamp(first.since_s)}
            await self._say(OURS, "notifications-lost", **since)
            return
        self._octets -= first.octets
        await self._send(first)

    async def _send(self, notification: Notification) -> None:
        if await self._wanted.after_all(notification):
            await self._subscriber.notify(notification.message)

    async def _say(self, module: str, name: str, **content: str) -> None:
        await self._subscriber.notify(made(self._models, f"{module}:{name}", content, time.time()).message)
