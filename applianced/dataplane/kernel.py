"""The kernel as the engine sees it: conntrack, gates, and the proof that a length change holds."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence

from applianced.compiler.marks import OWN_ACKNOWLEDGEMENT
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.gates import Gates, destroys
from applianced.dataplane.media import MediaSessions
from applianced.dataplane.netlink import Netlink
from applianced.engine.kernel import Translation
from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.tuples import Direction, Endpoint, FlowTuple, text
from applianced.packet import segment


class NetlinkKernel:
    """engine.kernel.Kernel over netlink, in the network namespace of this process."""

    nat_decides_late = True

    def __init__(self) -> None:
        netlink = Netlink()
        self.conntrack = Conntrack(netlink)
        self.gates = Gates(netlink, destroys=destroys(netlink))
        self.media = MediaSessions(netlink, self.conntrack)
        self._raw = {version: _raw_socket(family) for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6))}

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        return self.conntrack.translation(flow, mark)

    def announce(
        self, session: Translation, direction: Direction, position: int, before: int, after: int, *, first: bool
    ) -> bool:
        if self.conntrack.announce(session, direction, position, before, after):
            return False
        if not first:
            return True
        # The kernel answers "done" also where it keeps nothing (no helper extension): read the first one back.
        found = self.conntrack.translation(session.original, 0)
        return found is not None and found.offsets[direction] == after

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> bool:
        if self.gates.exchange(opened, closed, now):
            return False
        if closed:
            self.media.ended(closed, self.gates.gone)
        if opened:
            self.media.begun(opened, self.gates.fresh)
        return True

    def adopt(self, gate: Gate) -> None:
        self.gates.adopt(gate)
        self.media.adopt((gate,))

    def packets(self, media: Sequence[MediaGate]) -> list[int]:
        return self.media.packets(media)

    def tidy(self) -> None:
        self.media.tidy()

    def published(self, flow: FlowTuple) -> Endpoint:
        return self.gates.sent_to(flow) or flow.destination

    def holds(self, session: Translation) -> bool:
        entry = self.conntrack.lookup(session.original)
        return entry is not None and entry.translation in (session, session.turned)

    def keep(self, session: Translation, seconds: int) -> None:
        entry = self.conntrack.lookup(session.original)
        if entry is not None and not entry.ending and entry.timeout_s < seconds:
            self.conntrack.keep(entry.translation.original, seconds)

    def count(self, gate: Gate, now: float) -> None:
        self.gates.count(gate, now)

    def acknowledge(self, flow: FlowTuple, sequence: int, acknowledgement: int) -> bool:
        version = 4 if len(flow.destination.address) == 4 else 6
        packet = segment.acknowledgement(flow, sequence, acknowledgement)
        try:
            self._raw[version].sendto(packet, (text(flow.destination.address), 0))
        except OSError:
            return False
        return True

    def alive(self, flow: FlowTuple, mark: int) -> bool:
        entry = self.conntrack.find(flow, mark)
        return entry is not None and not entry.ending

    def forget(self, flow: FlowTuple, mark: int) -> None:
        entry = self.conntrack.find(flow, mark)
        if entry is not None:
            self.conntrack.delete(entry.translation.original)


def _raw_socket(family: int) -> socket.socket:
    """A socket that sends whole IP packets, marked as our own."""
    made = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    # As octets: the number does not fit the signed int that setsockopt takes.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, OWN_ACKNOWLEDGEMENT.to_bytes(4, sys.byteorder))
    made.setblocking(False)
    return made
