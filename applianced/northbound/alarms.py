"""What needs somebody's attention, until it is over."""

from __future__ import annotations

import logging
import time
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

    def raise_alarm(self, id: str, severity: Severity, text: str) -> None:  # noqa: A002 - the model's word
        self._standing[id] = Alarm(id, severity, text, time.time())
        _LOG.error("alarm %s (%s): %s", id, severity.value, text)

    def clear(self, id: str) -> None:  # noqa: A002
        self._standing.pop(id, None)

    def stands(self, id: str) -> bool:  # noqa: A002
        return id in self._standing

    def standing(self) -> list[Alarm]:
        return list(self._standing.values())
