"""What is known of the addresses that connections come from, in bounded memory, sans I/O.

An IPv6 host has a whole /64 to choose addresses from (RFC 4291 2.5.4), so a source is an IPv4 address or an IPv6 /64.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from applianced.config.access import RetryOptions

SOURCES_MAX = 4096
"""Sources remembered; the one that was seen longest ago is forgotten first."""
FORGET_S = 900.0
"""Failed logins count until there was none for so long."""
_MINUTE_S = 60.0


def plain(address: str) -> str:
    """An address as people write it: one of IPv4 that came to a socket for both families without what IPv6 adds."""
    return address.removeprefix("::ffff:") if "." in address else address


def source_of(address: str) -> str:
    """The source that an address belongs to; of an IPv4 address written as IPv6 (RFC 4291 2.5.5.2) that address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


@dataclass(slots=True)
class _Source:
    minute_began: float
    connections: int = 0
    failures: int = 0
    failed_at: float = 0
    next_at: float = 0
    locked_until: float = 0


class Sources:
    """Every source that was seen lately. clock: seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def too_fast(self, source: str, rate_limit: int) -> bool:
        """Count a connection of the source; whether it is beyond those of one minute. rate_limit 0: never."""
        if not rate_limit:
            return False
        known, now = self._known(source), self._clock()
        if now - known.minute_began >= _MINUTE_S:
            known.minute_began, known.connections = now, 0
        known.connections += 1
        return known.connections > rate_limit

    # --- failed logins -----------------------------------------------------------------------------------------

    def wait_s(self, source: str, retry: RetryOptions, most_s: float) -> float:
        """How long the next attempt of the source has to wait; that turn is taken: attempts at once do not share.

        most_s: bound of a wait. inf when so many attempts wait that this one is not to be looked at.
        """
        known, now = self._aged(source), self._clock()
        if not (delay := _delay_s(known.failures, retry, most_s)):
            return 0.0
        turn = max(now, known.next_at)
        if turn - now > most_s:
            return math.inf
        known.next_at = turn + delay
        return turn - now

    def failed(self, source: str, retry: RetryOptions, most_s: float) -> bool:
        """Count a failed login; whether the source is locked out from now on."""
        known, now = self._aged(source), self._clock()
        known.failures += 1
        known.failed_at = now
        known.next_at = max(known.next_at, now + _delay_s(known.failures, retry, most_s))
        if not retry.lockout_period_s or known.failures < retry.tries_before_disconnect:
            return False
        known.failures, known.locked_until = 0, now + retry.lockout_period_s
        return True

    def take_back(self, source: str, failures: int) -> None:
        """Somebody mistyped so often, and then got in."""
        if failures and source in self._sources:
            known = self._known(source)
            known.failures = max(0, known.failures - failures)

    def locked_s(self, source: str) -> float:
        """How much longer the source is locked out, 0 when it is not."""
        known = self._sources.get(source)
        return max(0.0, known.locked_until - self._clock()) if known else 0.0

    def locked(self) -> dict[str, float]:
        """Sources that are locked out -> for how many more seconds."""
        return {source: left for source in self._sources if (left := self.locked_s(source))}

    def forgive(self, source: str) -> bool:
        """Forget what a source did; whether there was anything."""
        return self._sources.pop(source, None) is not None

    def _aged(self, source: str) -> _Source:
        known = self._known(source)
        if known.failures and self._clock() - known.failed_at > FORGET_S:
            known.failures = 0
        return known

    def _known(self, source: str) -> _Source:
        known = self._sources.pop(source, None) or _Source(self._clock())
        self._sources[source] = known
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return known


def _delay_s(failures: int, retry: RetryOptions, most_s: float) -> float:
    return min(most_s, max(0, failures - retry.backoff_threshold + 1) * retry.backoff_factor_s)
