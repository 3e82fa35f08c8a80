"""What the appliance is doing, in the shape of applianced-state: the agent's books under the plan's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.marks import SLOT_SHIFT
from applianced.compiler.plan import Change, Plan
from applianced.compiler.policies import hit_counter, traffic_counter
from applianced.dataplane.participant import AgentClient
from applianced.engine.counters import ENGINE_EVENTS
from applianced.errors import ConfigError, DataplaneError
from applianced.model.tuples import PROTOCOL_NAMES

_SLOT_BITS = 32 - SLOT_SHIFT
SESSION = "applianced-security:security"


class PlanMemory:
    """A participant that only remembers the plan in force, for whoever shows the state."""

    name = "state"

    def __init__(self) -> None:
        self.plan: Plan | None = None

    async def prepare(self, change: Change) -> PlanMemory._Prepared:
        return PlanMemory._Prepared(self, change.new_plan)

    class _Prepared:
        def __init__(self, memory: PlanMemory, plan: Plan) -> None:
            self._memory, self._plan = memory, plan

        async def apply(self) -> None: ...

        async def verify(self) -> None: ...

        async def revert(self) -> None: ...

        async def abort(self) -> None: ...

        async def finish(self) -> None:
            self._memory.plan = self._plan


class DataplaneState:
    """northbound.state.StateProvider. agent: None without a dataplane."""

    def __init__(self, agent: AgentClient | None, memory: PlanMemory) -> None:
        self._agent = agent
        self._memory = memory

    async def state(self) -> Mapping[str, Any]:
        plan = self._memory.plan
        if plan is None:
            return {}
        books = await self._agent.call("state", recent=True) if self._agent is not None else {}
        alg: dict[str, Any] = {
            "applianced-state:status": {"alg": [_status(each.name, each.state, each.origin) for each in plan.algs]}
        }
        if not books:
            return {SESSION: {"applianced-alg:alg": alg}}
        alg["applianced-state:counters"] = {"alg": _counters(books["counters"])}
        gates = [_gate(gate) for gate in books["gates"]]
        alg["applianced-state:gates"] = {"open": sum("closed" not in gate for gate in gates), "gate": gates}
        names = {policy.number: policy for policy in plan.policies}
        flow = {
            "applianced-state:control-sessions": {
                "control-session": [_control_session(session, names, plan) for session in books["sessions"]]
            },
            "applianced-state:data-sessions": {"data-session": _data_sessions(books)},
            "applianced-state:workers": {"worker": [_worker(worker, books) for worker in books["workers"]]},
        }
        hits = {"applianced-state:hit-count": {"policy": _hits(books["hits"], plan)}}
        return {SESSION: {"applianced-alg:alg": alg, "flow": flow, "policies": hits}}

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The RPCs of applianced-state. Raises ConfigError on an argument that names nothing, DataplaneError."""
        if self._agent is None:
            raise DataplaneError(name, "this appliance runs without a dataplane")
        match name.partition(":")[2]:
            case "clear-alg-counters":
                await self._agent.call("clear-counters", alg=str(arguments.get("alg", "")))
            case "clear-gate":
                answer = await self._agent.call("close-gate", gate=int(arguments["number"]))
                if not answer["found"]:
                    raise ConfigError("/applianced-state:clear-gate/number", f"no open gate {arguments['number']}")
            case "clear-control-session":
                answer = await self._agent.call("end-session", session=int(arguments["id"]))
                if not answer["found"]:
                    raise ConfigError("/applianced-state:clear-control-session/id", f"no session {arguments['id']}")
            case _:
                raise ConfigError("", f"unknown operation {name}", tag="operation-not-supported")
        return {}


def session_id(worker: int, slot: int) -> int:
    """The number under which a control session is shown: its slot, with its worker above."""
    return worker << _SLOT_BITS | slot


def _status(name: str, state: str, origin: str) -> dict[str, str]:
    return {"name": name, "state": state, "origin": origin}


def _counters(values: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "name": alg,
            "event": [
                {"name": event, "value": str(value), "description": _meaning(alg, event)}
                for event, value in events.items()
            ],
        }
        for alg, events in values.items()
    ]


def _meaning(alg: str, event: str) -> str:
    return REGISTRY[alg].events.get(event) or ENGINE_EVENTS.get(event, "")


def _time(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _gate(gate: Mapping[str, Any]) -> dict[str, Any]:
    inside, outside = gate["inside"], gate["outside"]
    shown = {
        "number": gate["number"],
        "alg": gate["alg"],
        "control-session": session_id(gate["worker"], gate["session"]),
        "reason": gate["reason"],
        "protocol": PROTOCOL_NAMES.get(gate["protocol"], str(gate["protocol"])),
        "peer-address": gate["peer"],
        "inside-address": inside[0],
        "inside-port": inside[1],
        "outside-address": outside[0],
        "outside-port": outside[1],
        "one-shot": gate["one-shot"],
        "packets": str(gate["packets"]),
    }
    times = {name: _time(gate[name]) for name in ("created", "expires", "used", "closed") if gate[name]}
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


def _control_session(session: Mapping[str, Any], names: Mapping[int, Any], plan: Plan) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": session_id(session["worker"], session["id"]),
        "alg": session["alg"],
        "state": "untouched" if session["untouched"] else "reading",
        "queue": session["worker"],
        "created": _time(session["created"]),
        "gates": session["gates"],
        "messages": str(session["messages"]),
        "rewrites": str(session["rewrites"]),
    }
    if "original" not in session:
        return {**shown, "protocol": session["protocol"], "original": _ends(session)}
    policy = names.get(session["policy"])
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


def _data_sessions(books: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    gates = {place: gate for gate in reversed(books["gates"]) for place in gate["data"]}
    for number, entry in enumerate(books["data-sessions"], start=1):
        gate = gates.get(number - 1)
        shown = {
            "id": number,
            "protocol": entry["protocol"] or "tcp",
            "original": _ends(entry["original"]),
            "translated": _translated(entry),
            "state": entry["state"],
            "packets": str(entry["packets"]),
            "octets": str(entry["octets"]),
            "created": _time(entry["started"]),
        }
        if gate is not None:
            session = session_id(gate["worker"], gate["session"])
            shown |= {"alg": gate["alg"], "gate": gate["number"], "control-session": session}
        found.append(shown)
    return found


def _worker(worker: Mapping[str, Any], books: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "queue": worker["queue"],
        "pid": worker["pid"],
        "state": "running" if worker["running"] else "starting",
        "restarts": str(worker["restarts"]),
        "sessions": sum(session["worker"] == worker["queue"] for session in books["sessions"]),
        "generation": worker["generation"],
    }


def _hits(counters: Mapping[str, Sequence[int]], plan: Plan) -> list[dict[str, Any]]:
    shown = []
    for policy in plan.policies:
        first = counters.get(hit_counter(policy.number), (0, 0))
        entry = {
            "from-zone-name": policy.from_zone or "global",
            "to-zone-name": policy.to_zone or "global",
            "name": policy.name,
            "sessions": str(first[0]),
        }
        traffic = counters.get(traffic_counter(policy.number))
        if traffic:
            entry |= {"packets": str(traffic[0]), "octets": str(traffic[1])}
        shown.append(entry)
    return shown
