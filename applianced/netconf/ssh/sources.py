"""What is known of the addresses that connections come from, in bounded memory, sans I/O.

An IPv6 host has a whole /64 to choose addresses from (RFC 4291 2.5.4), so a source is an IPv4 address or an IPv6 /64.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

SOURCES_MAX = 4096
"""Sources remembered; the one that was seen longest ago is forgotten first."""
_MINUTE_S = 60.0


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

    def _known(self, source: str) -> _Source:
        known = self._sources.pop(source, None) or _Source(self._clock())
        self._sources[source] = known
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        return known
