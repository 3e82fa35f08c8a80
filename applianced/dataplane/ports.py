"""Outside ports for bindings, from the range that NAT leaves to the ALGs.

Each worker has its own share of each address's range, so no two ask each other. Ports are handed out in an order that
nobody outside can foretell, the one given back longest ago first. A port whose data session may still be open rests
until conntrack no longer holds such a session.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Collection, Mapping

Range = tuple[int, int]

BROKEN_UP = 256
"""Pairs that are broken up at a time for those who want a single port: the order stays one that nobody can foretell."""


class Share:
    """The free ports of one address and protocol: pairs (an even one and the next) that nobody has had yet, and single
    ones, of which two may make a pair again."""

    def __init__(self, ports: list[int]) -> None:
        """ports: in order."""
        free = set(ports)
        pairs = [port for port in ports if not port % 2 and port + 1 in free]
        single = free.difference(pairs, (port + 1 for port in pairs))
        self._pairs = OrderedDict.fromkeys(_shuffled(pairs))
        self._single = OrderedDict.fromkeys(_shuffled(sorted(single)))
        self._joined: OrderedDict[int, None] = OrderedDict()
        """The even ports of single ones whose next is there too."""

    def take(self) -> int | None:
        if not self._single and self._pairs:
            broken = [self._pairs.popitem(last=False)[0] for _ in range(min(BROKEN_UP, len(self._pairs)))]
            self._single = OrderedDict.fromkeys(_shuffled([*broken, *(port + 1 for port in broken)]))
            self._joined = OrderedDict.fromkeys(broken)
        if not self._single:
            return None
        port, _ = self._single.popitem(last=False)
        self._joined.pop(port & ~1, None)
        return port

    def take_pair(self) -> int | None:
        if self._pairs:
            return self._pairs.popitem(last=False)[0]
        if not self._joined:
            return None
        port, _ = self._joined.popitem(last=False)
        del self._single[port], self._single[port + 1]
        return port

    def remove(self, port: int) -> None:
        """Somebody has this one."""
        self._joined.pop(port & ~1, None)
        if self._pairs.pop(port & ~1, False) is None:
            self._single[port ^ 1] = None
        else:
            self._single.pop(port, None)

    def give(self, port: int) -> None:
        self._single[port] = None
        if port ^ 1 in self._single:
            self._joined[port & ~1] = None


def _shuffled(ports: list[int]) -> list[int]:
    secrets.SystemRandom().shuffle(ports)
    return ports


class PortRanges:
    """The ports of one worker. worker: its number of `workers` in all."""

    def __init__(self, worker: int, workers: int) -> None:
        self._worker = worker
        self._workers = workers
        self._default: Range = (49152, 65535)
        self._ranges: dict[bytes, Range] = {}
        self._free: dict[tuple[bytes, int], Share] = {}
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

    def _share(self, address: bytes, protocol: int) -> Share:
        """What is free of an address."""
        free = self._free.get((address, protocol))
        if free is None:
            first, last = self._bounds(address)
            taken = self._held | self._resting
            ports = [port for port in range(first, last + 1) if (address, protocol, port) not in taken]
            free = self._free[address, protocol] = Share(ports)
        return free

    def _bounds(self, address: bytes) -> Range:
        """The first and the last port of this worker's share."""
        low, high = self._ranges.get(address, self._default)
        share = (high - low + 1) // self._workers
        first = low + self._worker * share
        return first, high if self._worker == self._workers - 1 else first + share - 1

    def take(self, address: bytes, protocol: int) -> int | None:
        """A free port of this address, or None."""
        port = self._share(address, protocol).take()
        if port is not None:
            self._taken(address, protocol, port)
        return port

    def take_pair(self, address: bytes, protocol: int) -> int | None:
        """A free even port of this address whose next one is free too, and both are taken; or None."""
        port = self._share(address, protocol).take_pair()
        if port is not None:
            self._held.add((address, protocol, port + 1))
            self._taken(address, protocol, port)
        return port

    def _taken(self, address: bytes, protocol: int, port: int) -> None:
        self._held.add((address, protocol, port))
        used = len(self._held) + len(self._resting)
        if used > self.most:
            self.most = used

    def hold(self, address: bytes, protocol: int, port: int) -> None:
        """A port that is bound since before this process."""
        self._held.add((address, protocol, port))
        free = self._free.get((address, protocol))
        if free is not None:
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
            free.give(port)
