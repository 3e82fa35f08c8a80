"""Tells of commits: who changed what (RFC 6470 netconf-config-change, netconf-confirmed-commit)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any

from applianced.datastore.edits import Edit, edits, entry_edits
from applianced.datastore.spare import Difference
from applianced.datastore.tree import Tree
from applianced.northbound.events import BASE, Events, changed_by, session_parameters
from applianced.northbound.readers import Readers
from applianced.northbound.recording import Author
from applianced.northbound.threads import in_thread

EDITS_MAX = 64
"""Edits named in one notification; of more, those of the nodes above them."""
WAITING_MAX = 4
"""Changes whose edits are still looked for; each holds two trees. One more is told of without its edits."""
_CHANGE = "netconf-config-change"


class Confirm(Enum):
    """confirm-event of netconf-confirmed-commit."""

    START = "start"
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    EXTEND = "extend"
    COMPLETE = "complete"


@dataclass(slots=True)
class _Pair:
    """Two trees to be compared in a thread. over: they may be gone. behind: their difference, where that is known and
    they need not be looked at."""

    before: Tree
    after: Tree
    behind: Difference | None = None
    over: bool = False


class Changes:
    """Looks for the edits off the event loop, after the commit: it waits for nothing here."""

    def __init__(self, events: Events, readers: Readers) -> None:
        self._events = events
        self._readers = readers
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._looking = threading.Lock()
        self._closed = False

    def committed(
        self, session: int, author: Author, before: Tree | None, after: Tree, behind: Difference | None = None
    ) -> None:
        """`after` runs in the place of `before`, None when that is not known. session: 0 for the appliance itself.

        behind: what leads from the one to the other, if it is known.
        """
        if not self._events.wanted(_CHANGE):
            return
        content = {**changed_by(session, author), "datastore": "running"}
        if before is None or not self._events.followed or len(self._under_way) >= WAITING_MAX:
            self._events.tell(BASE, _CHANGE, content)
            return
        known = behind if behind and behind.small and not behind.ordered else None
        with ExitStack() as reading:
            for tree in () if known else (before, after):
                reading.enter_context(self._readers.holding(tree))
            looking = self._look(content, _Pair(before, after, known), reading.pop_all(), time.time())
        task = asyncio.create_task(looking, name="edits of a commit")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _look(self, content: Mapping[str, Any], pair: _Pair, reading: ExitStack, time_s: float) -> None:
        """Changes are told of in their order."""
        with reading:
            async with self._turn:
                try:
                    found = await in_thread(self._edits, pair)
                finally:
                    # Cancelling stops no thread: it must not read trees that nobody holds any more.
                    with self._looking:
                        pair.over = True
                listed = [edit._asdict() for edit in found]
                self._events.tell(BASE, _CHANGE, {**content, **({"edit": listed} if listed else {})}, time_s)

    def _edits(self, pair: _Pair) -> Sequence[Edit]:
        with self._looking:
            if self._closed or pair.over:
                return []
            if pair.behind:
                return entry_edits(pair.after.models, pair.behind, EDITS_MAX)
            return edits(pair.before, pair.after, EDITS_MAX)

    def confirming(self, event: Confirm, session: int, author: Author, timeout_s: int = 0) -> None:
        """Something about the confirmed commit. timeout_s: for START and EXTEND."""
        whose = {} if event is Confirm.TIMEOUT else session_parameters(session, author)
        timeout = {"timeout": timeout_s} if event in (Confirm.START, Confirm.EXTEND) else {}
        self._events.tell(BASE, "netconf-confirmed-commit", {**whose, "confirm-event": event.value, **timeout})

    def close(self) -> None:
        """Nobody looks at a tree from now on."""
        with self._looking:
            self._closed = True

    async def settled(self) -> None:
        """Return when nothing is looked for any more."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
