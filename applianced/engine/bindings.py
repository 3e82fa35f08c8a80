"""Held bindings of one worker: which inside endpoint an outside one stands for, until nobody needs it.

The workers share the ports of every outside address, and each can see what the others hold: a call between two inside
parties may be read by two of them. What one holds stands in memory that all of them have; only it writes there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from applianced.engine.kernel import Ports
from applianced.engine.ledger import Ledger, Values
from applianced.model.tuples import Endpoint

_SHOWN = Struct("!B16sH16sH")
"""Protocol, outside endpoint, inside endpoint."""
_SUM = Struct("!I")
_CELL_OCTETS = 1 + _SHOWN.size + _SUM.size
"""State, what is shown, its check sum."""
_BUCKET = 8
_TAKEN = 1
CELLS = 1 << 17

Known = tuple[int, Endpoint]
"""Protocol and outside endpoint."""


class Held(NamedTuple):
    """inside: the endpoint that it stands for; the ports after both belong to it too when it is a pair. session: the
    slot of the control session that holds it."""

    protocol: int
    outside: Endpoint
    inside: Endpoint
    pair: bool
    session: int

    @property
    def ends(self) -> tuple[Held, ...]:
        """Each port by itself."""
        if not self.pair:
            return (self,)
        protocol, (outside, port), (inside, own), pair, session = self
        second = Endpoint(outside, port + 1), Endpoint(inside, (own + 1) & 0xFFFF)
        return self, Held(protocol, *second, pair, session)

    @property
    def plain(self) -> Values:
        return self.protocol, tuple(self.outside), tuple(self.inside), self.pair, self.session

    @classmethod
    def of(cls, plain: Values) -> Held:
        protocol, outside, inside, pair, session = plain
        return cls(protocol, Endpoint(*outside), Endpoint(*inside), pair, session)


class Board:
    """What one worker holds, for the others to see: cells found by the check sum of what they are asked for."""

    def __init__(self, memory: memoryview) -> None:
        """memory: of a power of two of cells, each CELL octets."""
        self._memory = memory
        self._buckets = len(memory) // (_CELL_OCTETS * _BUCKET)
        self._shown: dict[Known, int] = {}
        """Where what was shown here stands."""

    @staticmethod
    def octets(cells: int = CELLS) -> int:
        """How much memory so many cells take."""
        return cells * _CELL_OCTETS

    def show(self, held: Held) -> bool:
        """Show one port; False when its bucket is full."""
        memory = self._memory
        for at in self._places(held.protocol, held.outside):
            if not memory[at]:
                protocol, (outside, port), (inside, own), _, _ = held
                shown = _SHOWN.pack(protocol, outside, port, inside, own)
                memory[at + 1 : at + _CELL_OCTETS] = shown + _SUM.pack(crc32(shown))
                memory[at] = _TAKEN
                self._shown[protocol, held.outside] = at
                return True
        return False

    def hide(self, protocol: int, outside: Endpoint) -> None:
        """Show it no longer."""
        at = self._shown.pop((protocol, outside), -1)
        if at >= 0:
            self._memory[at] = 0

    def look(self, protocol: int, outside: Endpoint) -> Endpoint | None:
        """The endpoint that this one stands for, if it is shown."""
        at = self._find(protocol, outside)
        if at < 0:
            return None
        cell = bytes(self._memory[at : at + _CELL_OCTETS])
        shown = cell[1 : -_SUM.size]
        is_for, address, _, inside, port = _SHOWN.unpack(shown)
        whole = cell[0] == _TAKEN and _SUM.unpack(cell[-_SUM.size :])[0] == crc32(shown)
        if not whole or (is_for, address) != (protocol, _wide(outside.address)):
            return None  # written this very moment
        return Endpoint(inside[: len(outside.address)], port)

    def clear(self) -> None:
        """Show nothing."""
        self._shown.clear()
        for at in range(0, len(self._memory), _CELL_OCTETS):
            if self._memory[at]:
                self._memory[at] = 0

    def _find(self, protocol: int, outside: Endpoint) -> int:
        wanted = bytes((_TAKEN, protocol)) + _wide(outside.address) + outside.port.to_bytes(2, "big")
        length = len(wanted)
        for at in self._places(protocol, outside):
            if self._memory[at : at + length] == wanted:
                return at
        return -1

    def _places(self, protocol: int, outside: Endpoint) -> range:
        if not self._buckets:
            return range(0)
        number = crc32(outside.address + (outside.port << 8 | protocol).to_bytes(4, "big")) % self._buckets
        first = number * _BUCKET * _CELL_OCTETS
        return range(first, first + _BUCKET * _CELL_OCTETS, _CELL_OCTETS)


def _wide(address: bytes) -> bytes:
    return address.ljust(16, b"\0")


class Bindings:
    """The books. own: where this worker shows what it holds; others: what the other workers show."""

    def __init__(self, ports: Ports, ledger: Ledger, own: Board, others: Sequence[Board] = ()) -> None:
        self._ports = ports
        self._ledger = ledger
        self._own = own
        self._others = others
        self._held: dict[Known, Held] = {}
        """By the first port."""
        self._ends: dict[Known, Held] = {}
        """By each port."""
        self._uses: dict[Known, int] = {}
        """First port -> how many open gates lead to it."""
        self._per_source: Counter[bytes] = Counter()
        """Inside address -> how many it holds."""
        self._leaving: set[Known] = set()
        """Those that go when the last gate closes."""
        self._spent: list[Held] = []
        """Let go of, while the kernel may still have sessions of their gates."""

    def __len__(self) -> int:
        return len(self._held)

    def take(self, address: bytes, protocol: int, inside: Endpoint, *, pair: bool, session: int) -> Held | None:
        """A free port of an outside address, or a pair, to be held; None when there is none."""
        port = self._ports.take_pair(address, protocol) if pair else self._ports.take(address, protocol)
        if port is None:
            return None
        held = Held(protocol, Endpoint(address, port), inside, pair, session)
        self._enter(held)
        self._ledger.put(("binding", protocol, address, port), held.plain)
        return held

    def begin(self) -> None:
        """Show nothing of what a worker before this one showed."""
        self._own.clear()

    def forget(self, held: Held) -> None:
        """One of a worker before this one that nobody needs; its port rests until its sessions have ended."""
        self._ledger.drop(("binding", held.protocol, held.outside.address, held.outside.port))

    def adopt(self, held: Held) -> None:
        """One that a worker before this one held."""
        for end in held.ends:
            self._ports.hold(end.outside.address, held.protocol, end.outside.port)
        self._enter(held)

    def of_source(self, address: bytes) -> int:
        """How many an inside address holds."""
        return self._per_source.get(address, 0)

    def _enter(self, held: Held) -> None:
        self._held[held.protocol, held.outside] = held
        self._per_source[held.inside.address] += 1
        for end in held.ends:
            self._ends[end.protocol, end.outside] = held
            self._own.show(end)

    def release(self, outside: Endpoint, protocol: int) -> Held | None:
        """Hold it no longer, at the latest when no gate leads to it; None when it is not held."""
        key = (protocol, outside)
        held = self._held.get(key)
        if held is None:
            return None
        if self._uses.get(key):
            self._leaving.add(key)
        else:
            self._leave(key, used=False)
        return held

    def _leave(self, key: Known, *, used: bool) -> None:
        held = self._held.pop(key)
        self._per_source[held.inside.address] -= 1
        if not self._per_source[held.inside.address]:
            del self._per_source[held.inside.address]
        self._leaving.discard(key)
        for end in held.ends:
            del self._ends[end.protocol, end.outside]
            self._own.hide(end.protocol, end.outside)
        self._ledger.drop(("binding", held.protocol, held.outside.address, held.outside.port))
        if used or key in self._uses:
            self._spent.append(held)
        else:
            self._give(held)
        self._uses.pop(key, None)

    def _give(self, held: Held) -> None:
        for end in held.ends:
            self._ports.give(end.outside.address, held.protocol, end.outside.port, over=True)

    def used(self, protocol: int, outside: Endpoint) -> None:
        """A gate leads to it."""
        held = self._ends.get((protocol, outside))
        if held is not None:
            key = (protocol, held.outside)
            self._uses[key] = self._uses.get(key, 0) + 1

    def unused(self, protocol: int, outside: Endpoint) -> None:
        """A gate that led to it has closed."""
        held = self._ends.get((protocol, outside))
        key = (protocol, held.outside) if held is not None else None
        if key is None or not self._uses.get(key):
            return
        self._uses[key] -= 1
        if not self._uses[key] and key in self._leaving:
            self._leave(key, used=True)

    def settle(self) -> None:
        """The kernel has ended every session of closed gates: what was let go of before can be taken again."""
        spent, self._spent = self._spent, []
        for held in spent:
            self._give(held)

    def inside(self, outside: Endpoint, protocol: int) -> Endpoint | None:
        """The endpoint that an outside one stands for, whichever worker holds it."""
        held = self._ends.get((protocol, outside))
        if held is not None:
            return next(end.inside for end in held.ends if end.outside == outside)
        found = (board.look(protocol, outside) for board in self._others)
        return next((endpoint for endpoint in found if endpoint is not None), None)
