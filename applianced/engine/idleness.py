"""Gates that end when no packet of them has come for a while: the kernel counts packets, and is asked now and then.

Rule: no I/O here; effects go through `Kernel`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from applianced.engine.kernel import Kernel
from applianced.model.gates import Gate

LOOKS = 8
"""How often a gate is looked at within its time: one that is idle ends so much of it later at most."""


def entered_for_s(quiet_s: float) -> float:
    """How long the kernel keeps an idle gate by itself: until the look that finds it so, and a moment."""
    return quiet_s * (1 + 2 / LOOKS)


class _Seen(NamedTuple):
    packets: int
    heard_s: float
    next_s: float


class Idleness:
    """What is known of such gates."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._seen: dict[int, _Seen] = {}

    def look(self, gates: Iterable[Gate], now: float) -> list[Gate]:
        """Those of the gates that have to be renewed: packets have come. Idle ones get the present as their end."""
        before, self._seen = self._seen, {}
        busy = []
        for gate in gates:
            if not gate.quiet_s:
                continue
            seen = before.get(gate.number) or _Seen(gate.packets, now, now + gate.quiet_s / LOOKS)
            if seen.next_s <= now:
                seen = self._looked(gate, seen, now)
                if seen.heard_s == now:
                    busy.append(gate)
                elif seen.heard_s + gate.quiet_s <= now:
                    gate.expires_s = now
            self._seen[gate.number] = seen
        return busy

    def _looked(self, gate: Gate, seen: _Seen, now: float) -> _Seen:
        self._kernel.count(gate, now)
        heard_s = now if gate.packets != seen.packets else seen.heard_s
        return _Seen(gate.packets, heard_s, now + gate.quiet_s / LOOKS)
