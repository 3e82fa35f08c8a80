"""Numbers to names for the logs: policies, applications, zones, as the plan in force has them."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from applianced.compiler.intervals import first_match
from applianced.compiler.policies import DEFAULT
from applianced.dataplane.channel import Message

UNKNOWN = "N/A"
"""For what nobody knows (any more)."""


class Logged(NamedTuple):
    """A policy as the logs see it. Zones are "" for a global one."""

    name: str
    from_zone: str = ""
    to_zone: str = ""
    log_init: bool = False
    log_close: bool = False


_DEFAULT_POLICY = Logged("default-policy")


class Naming:
    """The names of one plan."""

    def __init__(self, plan: Message) -> None:
        """plan: a compiler.plan.Plan as it crosses the socket."""
        self._policies = {
            policy["number"]: Logged(
                policy["name"], policy["from_zone"], policy["to_zone"], policy["log_init"], policy["log_close"]
            )
            for policy in plan.get("policies", ())
        }
        self._zones: dict[str, str] = dict(plan.get("zones", {}))
        self._applications = _segments(plan.get("applications", ()))
        self.logs = any(policy.log_init or policy.log_close for policy in self._policies.values())
        """Whether any policy wants its sessions logged."""

    def policy(self, number: int) -> Logged:
        """The policy that has this number in ct label; one of UNKNOWN name when none has."""
        return self._policies.get(number) or (_DEFAULT_POLICY if number == DEFAULT else Logged(UNKNOWN))

    def application(self, protocol: int, port: int) -> str:
        """The first application of the policies that has this destination port, "" when none has."""
        lows, segments = self._applications.get(protocol, ((), ()))
        place = bisect_right(lows, port) - 1
        return segments[place][2] if place >= 0 and port <= segments[place][1] else ""

    def zone(self, interface: int) -> str:
        """The zone of an interface by its index, UNKNOWN when it is in none."""
        try:
            return self._zones.get(socket.if_indextoname(interface), UNKNOWN)
        except OSError:
            return UNKNOWN


Segments = dict[int, tuple[Sequence[int], Sequence[tuple[int, int, str]]]]
"""Protocol -> lowest ports, and (low, high, application) without overlap."""


def _segments(applications: Iterable[Sequence[object]]) -> Segments:
    by_protocol: dict[int, list[tuple[int, int, str]]] = {}
    for protocol, low, high, name in applications:
        by_protocol.setdefault(int(str(protocol)), []).append((int(str(low)), int(str(high)), str(name)))
    found: Segments = {}
    for protocol, entries in by_protocol.items():
        segments = first_match([entry for entry in entries if entry[2]])
        found[protocol] = [low for low, _, _ in segments], segments
    return found
