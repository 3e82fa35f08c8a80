"""Resources: how much of what has a limit is in use, and the most that was.

Workers count their own exactly and say with every beat what the most was, so that a mark outlives its worker. What
the kernel has (memory, packets that wait, entries of connection tracking) is looked at once a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from applianced.dataplane.books import Operation
from applianced.dataplane.channel import Message
from applianced.dataplane.depths import depths
from applianced.dataplane.host import read
from applianced.dataplane.queue import LENGTH
from applianced.dataplane.workers import Worker, Workers

LOOK_S = 1.0
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")
_CONNECTIONS = "/proc/sys/net/netfilter/nf_conntrack_"


class Supplies:
    """The resources of one agent. queue_file: of depths.open_depths()."""

    def __init__(self, workers: Workers, queue_file: int) -> None:
        self._workers = workers
        self._queue_file = queue_file
        self._connections = 0
        self._looked = 0.0

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {"resources": self._resources, "clear-resources": self._clear}

    def tick(self) -> None:
        """Look at what the kernel has, once in LOOK_S."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()

    def _look(self) -> dict[int, dict[str, int]]:
        """What the kernel has now of each worker that runs; the marks follow."""
        waiting = depths(self._queue_file)
        found = {}
        for worker in self._workers.running():
            found[worker.number] = used = {"memory": resident(worker.pid)}
            if worker.number in waiting:
                used["queue"] = waiting[worker.number]
            for name, value in used.items():
                worker.peaks[name] = max(worker.peaks.get(name, 0), value)
        self._connections = max(self._connections, _connections("count"))
        return found

    def _resources(self, _: Message) -> Message:
        """Each worker's resources, and the connections of all: name, used, peak, limit (0: none)."""
        seen = self._look()
        workers = []
        for worker, answer in self._workers.tell_all({"op": "resources"}):
            _raise_marks(worker, answer["peaks"])
            used = {**answer["used"], **seen.get(worker.number, {})}
            limits = {**answer["limits"], "queue": LENGTH}
            rows = [[name, value, worker.peaks.get(name, value), limits.get(name) or 0] for name, value in used.items()]
            workers.append({"queue": worker.number, "resources": rows})
        whole = [["connections", _connections("count"), self._connections, _connections("max")]]
        return {"workers": workers, "whole": whole}

    def _clear(self, _: Message) -> None:
        """The marks begin again with what is in use now."""
        # Beats that were under way are read before the answer, so none of them raises a mark again.
        self._workers.tell_all({"op": "clear-peaks"})
        for worker in self._workers.running():
            worker.peaks.clear()
        self._connections = 0
        self._look()


def _raise_marks(worker: Worker, peaks: Mapping[str, int]) -> None:
    for name, most in peaks.items():
        worker.peaks[name] = max(worker.peaks.get(name, 0), int(most))


def resident(pid: int) -> int:
    """Octets of memory that a process has; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_OCTETS
    except (OSError, IndexError, ValueError):
        return 0


def _connections(which: str) -> int:
    try:
        return int(read(_CONNECTIONS + which))
    except (OSError, ValueError):
        return 0
