"""Counters by name, in memory that outlives a worker.

An index of 64-bit cells over any writable buffer: shared memory in the appliance, a bytearray elsewhere. Counting is
one addition, so every event can afford its counter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ENGINE_EVENTS = {
    "packets": "Packets of control sessions that a worker has read",
    "sessions": "Control sessions taken up",
    "sessions-resumed": "Control sessions taken up again after a restart of their worker",
    "sessions-unknown": "Sessions without a checkpoint after a restart: passed untouched from there",
    "sessions-over": "Control sessions of datagrams that ended because they had done what they were for",
    "sessions-crowded-out": "Control sessions of datagrams that ended early to make room for others",
    "sessions-silent": "Control sessions of datagrams that ended by silence",
    "sessions-refused": "Control sessions passed untouched because alg-sessions was reached",
    "session-resets": "Control sessions reset because their stream could not go on",
    "packets-refused": "Datagrams dropped, and streams reset, because their ALG refused what they say",
    "growth-refused": "Datagrams dropped: rewritten they would not fit into a packet of their path (IPv6)",
    "judged-after-nat": "First datagrams that were judged behind source NAT",
    "clashed": "First datagrams dropped: one before them was translated otherwise; their sender repeats them",
    "beginnings-shed": "Datagrams that would have begun something, dropped for lack of time; they come again",
    "malformed-packet": "Packets whose headers do not hold together, dropped",
    "stream-without-start": "Octets before a SYN was seen",
    "beyond-gap": "Segments dropped because octets before them are missing; their sender repeats them",
    "covered": "Held segments replaced by a newer copy that covers them",
    "repeat": "Segments with octets that had left already",
    "cut": "Segments that left in part",
    "merged": "Segments merged into the one before",
    "urged": "Beginnings of messages that left early, since their sender could send no more",
    "promised": "Times that held octets were acknowledged to a sender that could send no more",
    "syn-again": "SYNs in sessions that are open already: passed, they move nothing",
    "waited": "Length changes that waited for the acknowledgement of the one before",
    "starved": "Sessions reset: a message does not fit into what its sender still sends",
    "message-too-long": "Sessions reset: a message exceeds alg-message-size",
    "message-does-not-fit": "Sessions reset: a rewritten message exceeds a packet",
    "length-changes": "Changes of length announced to the kernel",
    "length-change-refused": "Rewrites refused: other length on a session that is not translated",
    "announce-failed": "Sessions reset: the kernel did not take a length change",
    "waits-refused": "Datagrams that waited for another session, dropped: too many, or for too long",
    "gates-opened": "Gates opened",
    "gates-renewed": "Gates whose time began anew, because what opened them was said again",
    "gates-closed": "Gates closed, used or not",
    "gates-expired": "Gates closed because their time was over",
    "gates-refused-kernel": "Gates the kernel refused",
    "gates-refused-session": "Gates refused: alg-gates per-session reached",
    "gates-refused-source": "Gates refused: alg-gates per-source reached",
    "gates-refused-total": "Gates refused: alg-gates total reached",
    "gates-refused-any-port": "Gates refused: they would open every port of a server that destination NAT publishes",
    "gates-refused-ends": "Media refused: no end is known, or the ends are of different address families",
    "gates-any-peer": "Gates opened to a side of which nobody knows who will send",
    "gates-silent": "Media closed because no packet of theirs came for too long",
    "media-opened": "Media opened, each both ways",
    "gates-refused-self": "Gates refused: they would lead to the appliance itself",
    "bindings-refused": "Bindings refused: no port left",
    "bindings-refused-source": "Bindings refused: the source holds alg-bindings-per-source already",
    "bindings-held": "Bindings that stay until they are given back, a pair as one",
    "bindings-unknown": "Bindings refused: conntrack does not know the session",
    "protocol-errors": "Streams handed over after a fault that their ALG cannot go on from; datagrams with one",
}
"""Counted for each ALG beside its own events."""


class Counters:
    """Cells named by (alg, event)."""

    def __init__(self, events: Mapping[str, Iterable[str]], memory: memoryview) -> None:
        """events: ALG name -> its own events. memory: writable, at least `octets(events)` long."""
        self._index: dict[str, dict[str, int]] = {}
        at = 0
        for alg in sorted(events):
            names = [*ENGINE_EVENTS, *(event for event in events[alg] if event not in ENGINE_EVENTS)]
            self._index[alg] = {name: at + place for place, name in enumerate(names)}
            at += len(names)
        self.memory = memory[: at * 8].cast("Q")

    @staticmethod
    def octets(events: Mapping[str, Iterable[str]]) -> int:
        """How much memory these counters take."""
        return 8 * sum(len(set(ENGINE_EVENTS) | set(names)) for names in events.values())

    def count(self, alg: str, event: str, amount: int = 1) -> None:
        """Add to a counter; an event that nobody declared is a bug and raises KeyError."""
        self.memory[self._index[alg][event]] += amount

    def cells(self, alg: str) -> dict[str, int]:
        """event -> cell, for a session that counts often."""
        return self._index[alg]

    def values(self) -> dict[str, dict[str, int]]:
        """alg -> event -> value."""
        return {
            alg: {event: self.memory[cell] for event, cell in events.items()} for alg, events in self._index.items()
        }

    def clear(self, alg: str = "") -> None:
        """Back to zero: one ALG's, or all."""
        for name, events in self._index.items():
            if alg in ("", name):
                for cell in events.values():
                    self.memory[cell] = 0
