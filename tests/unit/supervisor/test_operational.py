"""The state of the dataplane in the shape of the YANG models: libyang takes it, and the values are in their place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from applianced.alg.registry import REGISTRY
from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import Plan
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.engine.counters import ENGINE_EVENTS
from applianced.errors import ConfigError, DataplaneError
from applianced.supervisor.operational import DataplaneState, PlanMemory, session_id
from tests.support.configs import FTP_OUT
from tests.yang.models import shipped

SECURITY = "applianced-security:security"
ENTRY = {
    "protocol": "tcp",
    "original": {"source": ["10.0.0.1", 1000], "destination": ["192.0.2.1", 21]},
    "reply": {"source": ["192.0.2.1", 21], "destination": ["203.0.113.1", 1024]},
    "policy": 1,
    "state": "established",
    "packets": 12,
    "octets": 2**40,
    "timeout": 100,
    "started": 1700000000.5,
}
SESSION = {
    "id": 7,
    "alg": "ftp",
    "protocol": "tcp",
    "source": ["10.0.0.1", 1000],
    "destination": ["192.0.2.1", 21],
    "created": 1700000000.0,
    "last": 1700000001.0,
    "mark": 0x202,
    "untouched": False,
    "gates": 1,
    "messages": 5,
    "rewrites": 1,
    "worker": 3,
}
GATE = {
    "number": 2**32 - 1,
    "alg": "ftp",
    "session": 7,
    "protocol": 6,
    "peer": "192.0.2.1",
    "inside": ["10.0.0.1", 2000],
    "outside": ["203.0.113.1", 50000],
    "one-shot": True,
    "reason": "PORT 10,0,0,1,7,208",
    "created": 1700000000.0,
    "expires": 1700000030.0,
    "closed": 0.0,
    "worker": 3,
    "packets": 12,
    "used": 1700000001.0,
    "data": [0],
}
BOOKS: dict[str, Any] = {
    "sessions": [{**SESSION, **ENTRY}, {**SESSION, "id": 8, "untouched": True}],
    "gates": [GATE, {**GATE, "number": 1, "closed": 1700000009.0, "used": 0.0, "data": [], "peer": "2001:db8::1"}],
    "data-sessions": [ENTRY, {**ENTRY, "protocol": "", "started": 0.0}],
    "counters": {name: dict.fromkeys([*ENGINE_EVENTS, *REGISTRY[name].events], 2**63) for name in REGISTRY},
    "workers": [
        {"queue": 3, "pid": 4711, "running": True, "restarts": 2, "generation": 5},
        {"queue": 4, "pid": 0, "running": False, "restarts": 3, "generation": 5},
    ],
    "hits": {"hits_1": [3, 180]},
}


class Agent:
    """An agent with these books. found: what it answers to requests that name something."""

    def __init__(self, *, found: bool = True) -> None:
        self.found = found
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((operation, arguments))
        return BOOKS if operation == "state" else {"found": self.found}


def plan() -> Plan:
    return compile_plan(FTP_OUT, queues=2)


def provider(agent: Agent | None) -> DataplaneState:
    memory = PlanMemory()
    memory.plan = plan()
    return DataplaneState(agent, memory)  # type: ignore[arg-type]


def shown(agent: Agent | None) -> dict[str, Any]:
    """`security` of the state, having passed libyang."""
    state = asyncio.run(provider(agent).state())
    with Tree.parse(shipped(), json.dumps(state).encode(), Form.JSON, state=True) as tree:
        assert list(tree.roots())
    found: dict[str, Any] = state[SECURITY]
    return found


def test_everything_passes_the_models() -> None:
    security = shown(Agent())
    alg, flow = security["applianced-alg:alg"], security["flow"]
    status = {each["name"]: each["state"] for each in alg["applianced-state:status"]["alg"]}
    assert status["ftp"] == "enabled"
    assert alg["applianced-state:gates"]["open"] == 1
    events = alg["applianced-state:counters"]["alg"][0]["event"]
    assert all(event["description"] for event in events)
    control, untouched = flow["applianced-state:control-sessions"]["control-session"]
    assert (control["id"], control["state"], control["octets"]) == (session_id(3, 7), "reading", str(2**40))
    assert control["policy"] == "ftp-out"
    assert control["application"] == "junos-ftp"
    assert control["translated"]["source-address"] == "203.0.113.1"
    assert untouched["state"] == "untouched"


def test_gates_and_their_sessions_name_each_other() -> None:
    security = shown(Agent())
    opened, closed = security["applianced-alg:alg"]["applianced-state:gates"]["gate"]
    assert opened["control-session"] == session_id(3, 7)
    assert "closed" not in opened
    assert opened["used"] == "2023-11-14T22:13:21.000Z"
    assert "used" not in closed
    through, other = security["flow"]["applianced-state:data-sessions"]["data-session"]
    assert (through["gate"], through["control-session"]) == (opened["number"], opened["control-session"])
    assert "gate" not in other


def test_workers() -> None:
    running, starting = shown(Agent())["flow"]["applianced-state:workers"]["worker"]
    assert (running["state"], running["sessions"], running["restarts"]) == ("running", 2, "2")
    assert (starting["state"], starting["sessions"]) == ("starting", 0)


def test_without_a_dataplane_only_what_the_plan_says() -> None:
    security = shown(None)
    assert security.keys() == {"applianced-alg:alg"}


def test_before_the_first_commit_nothing() -> None:
    assert asyncio.run(DataplaneState(None, PlanMemory()).state()) == {}


@pytest.mark.parametrize(
    ("name", "arguments", "asked"),
    [
        ("clear-alg-counters", {"alg": "ftp"}, ("clear-counters", {"alg": "ftp"})),
        ("clear-alg-counters", {}, ("clear-counters", {"alg": ""})),
        ("clear-gate", {"number": 7}, ("close-gate", {"gate": 7})),
        ("clear-control-session", {"id": 9}, ("end-session", {"session": 9})),
    ],
)
def test_operations(name: str, arguments: dict[str, Any], asked: tuple[str, dict[str, Any]]) -> None:
    agent = Agent()
    asyncio.run(provider(agent).act(f"applianced-state:{name}", arguments))
    assert agent.asked == [asked]


@pytest.mark.parametrize(("name", "leaf"), [("clear-gate", "number"), ("clear-control-session", "id")])
def test_operations_that_name_nothing(name: str, leaf: str) -> None:
    with pytest.raises(ConfigError, match="9") as caught:
        asyncio.run(provider(Agent(found=False)).act(f"applianced-state:{name}", {leaf: 9}))
    assert caught.value.path == f"/applianced-state:{name}/{leaf}"


def test_operations_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="unknown operation"):
        asyncio.run(provider(Agent()).act("applianced-state:nonsense", {}))
    with pytest.raises(DataplaneError, match="without a dataplane"):
        asyncio.run(provider(None).act("applianced-state:clear-gate", {"number": 1}))
