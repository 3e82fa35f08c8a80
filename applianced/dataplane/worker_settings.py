"""What a worker is told of a plan."""

from __future__ import annotations

import contextlib
import socket

from applianced.dataplane.channel import Message
from applianced.dataplane.eventlog import wants


def settings_of(plan: Message, own_addresses: list[str]) -> Message:
    """What a worker is told of a plan. own_addresses: of the appliance itself, as text."""
    return {
        "generation": plan["generation"],
        "algs": {alg["name"]: alg["settings"] for alg in plan["algs"] if _read(alg)},
        "trace": traced(plan),
        "flow": plan["flow"],
        "ranges": plan["alg_port_ranges"],
        "own_addresses": own_addresses,
        "events": wants(plan["log"], "alg"),
        "notified": sorted(plan.get("notified", ())),
        "zones": _zones(plan),
    }


def _zones(plan: Message) -> dict[str, str]:
    """Index of an interface, as text -> the zone that it is in; of those that are there."""
    found = {}
    for interface, zone in plan["zones"].items():
        with contextlib.suppress(OSError):
            found[str(socket.if_nametoindex(interface))] = zone
    return found


def traced(plan: Message) -> dict[str, str]:
    """The ALGs that are traced -> level; without a file nobody reads what they would say."""
    if not plan["trace"]["file"]:
        return {}
    return {alg["name"]: alg["trace"] for alg in plan["algs"] if alg["trace"] and _read(alg)}


def _read(alg: Message) -> bool:
    """Whether an ALG is on anywhere. alg: a compiler.plan.AlgPlan as it crosses the socket."""
    return "enabled" in (alg["state"], *(zone["state"] for zone in alg.get("zones", ())))
