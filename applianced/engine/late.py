"""First datagrams that are judged behind source NAT: what their headers say of the session's translation.

The forward path lets them through unjudged, and the kernel queues them once more where they leave (see
compiler.gates_media). By then NAT has changed their source, but connection tracking does not know the session yet.
"""

from __future__ import annotations

from applianced.engine.datagram_sessions import DatagramSession
from applianced.engine.kernel import Translation
from applianced.model.tuples import ORIGINAL, REPLY, Direction, FlowTuple


def direction(session: DatagramSession, flow: FlowTuple) -> Direction | None:
    """Which way a datagram goes whose source NAT may have changed; None when it is not of this session."""
    if flow.destination == session.control.tuple.destination:
        return ORIGINAL
    return REPLY if flow.destination == session.control.tuple.source else None


def translated(session: DatagramSession, speaker: Direction, flow: FlowTuple, *, published: bool) -> bool:
    """Enter what NAT has made of a session's first datagram, which leaves as this flow; False when conntrack holds
    another one's already, so this one will be dropped. published: destination NAT has treated it."""
    kernel = session.keeper.kernel
    sent_to = kernel.published(flow) if published else flow.destination
    found = Translation(FlowTuple(flow.protocol, session.control.party(speaker), sent_to), flow.reversed)
    if speaker is REPLY:
        found = found.turned
    known = session.translation
    if known is not None and known != found and kernel.holds(known):
        return False
    session.translation, session.looked_up = found, True
    return True
