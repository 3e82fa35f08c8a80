"""Tells of refused logins, so many of one source and no more."""

from __future__ import annotations

from collections.abc import Callable

from applianced.model.rates import Rates
from applianced.northbound.events import OURS, Events

TOLD_MAX = 5
"""Refusals of one source that are told of in PERIOD_S."""
PERIOD_S = 60.0
_NAME = "login-failure"
_TEXT_MAX = 256
"""Characters of what a stranger sent."""


class Refusals:
    """All sources. clock: seconds that never go back."""

    def __init__(self, events: Events, clock: Callable[[], float]) -> None:
        self._events = events
        self._clock = clock
        self._rates = Rates(PERIOD_S)

    def tell(self, user: str, source: str, peer: str, method: str, reason: str) -> None:
        """A login was refused. source: as of sources.source_of. peer: address and port."""
        if not self._events.wanted(_NAME) or not self._rates.passes(source, TOLD_MAX, self._clock()):
            return
        held = self._rates.take_of(source)
        content = {"user": user[:_TEXT_MAX], "source": peer, "method": method, "reason": reason[:_TEXT_MAX]}
        self._events.tell(OURS, _NAME, {**content, **({"suppressed": held} if held else {})})
