"""Inactivity timeouts of applications, for sessions that were offloaded.

A session that falls silent leaves the flow table after a while, and the kernel then gives it what its protocol's
timeout leaves, also where its application's is shorter. Such sessions bear that time in their mark
(`compiler.policies`): whoever has more left than it allows is set right, some seconds late.

The kernel's table may be large: a look through it goes on over many ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from applianced.compiler.marks import CONTROL, DATA, OWN_TIME, OWN_TIME_SHIFT
from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.model.tuples import TCP

BETWEEN_S = 5.0
"""From the end of a look to the next."""
AT_ONCE = 2000
"""Sessions looked at in one tick."""


class OwnTimes:
    """Those of one namespace."""

    def __init__(self, looking: Conntrack, setting: Conntrack) -> None:
        """looking: of a socket that nobody else uses: answers to a look are left unread for long. setting: for all
        else."""
        self._looking = looking
        self._setting = setting
        self._under_way: Iterator[Entry] | None = None
        self._found = 0
        self._next_s = 0.0

    def tick(self, now: float, flow: Mapping[str, int], *, offloading: bool) -> None:
        """Look at some more sessions. now: monotonic seconds. flow: the protocols' timeouts, as a plan has them.
        offloading: there may be more of them; else nobody looks once there are none."""
        if self._under_way is None:
            if now < self._next_s or not (offloading or self._found):
                return
            self._found = 0
            self._under_way = self._looking.marked(OWN_TIME, OWN_TIME | CONTROL | DATA)
        entries = list(islice(self._under_way, AT_ONCE))
        self._found += len(entries)
        for entry in entries:
            self._judge(entry, flow)
        if len(entries) < AT_ONCE:
            self._under_way = None
            self._next_s = now + BETWEEN_S

    def _judge(self, entry: Entry, flow: Mapping[str, int]) -> None:
        left_s = time_left_s(entry, flow)
        if left_s is not None:
            self._setting.keep(entry.translation.original, left_s)


def time_left_s(entry: Entry, flow: Mapping[str, int]) -> int | None:
    """What a session with a timeout of its own has left, in seconds; None where the kernel has it right."""
    own_s = entry.mark >> OWN_TIME_SHIFT
    tcp = entry.translation.original.protocol == TCP
    if entry.offloaded or entry.timeout_s <= own_s or (tcp and entry.state != "established"):
        return None
    silent_s = flow["tcp_session_timeout_s" if tcp else "udp_session_timeout_s"] - entry.timeout_s
    return max(1, own_s - max(0, silent_s))
