"""What was told lately, for those who subscribe with a start time (RFC 5277 3.3)."""

from __future__ import annotations

from collections import deque

from applianced.netconf.notifications.notification import Notification


class ReplayLog:
    """The newest notifications, bounded by number and octets. Times are wall clock."""

    def __init__(self, created_s: float, aged_s: float = 0.0) -> None:
        """aged_s: when the newest was told of those that are gone, 0 for none."""
        self.created_s = created_s
        self.aged_s = aged_s
        self._entries: deque[Notification] = deque()
        self._octets = 0
        self._count_max = self._octets_max = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def octets(self) -> int:
        """Of all that is kept."""
        return self._octets

    @property
    def on(self) -> bool:
        """Whether anything is kept at all."""
        return self._count_max > 0

    def resize(self, count: int, octets: int) -> None:
        """Keep at most so many, and so many octets, from now on."""
        self._count_max, self._octets_max = count, octets
        self._age()

    def add(self, notification: Notification) -> None:
        """The newest one."""
        self._entries.append(notification)
        self._octets += notification.octets
        self._age()

    def between(self, start_s: float, stop_s: float) -> list[Notification]:
        """Those of a span of time, both ends included, in the order in which they were told."""
        return [entry for entry in self._entries if start_s <= entry.time_s <= stop_s]

    def everything(self) -> list[Notification]:
        return list(self._entries)

    def reset(self, now_s: float) -> None:
        """Begin anew."""
        self._entries.clear()
        self._octets, self.created_s, self.aged_s = 0, now_s, 0.0

    def _age(self) -> None:
        while self._entries and (len(self._entries) > self._count_max or self._octets > self._octets_max):
            oldest = self._entries.popleft()
            self._octets -= oldest.octets
            # The clock may have been set back since.
            self.aged_s = max(self.aged_s, oldest.time_s)
