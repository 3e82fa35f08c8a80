"""Outside ports for bindings, from the range that NAT leaves to the ALGs.

Each worker has its own share of each address's range, so no two ask each other. Ports are handed out in an order that
nobody outside can foretell, the one given back longest ago first. A port whose data session may still be open rests
until conntrack no longer holds such a session.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Collection, Mapping

Range = tuple[int, int]


class PortRanges:
    """The ports of one worker. worker: its number of `workers` in all."""

    def __init__(self, worker: int, workers: int) -> None:
        self._worker = worker
        self._workers = workers
        self._default: Range = (49152, 65535)
        self._ranges: dict[bytes, Range] = {}
        self._free: dict[tuple[bytes, int], deque[int]] = {}
        self._held: set[tuple[bytes, int, int]] = set()
        self._resting: set[tuple[bytes, int, int]] = set()
        self.most = 0
        """The most ports that were in use at once."""

    def configure(self, default: Range, ranges: Mapping[bytes, Range]) -> None:
        """New ranges (packed address -> low, high). Ports that are bound stay bound."""
        if (default, dict(ranges)) == (self._default, self._ranges):
            return
        self._default, self._ranges = default, dict(ranges)
        self._free.clear()

    def _share(self, address: bytes, protocol: int) -> deque[int]:
        first, last = self._bounds(address)
        taken = self._held | self._resting
        ports = [port for port in range(first, last + 1) if (address, protocol, port) not in taken]
        secrets.SystemRandom().shuffle(ports)
        return deque(ports)

    def _bounds(self, address: bytes) -> Range:
        """The first and the last port of this worker's share."""
        low, high = self._ranges.get(address, self._default)
        share = (high - low + 1) // self._workers
        first = low + self._worker * share
        return first, high if self._worker == self._workers - 1 else first + share - 1

    def take(self, address: bytes, protocol: int) -> int | None:
        """A free port of this address, or None."""
        key = (address, protocol)
        free = self._free.get(key)
        if free is None:
            free = self._free[key] = self._share(address, protocol)
        if not free:
            return None
        port = free.popleft()
        self._held.add((address, protocol, port))
        self.most = max(self.most, self.used)
        return port

    def hold(self, address: bytes, protocol: int, port: int) -> None:
        """A port that is bound since before this process."""
        self._held.add((address, protocol, port))
        free = self._free.get((address, protocol))
        if free is not None and port in free:
            free.remove(port)

    def rest(self, address: bytes, protocol: int, port: int) -> None:
        """A port of this worker's share whose data session is open since before this process: not to be handed out."""
        low, high = self._bounds(address)
        if low <= port <= high and (address, protocol, port) not in self._held:
            self.hold(address, protocol, port)
            self.give(address, protocol, port, over=False)

    def give(self, address: bytes, protocol: int, port: int, *, over: bool) -> None:
        """Give a port back; see engine.kernel.Ports."""
        key = (address, protocol, port)
        self._held.discard(key)
        if over:
            self._return(key)
        else:
            self._resting.add(key)

    @property
    def used(self) -> int:
        """How many ports are bound or rest."""
        return len(self._held) + len(self._resting)

    @property
    def offered(self) -> int:
        """How many ports there are for the addresses and protocols that have been used so far."""
        seen = {*self._free, *((address, protocol) for address, protocol, _ in self._held | self._resting)}
        bounds = [self._bounds(address) for address, _ in seen]
        return sum(last - first + 1 for first, last in bounds)

    @property
    def resting(self) -> int:
        """How many ports wait for the end of their data session."""
        return len(self._resting)

    def settle(self, busy: Collection[tuple[bytes, int, int]]) -> None:
        """Hand back the resting ports that are not among those conntrack still knows."""
        for key in self._resting - set(busy):
            self._resting.discard(key)
            self._return(key)

    def _return(self, key: tuple[bytes, int, int]) -> None:
        address, protocol, port = key
        low, high = self._bounds(address)
        free = self._free.get((address, protocol))
        if free is not None and low <= port <= high:
            free.append(port)
