"""Sessions of media: counted, and ended when their gate closes.

The session between the two announced endpoints is found by its tuple, whoever sent first. Those that come from other
endpoints are marked by the kernel and counted (`compiler.gates_media`); they are looked for only when the counter has
moved, or some were there the last time, since that walks through the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from applianced.compiler.gates_media import UNEXPECTED_COUNTER
from applianced.compiler.marks import DATA, GATES_TABLE, UNEXPECTED
from applianced.dataplane import nft
from applianced.dataplane.conntrack import AT_ONCE, Conntrack, Entry, deletion
from applianced.dataplane.netlink import Netlink
from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.tuples import Endpoint, FlowTuple

End = tuple[int, Endpoint]
"""Protocol, and an end of a medium as it is inside."""


class MediaSessions:
    """Those of one worker's media."""

    def __init__(self, netlink: Netlink, conntrack: Conntrack) -> None:
        self._netlink = netlink
        self._conntrack = conntrack
        self._unheard = Netlink()
        """Nobody asks whether there was a session to end: it costs half as much without the answer."""
        self._unheard.ignore_answers()
        self._open: dict[End, int] = {}
        """How many open media have this end."""
        self._numbers: set[int] = set()
        """Of the open media."""
        self._closed: set[End] = set()
        """Ends of media that have closed since the last look at what is unexpected."""
        self._counted = 0
        self._found: dict[End, int] = {}
        """Packets of the unexpected sessions to an end, as of the last look."""
        self._looked = False

    def adopt(self, gates: Iterable[Gate]) -> None:
        """These are open, some perhaps since before."""
        for gate in gates:
            if isinstance(gate, MediaGate) and gate.number not in self._numbers:
                self._numbers.add(gate.number)
                for end in _ends(gate):
                    self._open[end] = self._open.get(end, 0) + 1

    def begun(self, opened: Sequence[Gate], fresh: Sequence[Gate]) -> None:
        """These were opened; of those in `fresh` the same were not open before: what went between their ends until now
        did so by another translation, or none, and begins anew."""
        self.adopt(opened)
        flows = [flow for gate in fresh if isinstance(gate, MediaGate) for flow in _before(gate)]
        if flows:
            self._end(flows)

    def ended(self, closed: Sequence[Gate], gone: Sequence[Gate]) -> None:
        """These were closed; of those in `gone` nothing is open any more."""
        for gate in closed:
            if isinstance(gate, MediaGate) and gate.number in self._numbers:
                self._numbers.discard(gate.number)
                for end in _ends(gate):
                    self._close(end)
        flows = [flow for gate in gone if isinstance(gate, MediaGate) and (flow := gate.flow()) is not None]
        if flows:
            self._end(flows)

    def _end(self, flows: Sequence[FlowTuple]) -> None:
        """Sessions that have one of these as a tuple of either direction: they are over when this returns."""
        for start in range(0, len(flows), AT_ONCE):
            self._unheard.send(b"".join([deletion(flow) for flow in flows[start : start + AT_ONCE]]))

    def _close(self, end: End) -> None:
        self._open[end] -= 1
        if not self._open[end]:
            del self._open[end]
            self._closed.add(end)

    def packets(self, media: Sequence[MediaGate]) -> list[int]:
        """How many packets their sessions have had."""
        flows = [gate.flow() for gate in media]
        expected = iter(self._conntrack.packets([flow for flow in flows if flow is not None]))
        counted = [0 if flow is None else next(expected) for flow in flows]
        if self._found or None in flows:
            self._look()
            for place, gate in enumerate(media):
                counted[place] += sum(self._found.get(end, 0) for end in _ends(gate))
        return counted

    def tidy(self) -> None:
        """End what is left of closed media."""
        self._looked = False
        if not self._closed:
            return
        self._look()
        self._closed.clear()

    def _look(self) -> None:
        """Find the unexpected sessions, and end those of media that have closed. Once between two calls of `tidy`, and
        not where there can be none."""
        counted = self._count()
        if self._looked or (not self._found and counted == self._counted):
            return
        self._looked, self._counted = True, counted
        self._found = {}
        over: list[FlowTuple] = []
        for entry, end in self._unexpected():
            if end in self._closed and end not in self._open:
                over.append(entry.translation.original)
            else:
                self._found[end] = self._found.get(end, 0) + entry.packets
        if over:
            self._conntrack.delete_all(over)

    def _unexpected(self) -> Iterator[tuple[Entry, End]]:
        for entry in self._conntrack.marked(DATA | UNEXPECTED, DATA | UNEXPECTED):
            original, reply = entry.translation.original, entry.translation.reply
            yield entry, (original.protocol, reply.source)

    def _count(self) -> int:
        """How many unexpected sessions there were since the table was made."""
        return nft.counted(self._netlink, GATES_TABLE, UNEXPECTED_COUNTER)


def _ends(gate: MediaGate) -> list[End]:
    return [(gate.protocol, end) for end in gate.own if end is not None]


def _before(gate: MediaGate) -> Iterator[FlowTuple]:
    """The sessions that may be under way between the ends of a medium of which one is translated."""
    for (own, known), other in zip(zip(gate.own, gate.known, strict=True), gate.known[::-1], strict=True):
        if own is not None and other is not None and known != own:
            yield FlowTuple(gate.protocol, own, other)
