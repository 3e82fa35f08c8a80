"""`security flow alg-data-session-coupled`: a control session and its data sessions live and end together.

A data session is known by what its gate admitted: protocol, peer, and the endpoint inside. Conntrack is asked for all
data sessions at once, and only while control sessions are there that have announced some.
"""

from __future__ import annotations

from collections import OrderedDict

from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.engine.sessions import Session
from applianced.model.gates import Gate

INTERVAL_S = 2.0
"""Between two looks at the data sessions; the least timeout of a session is twice as long."""
HORIZON_S = 6
"""What a control session has left at least while one of its data sessions is there."""
REMEMBERED = 1 << 16
"""Gates whose data sessions may be there; beyond, those of the oldest go their own way."""

Key = tuple[int, bytes, bytes, int]


class Coupling:
    """The data sessions of one worker's control sessions."""

    def __init__(self, conntrack: Conntrack) -> None:
        self._conntrack = conntrack
        self._owners: OrderedDict[Key, Session] = OrderedDict()
        self._next_s = 0.0
        self.enabled = False

    def opened(self, session: Session, gate: Gate) -> None:
        """A session has opened a gate."""
        if not self.enabled or gate.apart:
            return  # media end with their gate in any case
        key = (gate.protocol, gate.peer, gate.inside.address, gate.inside.port)
        self._owners[key] = session
        self._owners.move_to_end(key)
        if len(self._owners) > REMEMBERED:
            self._owners.popitem(last=False)

    def tick(self, now: float, clock_s: float) -> None:
        """End what has lost its control session, and keep alive what has a data session. now: monotonic seconds;
        clock_s: of the wall clock."""
        if not self.enabled:
            self._owners.clear()
        ended = any(session.over for session in self._owners.values())
        if not self._owners or (not ended and now < self._next_s):
            return
        self._next_s = now + INTERVAL_S
        busy: dict[int, Session] = {}
        for entry in self._conntrack.data_sessions():
            owner = self._owner(entry)
            if owner is not None and owner.over:
                self._conntrack.delete(entry.translation.original)
            elif owner is not None and not entry.ending:
                busy[owner.slot] = owner
        for session in busy.values():
            self._keep(session, clock_s)
        for key in [key for key, session in self._owners.items() if session.over]:
            del self._owners[key]

    def _owner(self, entry: Entry) -> Session | None:
        original, inside = entry.translation.original, entry.translation.reply.source
        key = (original.protocol, original.source.address, inside.address)
        return self._owners.get((*key, inside.port)) or self._owners.get((*key, 0))

    def _keep(self, session: Session, clock_s: float) -> None:
        if not session.streamed:
            session.last_s = max(session.last_s, clock_s)  # its silence would end it
        entry = self._conntrack.lookup(session.control.tuple)
        if entry is not None and not entry.ending and entry.timeout_s < HORIZON_S:
            self._conntrack.keep(entry.translation.original, HORIZON_S)
