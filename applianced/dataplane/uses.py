"""Which data sessions came through which gates, for many of both: looked up instead of compared one by one."""

from __future__ import annotations

from collections.abc import Sequence

from applianced.dataplane.channel import Message
from applianced.dataplane.conntrack import Entry
from applianced.model.tuples import text

Place = tuple[str, str, int]
"""A peer, and the address and port that it went to; port 0 stands for any."""


class Uses:
    """The data sessions of one moment, by where they went."""

    def __init__(self, data: Sequence[Entry]) -> None:
        self._data = data
        self._at: dict[Place, list[int]] = {}
        for number, entry in enumerate(data):
            for place in _places(entry):
                self._at.setdefault(place, []).append(number)

    def of(self, gate: Message) -> Message:
        """The gate as a worker describes it, with when it was first used, how much went through it, and by which of
        the data sessions (their places among all)."""
        peer = gate["peer"]
        found: set[int] = set()
        for address, port in (gate["outside"], gate["inside"]):
            found.update(self._at.get((peer, address, port), ()))
        places, packets, used = [], 0, 0.0
        for number in sorted(found):
            entry = self._data[number]
            if entry.started_s and entry.started_s < gate["created"] - 1:
                continue
            if entry.translation.original.protocol != gate.get("protocol", entry.translation.original.protocol):
                continue
            places.append(number)
            packets += entry.packets
            used = min(used or entry.started_s, entry.started_s)
        return {**gate, "packets": packets, "used": used, "data": places}


def _places(entry: Entry) -> set[Place]:
    """Where a session went: the endpoint that its peer knew, and the one inside, of this port and of any."""
    original, reply = entry.translation.original, entry.translation.reply
    peer, inside = text(original.source.address), text(reply.source.address)
    return {
        (peer, text(original.destination.address), original.destination.port),
        (peer, inside, reply.source.port),
        (peer, inside, 0),
    }
