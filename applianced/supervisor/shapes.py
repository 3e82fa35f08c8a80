"""One ALG, gate, session, worker as applianced-records describes them, from what the agent and the plan say.

Values are RFC 7951 JSON values. Both the state and the RPCs show these.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.marks import SLOT_SHIFT
from applianced.compiler.plan import AlgInZone, AlgPlan, Plan
from applianced.compiler.policies import hit_counter, traffic_counter
from applianced.engine.counters import ENGINE_EVENTS
from applianced.model.tuples import ESP, PROTOCOL_NAMES
from applianced.northbound.state import timestamp

_SLOT_BITS = 32 - SLOT_SHIFT


def session_id(worker: int, slot: int) -> int:
    """The number under which a control session is shown: its slot, with its worker above."""
    return worker << _SLOT_BITS | slot


def status(alg: AlgPlan) -> dict[str, Any]:
    """An entry of alg-status."""
    zones = {"zone": [{"name": zone.zone, **_decision(zone)} for zone in alg.zones]} if alg.zones else {}
    return {"name": alg.name, **_decision(alg), **zones}


def _decision(said: AlgPlan | AlgInZone) -> dict[str, Any]:
    by = {"decided-by": said.decided_by} if said.decided_by else {}
    services = {"service": list(said.services)} if said.services else {}
    return {"state": said.state, "origin": said.origin, **by, **services}


def counters(
    workers: Sequence[Mapping[str, Mapping[str, int]]], *, only: str = "", non_zero: bool = False, parts: bool = False
) -> list[dict[str, Any]]:
    """Entries of alg-counters: the sums over workers, each of which says ALG -> event -> how often.

    only: one ALG. non_zero: leave out what never happened. parts: show each worker's, too.
    """
    names = [name for name in (workers[0] if workers else {}) if only in ("", name)]
    return [
        {
            "name": alg,
            "event": [event for event in _events(alg, workers, parts) if not (non_zero and event["value"] == "0")],
        }
        for alg in names
    ]


def _events(alg: str, workers: Sequence[Mapping[str, Mapping[str, int]]], parts: bool) -> Iterator[dict[str, Any]]:
    for event in workers[0][alg]:
        values = [worker[alg][event] for worker in workers]
        shown: dict[str, Any] = {"name": event, "value": str(sum(values)), "description": _meaning(alg, event)}
        if parts:
            shown["worker"] = [{"queue": queue, "value": str(value)} for queue, value in enumerate(values)]
        yield shown


def _meaning(alg: str, event: str) -> str:
    return REGISTRY[alg].events.get(event) or ENGINE_EVENTS.get(event, "")


def gate(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of gate."""
    inside, outside = entry["inside"], entry["outside"]
    shown = {
        "number": entry["number"],
        "alg": entry["alg"],
        "control-session": session_id(entry["worker"], entry["session"]),
        "reason": entry["reason"],
        "protocol": PROTOCOL_NAMES.get(entry["protocol"], str(entry["protocol"])),
        "kind": entry.get("kind", "data"),
        "inside-address": inside[0],
        "inside-port": inside[1],
        "outside-address": outside[0],
        "outside-port": outside[1],
        "one-shot": entry["one-shot"],
        "packets": str(entry["packets"]),
        "octets": str(entry["octets"]),
        "data-sessions": entry["data"],
    }
    if entry["protocol"] == ESP:
        del shown["inside-port"], shown["outside-port"]
        if inside[1]:
            shown["spi"] = inside[1]
    if entry["peer"]:
        shown["peer-address"] = entry["peer"]
    if entry.get("far"):
        shown["far-address"], shown["far-port"] = entry["far"]
    if entry.get("idle"):
        shown["idle-timeout"] = math.ceil(entry["idle"])
    if not entry["closed"]:
        shown["remaining"] = max(0, math.ceil(entry["expires"] - time.time()))
    times = {name: timestamp(entry[name]) for name in ("created", "expires", "used", "closed") if entry[name]}
    return {**shown, **times}


def _ends(ends: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    (source, source_port), (destination, destination_port) = ends["source"], ends["destination"]
    return {
        "source-address": source,
        "source-port": source_port,
        "destination-address": destination,
        "destination-port": destination_port,
    }


def _translated(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The original direction as it leaves: the reply tuple turned round."""
    reply = entry["reply"]
    return _ends({"source": reply["destination"], "destination": reply["source"]})


def control_session(session: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """An entry of control-session."""
    shown: dict[str, Any] = {
        "id": session_id(session["worker"], session["id"]),
        "alg": session["alg"],
        "state": "untouched" if session["untouched"] else "reading",
        "queue": session["worker"],
        "created": timestamp(session["created"]),
        "gates": session["gates"],
        "messages": str(session["messages"]),
        "rewrites": str(session["rewrites"]),
    }
    if "original" not in session:
        return {**shown, "protocol": session["protocol"], "original": _ends(session)}
    policy = next((each for each in plan.policies if each.number == session["policy"]), None)
    if policy is not None:
        shown |= {"policy": policy.name, "from-zone": policy.from_zone, "to-zone": policy.to_zone}
    port = session["original"]["destination"][1]
    application = next(
        (
            name
            for protocol, low, high, name in plan.applications
            if PROTOCOL_NAMES.get(protocol) == session["protocol"] and low <= port <= high
        ),
        "",
    )
    if application:
        shown["application"] = application
    return {
        **shown,
        "protocol": session["protocol"],
        "original": _ends(session["original"]),
        "translated": _translated(session),
        "octets": str(session["octets"]),
    }


def data_session(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of data-session."""
    shown = {
        "id": entry["id"],
        "protocol": entry["protocol"] or "tcp",
        "original": _ends(entry["original"]),
        "translated": _translated(entry),
        "state": entry["state"],
        "packets": str(entry["packets"]),
        "octets": str(entry["octets"]),
        "offloaded": entry["offloaded"],
        "created": timestamp(entry["started"]),
    }
    through = entry["gate"]
    if through is not None:
        session = session_id(through["worker"], through["session"])
        shown |= {"alg": through["alg"], "gate": through["number"], "control-session": session}
    return shown


def worker(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of worker."""
    return {
        "queue": entry["queue"],
        "pid": entry["pid"],
        "state": "running" if entry["running"] else "starting",
        "restarts": str(entry["restarts"]),
        "sessions": entry["sessions"],
        "generation": entry["generation"],
    }


def resources(answer: Mapping[str, Any], queue: int | None = None) -> dict[str, Any]:
    """The grouping resources. queue: only this one's."""
    workers = [
        {"queue": each["queue"], "resource": [_resource(*row) for row in each["resources"]]}
        for each in answer["workers"]
        if queue in (None, each["queue"])
    ]
    if queue is not None:
        return {"worker": workers}
    sums: dict[str, list[int]] = {}
    for each in answer["workers"]:
        for name, *numbers in each["resources"]:
            sums[name] = [one + other for one, other in zip(sums.get(name, (0, 0, 0)), numbers, strict=True)]
    whole = [_resource(name, *numbers) for name, numbers in sums.items()]
    return {"resource": whole + [_resource(*row) for row in answer["whole"]], "worker": workers}


def offload(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The container services-offload."""
    shown = {name: answer[name] for name in ("state", "reason", "interfaces", "sessions") if answer[name] != ""}
    shown["interface"] = shown.pop("interfaces")
    shown["packets-by-rules"] = str(answer["by-rules"])
    return shown


def _resource(name: str, used: int, peak: int, limit: int) -> dict[str, str]:
    shown = {"name": name, "used": str(used), "high-water": str(peak)}
    return {**shown, "limit": str(limit)} if limit else shown


def hits(counted: Mapping[str, Sequence[int]], plan: Plan) -> list[dict[str, Any]]:
    """Entries of hit-count, from the policy table's counters."""
    shown = []
    for policy in plan.policies:
        first = counted.get(hit_counter(policy.number), (0, 0))
        entry = {
            "from-zone-name": policy.from_zone or "global",
            "to-zone-name": policy.to_zone or "global",
            "name": policy.name,
            "sessions": str(first[0]),
        }
        traffic = counted.get(traffic_counter(policy.number))
        if traffic:
            entry |= {"packets": str(traffic[0]), "octets": str(traffic[1])}
        shown.append(entry)
    return shown
