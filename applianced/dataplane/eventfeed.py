"""Events to management, as messages over the connection that asked for them.

    {"event": KIND, "time": TIME, "fields": {...}}      TIME: wall clock, seconds
    {"suppressed": {KIND: COUNT}}                       beyond what the plan lets pass in a second
    {"lost": COUNT}                                     management, or a worker's way here, was too slow

Sending never waits: management that does not read costs nothing but its events.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from applianced.dataplane.channel import Message, encode
from applianced.model.rates import Rates

PENDING_MAX = 256 * 1024
"""Octets that wait for management to read; what does not fit is lost."""
WORKERS_LOST = "events-lost"
"""The event by which a worker says that it had more to tell than it may."""


OF_ALGS = frozenset(("gate-opened", "gate-closed", "gate-refused", "violation"))
"""Events that workers tell the agent of."""


class EventFeed:
    """To one listener, the latest that asked; nothing happens here while there is none."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._notified: Mapping[str, int] = {}
        self._rates = Rates()
        self._pending = bytearray()
        self._lost = 0

    def configure(self, notified: Mapping[str, int]) -> None:
        """Events to tell of -> how many a second, 0 for any number."""
        self._notified = dict(notified)

    def follow(self, listener: socket.socket) -> None:
        """Tell this connection from now on."""
        listener.setblocking(False)
        self._listener = listener
        self._pending.clear()
        self._lost = 0
        self._rates.take()

    def forget(self, listener: socket.socket) -> None:
        """A connection is gone."""
        if listener is self._listener:
            self._listener = None
            self._pending.clear()

    def tell(self, event: str, time_s: float, fields: Mapping[str, Any]) -> None:
        """Something has happened; told when it is wanted."""
        if self._listener is None:
            return
        if event == WORKERS_LOST and self._notified.keys() & OF_ALGS:
            self._lost += int(fields["count"])
        if event not in self._notified or not self._rates.passes(event, self._notified[event], time.monotonic()):
            return
        if not self._send({"event": event, "time": time_s, "fields": dict(fields)}):
            self._lost += 1

    def tick(self) -> None:
        """Send what waits, and now and then what was held back; the agent calls it whenever it wakes."""
        if self._listener is None:
            return
        self._flush()
        if self._rates.holding and self._rates.over(time.monotonic()) and not self._pending:
            self._send({"suppressed": self._rates.take()})
        if self._lost and not self._pending and self._send({"lost": self._lost}):
            self._lost = 0

    def _send(self, message: Message) -> bool:
        """Whether the message is on its way."""
        octets = encode(message)
        if len(self._pending) + len(octets) > PENDING_MAX:
            return False
        self._pending += octets
        self._flush()
        return True

    def _flush(self) -> None:
        if self._listener is None or not self._pending:
            return
        try:
            sent = self._listener.send(self._pending)
        except BlockingIOError:
            return
        except OSError:
            # Its end is noticed where the connection is read.
            sent = len(self._pending)
        del self._pending[:sent]
