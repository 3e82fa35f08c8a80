"""What is refused before it is read any further: too many requests, and INVITEs that a server has just refused.

Rule: nothing here performs I/O; time is an argument.
"""

from __future__ import annotations

from typing import Any

from applianced.alg.sip.settings import ALL, DENY_LIMIT, METHODS, OTHER, SOURCE_LIMIT, SipSettings
from applianced.model.times import date_and_time
from applianced.model.tuples import text

NOT_DENIED = frozenset((401, 407, 487, 488, 491))
"""Answers that ask for something rather than turn the caller away."""
_KNOWN = {method.upper().encode(): method for method in METHODS}


def method_name(method: bytes) -> str:
    """As METHODS has it, or OTHER."""
    return _KNOWN.get(method, OTHER)


class Screens:
    """The counts of the second that is running, and the deny table.

    changed: entries of that table that have come or gone since `Books.changes`.
    """

    __slots__ = ("_methods", "_second", "_sources", "changed", "denied")

    def __init__(self) -> None:
        self._second = 0
        self._methods: dict[str, int] = {}
        self._sources: dict[tuple[bytes, str], int] = {}
        self.denied: dict[tuple[bytes, bytes], float] = {}
        """Addresses of a caller and a server -> until when."""
        self.changed: dict[tuple[bytes, bytes], None] = {}

    def refusal(self, settings: SipSettings, source: bytes, method: str, now: float) -> str:
        """The event when this request is one too many; "" when it is not."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._methods.clear()
            self._sources.clear()
        rates = settings.derived.rates
        limit = rates.get(method)
        if limit is not None:
            count = self._methods.get(method, 0)
            if count >= limit:
                return "rate-method"
            self._methods[method] = count + 1
        for kind in (method, ALL):
            limit = settings.derived.source_rates.get(kind)
            if limit is None:
                continue
            key = source, kind
            count = self._sources.get(key, 0)
            if count >= limit or (count == 0 and len(self._sources) >= SOURCE_LIMIT):
                return "rate-source"
            self._sources[key] = count + 1
        return ""

    def deny(self, caller: bytes, server: bytes, until_s: float) -> None:
        """A server has turned a caller away."""
        self.denied.pop((caller, server), None)
        while len(self.denied) >= DENY_LIMIT:
            self._drop(next(iter(self.denied)))
        self.denied[caller, server] = until_s
        self.changed[caller, server] = None

    def _drop(self, pair: tuple[bytes, bytes]) -> None:
        del self.denied[pair]
        self.changed[pair] = None

    def sweep(self, now: float) -> None:
        """Forget who is denied no longer, from the oldest on."""
        while self.denied:
            pair, until_s = next(iter(self.denied.items()))
            if until_s > now:
                return
            self._drop(pair)

    def denies(self, caller: bytes, server: bytes, now: float) -> bool:
        """Whether an INVITE repeats one that was turned away a moment ago."""
        until_s = self.denied.get((caller, server))
        if until_s is None:
            return False
        if until_s > now:
            return True
        self._drop((caller, server))
        return False

    def entries(self) -> list[dict[str, Any]]:
        """As the list `denied` of the state shows them."""
        return [
            {"caller": text(caller), "server": text(server), "expires": date_and_time(until_s)}
            for (caller, server), until_s in self.denied.items()
        ]
