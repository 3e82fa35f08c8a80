"""An agent in name: it answers from fixed books, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.compile import compile_plan
from applianced.config.schema import Config
from applianced.engine.counters import ENGINE_EVENTS
from applianced.supervisor.operational import DataplaneState, PlanMemory
from tests.support.configs import FTP_OUT

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
    "offloaded": False,
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
    "octets": 2**33,
    "used": 1700000001.0,
    "data": 1,
}
DATA = {**ENTRY, "id": 2**32 - 1, "gate": GATE}
COUNTED = {name: dict.fromkeys([*ENGINE_EVENTS, *REGISTRY[name].events], 2**62) for name in REGISTRY}
WORKERS = [
    {"queue": 3, "pid": 4711, "running": True, "restarts": 2, "generation": 5, "sessions": 2},
    {"queue": 4, "pid": 0, "running": False, "restarts": 3, "generation": 5, "sessions": 0},
]
RESOURCES = {
    "workers": [
        {"queue": 0, "resources": [["gates", 1, 5, 10], ["memory", 2**40, 2**41, 0]]},
        {"queue": 1, "resources": [["gates", 2, 2, 10], ["memory", 1, 2, 0]]},
    ],
    "whole": [["connections", 7, 8, 9]],
}
LISTS: dict[str, list[dict[str, Any]]] = {
    "gates": [
        GATE,
        {**GATE, "number": 1, "closed": 1700000009.0, "used": 0.0, "data": 0, "peer": "2001:db8::1"},
    ],
    "sessions": [{**SESSION, **ENTRY, "id": 7}, {**SESSION, "id": 8, "untouched": True}],
    "data-sessions": [DATA, {**ENTRY, "id": 4, "protocol": "", "started": 0.0, "gate": None}],
}
ANSWERS: dict[str, dict[str, Any]] = {
    "counters": {"workers": [COUNTED, COUNTED]},
    "workers": {"workers": WORKERS},
    "hits": {"hits": {"hits_1": [3, 180]}},
    "resources": RESOURCES,
    "offload": {"state": "active", "reason": "", "interfaces": ["lan0", "wan0"], "sessions": 3, "by-rules": 2**40},
    "hello": {"workers": 2},
    "end-sessions": {"control-sessions": 2, "gates": 3, "data-sessions": 4, "ended": 6},
    "alg-lists": {"workers": 2, "entries": [], "more": False},
    "diagnose": {"files": {"a": "b"}, "missing": []},
    "restart-worker": {
        "former-pid": 0,
        "pid": 9,
        "graceful": False,
        "control-sessions": 1,
        "gates": 2,
        "lost": 0,
        "milliseconds": 30,
    },
}


class Agent:
    """An agent with these books, whose lists come one entry at a time. found: what it answers to requests that name
    something."""

    def __init__(self, *, found: bool = True) -> None:
        self.found = found
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((operation, arguments))
        if operation not in LISTS:
            return ANSWERS.get(operation, {"found": self.found, "data-sessions": 1})
        entries = LISTS[operation]
        pages = sum(name == operation for name, _ in self.asked)
        return {"entries": entries[pages - 1 : pages], "matched": len(entries), "more": pages < len(entries)}


def provider(agent: Agent | None, config: Config = FTP_OUT) -> DataplaneState:
    memory = PlanMemory()
    memory.plan = compile_plan(config, queues=2)
    return DataplaneState(agent, memory)  # type: ignore[arg-type]
