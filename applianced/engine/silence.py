"""Which media have fallen silent: connection tracking is asked how many packets came, when each may have been silent
for long enough, and twice in that time.

What the kernel keeps by itself ends some time after nobody asks any more; so it is entered again while it is in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from applianced.engine.kernel import Kernel
from applianced.model.gates import Gate
from applianced.model.media import MediaGate

ASKED_AT_ONCE = 64
MOST_ASKED = 1024
"""In one go, so that packets need not wait long; the others a second later."""


class Silence:
    """The watch over one worker's media."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._due: list[tuple[float, int]] = []
        """(when to ask, number of the gate): a heap."""

    def watch(self, gate: MediaGate) -> None:
        """A gate is open, and its time begins."""
        self._ask_later(gate, max(gate.heard_s, gate.created_s))

    def ended(self, gates: Mapping[int, Gate], now: float) -> list[MediaGate]:
        """Those among the open gates that no packet came for, for so long. gates: by number; what is not among them is
        forgotten."""
        silent: list[MediaGate] = []
        asked = self._asked(gates, now)
        for start in range(0, len(asked), ASKED_AT_ONCE):
            some = asked[start : start + ASKED_AT_ONCE]
            lively = []
            for gate, packets in zip(some, self._kernel.packets(some), strict=True):
                if packets != gate.packets:
                    gate.packets = packets
                    if packets:
                        gate.heard(now)
                if gate.expires_s <= now:
                    silent.append(gate)
                    continue
                self._ask_later(gate, now)
                if now - gate.entered_s > gate.entered_for_s / 2:
                    lively.append(gate)
            if lively and self._kernel.exchange(lively, (), now):
                for gate in lively:
                    gate.entered_s = now
        return silent

    def _asked(self, gates: Mapping[int, Gate], now: float) -> list[MediaGate]:
        found: list[MediaGate] = []
        due = self._due
        while due and due[0][0] <= now and len(found) < MOST_ASKED:
            gate = gates.get(heappop(due)[1])
            if isinstance(gate, MediaGate):
                found.append(gate)
        return found

    def _ask_later(self, gate: MediaGate, now: float) -> None:
        heappush(self._due, (min(gate.expires_s, now + gate.idle_s / 2), gate.number))
