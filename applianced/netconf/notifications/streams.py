"""The event stream NETCONF (RFC 5277 3.2): everything that happens, to everybody who has subscribed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from applianced.config.notifications import NotificationSettings
from applianced.config.schema import Config
from applianced.errors import ConfigError
from applianced.netconf.notifications.keeping import Keeping
from applianced.netconf.notifications.notification import made
from applianced.netconf.notifications.subscription import Subscriber, Subscription, Wanted
from applianced.northbound.configuration import Configuration
from applianced.northbound.events import Event
from applianced.northbound.state import NetconfCounters, timestamp

_LOG = logging.getLogger(__name__)
STREAM = "NETCONF"
NAMESPACE = "urn:ietf:params:xml:ns:netmod:notification"
_DESCRIPTION = "Everything that the appliance tells of."


class Streams:
    """All subscriptions, and what is kept for a replay."""

    def __init__(self, configuration: Configuration, counters: NetconfCounters, directory: Path | None) -> None:
        """directory: where notifications are kept across restarts, None for nowhere."""
        self._configuration = configuration
        self._models = configuration.models
        self._counters = counters
        self._known = self.settings
        self._keeping = Keeping(configuration.models, directory, self._known)
        self._subscriptions: dict[int, Subscription] = {}
        """By number of the session."""
        configuration.follow(self._changed)
        configuration.events.follow(self._happened)

    @property
    def settings(self) -> NotificationSettings:
        """Those in force."""
        return self._configuration.config.system.netconf.notifications

    @property
    def replays(self) -> bool:
        """Whether notifications are kept for a replay."""
        return self._keeping.log.on

    def _changed(self, config: Config) -> None:
        settings = config.system.netconf.notifications
        if settings != self._known:
            self._known = settings
            self._keeping.follow(settings)

    def _happened(self, event: Event) -> None:
        if not self._subscriptions and not self.replays:
            return
        try:
            notification = made(self._models, event.name, event.content, event.time_s)
        except ConfigError as error:
            _LOG.error("%s is not told, it does not fit the model: %s", event.name, error)
            return
        self._keeping.add(notification)
        for subscription in list(self._subscriptions.values()):
            subscription.offer(notification)
        notification.let_go()

    def begin(self, subscriber: Subscriber, wanted: Wanted, start_s: float | None) -> Subscription:
        """Have a session told from now on, after a replay of what happened since start_s (wall clock), if given."""
        replay = None if start_s is None else self._keeping.log.between(start_s, wanted.stop_s)
        subscription = Subscription(
            self._models,
            subscriber,
            wanted,
            lambda: self.settings,
            self._lost,
            lambda: self._configuration.access.of(subscriber.author.user),
            replay,
        )
        self._subscriptions[subscriber.number] = subscription
        return subscription

    async def run(self, number: int, subscription: Subscription) -> None:
        """The life of a session's subscription: until its stop time, or until cancelled."""
        try:
            await subscription.run()
        finally:
            if self._subscriptions.get(number) is subscription:
                del self._subscriptions[number]

    def forget(self, number: int) -> None:
        """A session has ended, perhaps before its subscription ran."""
        self._subscriptions.pop(number, None)

    def _lost(self, count: int) -> None:
        self._counters.notifications_lost += count

    def shown(self) -> Mapping[str, Any]:
        """netconf/streams as RFC 7951 JSON values."""
        stream: dict[str, Any] = {"name": STREAM, "description": _DESCRIPTION, "replaySupport": self.replays}
        if self.replays:
            log = self._keeping.log
            stream["replayLogCreationTime"] = timestamp(log.created_s)
            if log.aged_s:
                stream["replayLogAgedTime"] = timestamp(log.aged_s)
        return {"nc-notifications:netconf": {"streams": {"stream": [stream]}}}

    async def close(self) -> None:
        """Return when all that was told is on disk."""
        await self._keeping.close()
