"""The kernel as the engine sees it: conntrack, gates, and the proof that a length change holds."""

from __future__ import annotations

from collections.abc import Sequence

from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.gates import Gates
from applianced.dataplane.netlink import Netlink
from applianced.engine.kernel import Translation
from applianced.model.gates import Gate
from applianced.model.tuples import Direction, FlowTuple


class NetlinkKernel:
    """engine.kernel.Kernel over netlink, in the network namespace of this process."""

    def __init__(self) -> None:
        netlink = Netlink()
        self.conntrack = Conntrack(netlink)
        self.gates = Gates(netlink)

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        entry = self.conntrack.find(flow, mark)
        return entry.translation if entry is not None else None

    def announce(self, session: Translation, direction: Direction, position: int, before: int, after: int) -> bool:
        if self.conntrack.announce(session, direction, position, before, after):
            return False
        if before:
            return True
        # The kernel answers "done" also where it keeps nothing (no helper extension): read the first one back.
        entry = self.conntrack.find(session.original, 0)
        return entry is not None and entry.translation.offsets[direction] == after

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> bool:
        return self.gates.exchange(opened, closed, now) == 0

    def alive(self, flow: FlowTuple, mark: int) -> bool:
        entry = self.conntrack.find(flow, mark)
        return entry is not None and not entry.ending

    def forget(self, flow: FlowTuple, mark: int) -> None:
        entry = self.conntrack.find(flow, mark)
        if entry is not None:
            self.conntrack.delete(entry.translation.original)
