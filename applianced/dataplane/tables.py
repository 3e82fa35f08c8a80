"""Both nft tables are there, or are put back: anybody with the right to may delete them (`nft flush ruleset`)."""

from __future__ import annotations

import contextlib
import logging
import time

from applianced.compiler.marks import GATES_TABLE, POLICY_TABLE
from applianced.dataplane import nft
from applianced.dataplane.channel import Message
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.netlink import Netlink
from applianced.dataplane.workers import Workers
from applianced.errors import DataplaneError

LOOK_S = 2.0
"""Between two looks: what passes unfiltered when the tables are deleted passes for so long at most."""

log = logging.getLogger("applianced.agent")


class Tables:
    """The tables of one agent's namespace."""

    def __init__(self, netlink: Netlink, workers: Workers, events: EventLog) -> None:
        self._netlink = netlink
        self._workers = workers
        self._events = events
        self._next_look = 0.0

    def tick(self, applied: Message | None) -> None:
        """Look whether they are there, now and then. applied: the plan in force. Tries again when that fails."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_S
        try:
            self.mend(applied)
        except DataplaneError as error:
            log.error("the tables cannot be put back: %s", error)

    def mend(self, applied: Message | None) -> None:
        """Put back what is missing: tables, the plan's rules, open gates. Raises DataplaneError."""
        wanted = [GATES_TABLE] if applied is None else [GATES_TABLE, POLICY_TABLE]
        missing = [table for table in wanted if not nft.table_exists(self._netlink, table)]
        if not missing:
            return
        log.error("nft tables %s were deleted: putting them back", " and ".join(missing))
        self._events.write("tables-lost", {"tables": " ".join(missing)})
        nft.make_gates_table(self._netlink)
        if applied is not None:
            # Also when only the gates table was lost: the plan's ruleset fills its set of control ports.
            nft.load(applied["ruleset"])
        if GATES_TABLE in missing:
            for worker in self._workers.running():
                with contextlib.suppress(DataplaneError):
                    self._workers.tell(worker, {"op": "reopen"})
