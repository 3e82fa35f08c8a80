"""So many of a kind per period, and a count of the rest, in bounded memory."""

from __future__ import annotations

KINDS_MAX = 4096
"""Kinds that are told apart in one period; what comes beyond counts as one kind, ""."""


class Rates:
    """Periods begin with the first event after the last one. Times are seconds that never go back."""

    def __init__(self, period_s: float = 1.0) -> None:
        self._period_s = period_s
        self._began = 0.0
        self._passed: dict[str, int] = {}
        self._held: dict[str, int] = {}

    def passes(self, kind: str, most: int, now: float) -> bool:
        """Whether one more of a kind may pass in this period, of `most`; 0 lets any number pass."""
        if not most:
            return True
        if now - self._began >= self._period_s:
            self._began = now
            self._passed.clear()
        if kind not in self._passed and len(self._passed) >= KINDS_MAX:
            kind = ""
        passed = self._passed.get(kind, 0)
        if passed >= most:
            self._held[kind] = self._held.get(kind, 0) + 1
            return False
        self._passed[kind] = passed + 1
        return True

    @property
    def holding(self) -> bool:
        """Whether something was held back since it was last taken."""
        return bool(self._held)

    def over(self, now: float) -> bool:
        """Whether the period has ended."""
        return now - self._began >= self._period_s

    def take(self) -> dict[str, int]:
        """How many of each kind were held back since this was asked last."""
        held, self._held = self._held, {}
        return held

    def take_of(self, kind: str) -> int:
        """How many of one kind were held back since this was asked last."""
        return self._held.pop(kind, 0)
