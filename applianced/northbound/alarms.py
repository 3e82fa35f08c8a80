"""What needs somebody's attention, until it is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

_LOG = logging.getLogger(__name__)


class Severity(Enum):
    WARNING = "warning"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Alarm(NamedTuple):
    """id: what it is about; a second alarm with the same id replaces the first. text: says what to do."""

    id: str
    severity: Severity
    text: str
    time_s: float


class Alarms:
    """The alarms that stand, each also logged when raised."""

    def __init__(self) -> None:
        self._standing: dict[str, Alarm] = {}
        self._followers: list[Callable[[Alarm, bool], None]] = []

    def follow(self, told: Callable[[Alarm, bool], None]) -> None:
        """Have `told` called, in any thread, with each alarm that is raised (True) or is over (False)."""
        self._followers.append(told)

    def raise_alarm(self, id: str, severity: Severity, text: str) -> None:  # noqa: A002 - the model's word
        before = self._standing.get(id)
        alarm = self._standing[id] = Alarm(id, severity, text, time.time())
        _LOG.error("alarm %s (%s): %s", id, severity.value, text)
        if before is None or (before.severity, before.text) != (severity, text):
            self._tell(alarm, True)

    def clear(self, id: str) -> None:  # noqa: A002
        alarm = self._standing.pop(id, None)
        if alarm:
            self._tell(alarm, False)

    def _tell(self, alarm: Alarm, stands: bool) -> None:
        for told in self._followers:
            told(alarm, stands)

    def stands(self, id: str) -> bool:  # noqa: A002
        return id in self._standing

    def standing(self) -> list[Alarm]:
        return list(self._standing.values())
