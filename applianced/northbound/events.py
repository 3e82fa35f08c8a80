"""What happens, told to whoever passes it on: the source of every notification, whatever protocol carries it."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from applianced.config.notifications import DATAPLANE, NotificationSettings
from applianced.model.rates import Rates
from applianced.northbound.recording import Author

OURS = "applianced-notifications"
BASE = "ietf-netconf-notifications"
EARLY_MAX = 64
"""Events of the start that wait for the first follower; those beyond are counted."""
PERIOD_S = 1.0


class Event(NamedTuple):
    """name: "module:notification". content: RFC 7951 JSON values. time_s: wall clock."""

    name: str
    content: Mapping[str, Any]
    time_s: float


class Events:
    """Told by everybody who knows of something, in any thread; followers are called on the event loop."""

    def __init__(self, settings: Callable[[], NotificationSettings]) -> None:
        """settings: those in force."""
        self._settings = settings
        self._followers: list[Callable[[Event], None]] = []
        self._early: list[Event] = []
        self._early_lost = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rates = Rates(PERIOD_S)
        self._flush: asyncio.TimerHandle | None = None

    def follow(self, told: Callable[[Event], None]) -> None:
        """Have `told` called with each event that is switched on; it must not raise. The first one hears of what
        happened before, too."""
        self._loop = asyncio.get_running_loop()
        self._followers.append(told)
        early, self._early = self._early, []
        for event in early:
            self._pass_on(event)
        lost, self._early_lost = self._early_lost, 0
        if lost:
            self.suppressed("", lost)

    @property
    def followed(self) -> bool:
        """Whether anybody is told at once."""
        return bool(self._followers)

    def wanted(self, name: str) -> bool:
        """Whether an event is switched on, for those whose content costs something. name: of the notification."""
        return self._settings().told(name).on

    def tell(self, module: str, name: str, content: Mapping[str, Any], time_s: float = 0.0) -> None:
        """Something has happened, now or at a wall clock time."""
        if not self.wanted(name):
            return
        event = Event(f"{module}:{name}", content, time_s or time.time())
        if self._loop is None:
            if len(self._early) < EARLY_MAX:
                self._early.append(event)
            else:
                self._early_lost += 1
        elif _running() is self._loop:
            self._limited(name, event)
        else:
            # A loop that has ended tells nobody.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._limited, name, event)

    def _limited(self, name: str, event: Event) -> None:
        # The dataplane keeps its own limits: what it holds back never gets here.
        rate = 0 if name in DATAPLANE else self._settings().told(name).rate
        if self._rates.passes(name, rate, time.monotonic()):
            self._pass_on(event)
        elif self._flush is None and self._loop is not None:
            self._flush = self._loop.call_later(PERIOD_S, self._tell_suppressed)

    def _tell_suppressed(self) -> None:
        self._flush = None
        for name, count in self._rates.take().items():
            self.suppressed(name, count)

    def suppressed(self, name: str, count: int) -> None:
        """So many events were not told. name: "" for those of several kinds."""
        event = {"event": name} if name else {}
        self.tell(OURS, "events-suppressed", {**event, "count": str(count)})

    def _pass_on(self, event: Event) -> None:
        for told in self._followers:
            told(event)

    def stop(self) -> None:
        """No timer runs from now on."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None


class Source(Protocol):
    """Somebody outside of management who knows of events."""

    async def follow(self, events: Events) -> None:
        """Tell of them, until cancelled."""
        ...


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def host_of(source: str) -> str:
    """The address in an Author's source, "" when that names none."""
    host = source.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    return host


def session_parameters(session: int, author: Author) -> dict[str, Any]:
    """common-session-parms of RFC 6470."""
    host = host_of(author.source)
    return {"username": author.user, "session-id": session, **({"source-host": host} if host else {})}


def changed_by(session: int, author: Author) -> dict[str, Any]:
    """changed-by of RFC 6470. session: 0 for the appliance itself."""
    return {"changed-by": session_parameters(session, author) if session else {"server": [None]}}
