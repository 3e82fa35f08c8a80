"""Which data sessions came through which gates, for many of both: looked up instead of compared one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from applianced.dataplane.channel import Message
from applianced.dataplane.conntrack import Entry
from applianced.model.tuples import text

SLACK_S = 1.0
"""How far the kernel's times of sessions and the workers' of gates are apart at most."""


class Uses:
    """Which of some gates, as workers describe them, admitted which data sessions. It takes time for each gate and for
    each session, not for each pair of them."""

    def __init__(self, gates: Sequence[Message]) -> None:
        self._gates: dict[Any, list[Message]] = {}
        for gate in gates:
            for peer, outside, inside in _ways(gate):
                for key in {_key(peer, outside), _key(peer, inside)}:
                    self._gates.setdefault(key, []).append(gate)

    def of(self, data: Iterable[Entry]) -> Iterator[tuple[Entry, Message]]:
        """Each session that came through one of the gates, with the first of these."""
        for entry in data:
            gate = self.gate(entry)
            if gate is not None:
                yield entry, gate

    def gate(self, entry: Entry) -> Message | None:
        """The gate that admitted a data session."""
        original, reply = entry.translation.original, entry.translation.reply
        peer, arrived = text(original.source.address), text(reply.source.address)
        keys = (
            _key(sender, end)
            for sender in (peer, "")
            for end in (
                (text(original.destination.address), original.destination.port),
                (arrived, reply.source.port),
                (arrived, 0),
            )
        )
        found = [gate for key in keys for gate in self._gates.get(key, ()) if came_through(gate, entry)]
        return max(found, key=lambda gate: _rank(gate, entry), default=None)


def _rank(gate: Message, entry: Entry) -> tuple[bool, bool, float]:
    """Of gates that may have admitted a session, one after another for the same endpoint, the highest did: the last one
    that was there before it; of media, which may be opened again, the one that is open."""
    before = not entry.started_s or gate["created"] <= entry.started_s
    return gate.get("kind") == "media" and not gate.get("closed"), before, gate["created"]


def _key(peer: str, endpoint: Sequence[Any]) -> tuple[str, str, int]:
    return peer, endpoint[0], endpoint[1]


def _ways(gate: Message) -> Sequence[Any]:
    return gate.get("ways") or [[gate["peer"], gate["outside"], gate["inside"]]]


def came_through(gate: Message, entry: Entry) -> bool:
    """Whether a gate, as a worker describes it, admitted a data session."""
    if entry.translation.original.protocol != gate["protocol"]:
        return False
    # Media that are opened again have sessions from before.
    if entry.started_s and gate.get("kind") != "media":
        if entry.started_s < gate["created"] - SLACK_S:
            return False
        if gate.get("closed") and entry.started_s > gate["closed"] + SLACK_S:
            return False
    return any(_by_way(entry, *way) for way in _ways(gate))


def _by_way(entry: Entry, peer: str, outside: Sequence[Any], inside: Sequence[Any]) -> bool:
    original, reply = entry.translation.original, entry.translation.reply
    if peer not in ("", text(original.source.address)):
        return False
    if [text(original.destination.address), original.destination.port] == list(outside):
        return True
    address, port = inside
    return text(reply.source.address) == address and port in (0, reply.source.port)


def with_use(gates: Sequence[Message], data: Sequence[Entry]) -> None:
    """Enter into gates when they were first used, how much went through them, and how many of the data sessions.

    A gate that admits packets and not sessions has counted by itself."""
    for gate in gates:
        counted = {name: gate.get(name, 0) for name in ("packets", "octets", "used")}
        gate |= {**counted, "data": 0}
    for entry, gate in Uses(gates).of(data):
        gate["packets"] += entry.packets
        gate["octets"] += entry.octets
        gate["used"] = min(gate["used"] or entry.started_s, entry.started_s)
        gate["data"] += 1
