"""The RPCs of applianced-operations that the dataplane carries out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.marks import ALG_NUMBERS
from applianced.compiler.plan import Plan
from applianced.dataplane.participant import AgentClient
from applianced.errors import ConfigError, DataplaneError
from applianced.supervisor import shapes
from applianced.supervisor.lists import Lists, Page

Given = Mapping[str, Any]
Act = Callable[[Given], Awaitable[Mapping[str, Any]]]
"""Validated input in, output out, both as RFC 7951 JSON values. Raises ConfigError, DataplaneError."""

MODULE = "applianced-operations"
NAMED_MAX = 20
"""Names that an error lists."""


class DataplaneOperations:
    """agent: None without a dataplane. plan: the one in force."""

    def __init__(self, agent: AgentClient | None, plan: Plan) -> None:
        self._client = agent
        self._plan = plan

    @property
    def offered(self) -> Mapping[str, Act]:
        """By name of the RPC, without its module."""
        return {
            "get-alg-status": self._get_alg_status,
            "get-alg-counters": self._get_alg_counters,
            "clear-alg-counters": self._clear_alg_counters,
            "get-gates": self._get_gates,
            "clear-gate": self._clear_gate,
            "get-control-sessions": self._get_control_sessions,
            "clear-control-session": self._clear_control_session,
            "get-data-sessions": self._get_data_sessions,
            "clear-data-session": self._clear_data_session,
            "clear-alg-sessions": self._clear_alg_sessions,
            "get-resources": self._get_resources,
            "clear-resources": self._clear_resources,
            "get-workers": self._get_workers,
            "restart-worker": self._restart_worker,
            "diagnose": self._diagnose,
        }

    async def perform(self, name: str, given: Given) -> Mapping[str, Any]:
        """Carry out "module:rpc". Raises ConfigError, DataplaneError."""
        module, _, rpc = name.partition(":")
        act = self.offered.get(rpc) if module == MODULE else None
        if act is None:
            raise ConfigError("", f"unknown operation {name}", tag="operation-not-supported")
        return await act(given)

    @property
    def _agent(self) -> AgentClient:
        if self._client is None:
            message = "this appliance runs without a dataplane (--dataplane none): only get-alg-status has an answer"
            raise DataplaneError("operation", message)
        return self._client

    # ----- ALGs

    async def _get_alg_status(self, given: Given) -> Mapping[str, Any]:
        alg = _named("get-alg-status", "alg", given, (each.name for each in self._plan.algs), "ALG")
        return {"alg": [shapes.status(each) for each in self._plan.algs if alg in ("", each.name)]}

    async def _get_alg_counters(self, given: Given) -> Mapping[str, Any]:
        agent = self._agent
        alg = _named("get-alg-counters", "alg", given, REGISTRY, "ALG with counters")
        values = (await agent.call("counters"))["workers"]
        non_zero, parts = "non-zero" in given, "per-worker" in given
        return {"alg": shapes.counters(values, only=alg, non_zero=non_zero, parts=parts)}

    async def _clear_alg_counters(self, given: Given) -> Mapping[str, Any]:
        agent = self._agent
        alg = _named("clear-alg-counters", "alg", given, REGISTRY, "ALG with counters")
        await agent.call("clear-counters", alg=alg)
        return {}

    async def _clear_alg_sessions(self, given: Given) -> Mapping[str, Any]:
        agent = self._agent
        alg = _named("clear-alg-sessions", "alg", given, ALG_NUMBERS, "ALG")
        answer = await agent.call("end-sessions", algs=[ALG_NUMBERS[alg]])
        return {name: answer[name] for name in ("control-sessions", "gates", "data-sessions")}

    # ----- gates and sessions

    async def _get_gates(self, given: Given) -> Mapping[str, Any]:
        page = await self._page("get-gates", "gates", given)
        return {**_shown(page), "gate": [shapes.gate(gate) for gate in page.entries]}

    async def _get_control_sessions(self, given: Given) -> Mapping[str, Any]:
        page = await self._page("get-control-sessions", "sessions", given)
        sessions = [shapes.control_session(session, self._plan) for session in page.entries]
        return {**_shown(page), "control-session": sessions}

    async def _get_data_sessions(self, given: Given) -> Mapping[str, Any]:
        page = await self._page("get-data-sessions", "data-sessions", given)
        return {**_shown(page), "data-session": [shapes.data_session(session) for session in page.entries]}

    async def _page(self, rpc: str, operation: str, given: Given) -> Page:
        agent = self._agent
        filters: dict[str, Any] = {
            "alg": _named(rpc, "alg", given, ALG_NUMBERS, "ALG"),
            "policies": self._policies_of(rpc, given),
            "count": int(given["count"]),
        }
        for leaf, name in (
            ("address", "address"),
            ("control-session", "session"),
            ("gate", "gate"),
            ("after", "after"),
        ):
            if leaf in given:
                filters[name] = given[leaf]
        if "state" in given:
            filters["state"] = given["state"]
        return await Lists(agent).page(operation, **filters)

    def _policies_of(self, rpc: str, given: Given) -> list[int] | None:
        """Numbers of the policies from a zone or to it; None when no zone is given."""
        policies = self._plan.policies
        zones = {*self._plan.zones.values(), *(zone for each in policies for zone in (each.from_zone, each.to_zone))}
        zone = _named(rpc, "zone", given, zones - {""}, "zone")
        if not zone:
            return None
        return [each.number for each in policies if zone in (each.from_zone, each.to_zone)]

    async def _clear_gate(self, given: Given) -> Mapping[str, Any]:
        number = int(given["number"])
        answer = await self._agent.call("close-gate", gate=number)
        if not answer["found"]:
            raise _absent("clear-gate", "number", f"there is no open gate {number}: get-gates lists those there are")
        return {"data-sessions": answer["data-sessions"]}

    async def _clear_control_session(self, given: Given) -> Mapping[str, Any]:
        number = int(given["id"])
        if not (await self._agent.call("end-session", session=number))["found"]:
            message = f"there is no control session {number}: get-control-sessions lists those there are"
            raise _absent("clear-control-session", "id", message)
        return {}

    async def _clear_data_session(self, given: Given) -> Mapping[str, Any]:
        number = int(given["id"])
        if not (await self._agent.call("end-data-session", session=number))["found"]:
            message = f"there is no data session {number}: get-data-sessions lists those there are"
            raise _absent("clear-data-session", "id", message)
        return {}

    # ----- resources and workers

    async def _get_resources(self, given: Given) -> Mapping[str, Any]:
        agent = self._agent
        queue = await self._queue("get-resources", given) if "queue" in given else None
        return shapes.resources(await agent.call("resources"), queue)

    async def _clear_resources(self, given: Given) -> Mapping[str, Any]:
        await self._agent.call("clear-resources")
        return {}

    async def _get_workers(self, given: Given) -> Mapping[str, Any]:
        return {"worker": [shapes.worker(each) for each in (await self._agent.call("workers"))["workers"]]}

    async def _restart_worker(self, given: Given) -> Mapping[str, Any]:
        agent = self._agent
        if "queue" in given:
            queues = [await self._queue("restart-worker", given)]
        else:
            queues = list(range(await self._workers()))
        # One call each, so that the agent does what else is asked of it in between.
        return {"worker": [_replaced(queue, await agent.call("restart-worker", queue=queue)) for queue in queues]}

    async def _queue(self, rpc: str, given: Given) -> int:
        queue, workers = int(given["queue"]), await self._workers()
        if queue >= workers:
            raise _absent(rpc, "queue", f"there is no queue {queue}: there are 0 to {workers - 1}")
        return queue

    async def _workers(self) -> int:
        return int((await self._agent.call("hello"))["workers"])

    async def _diagnose(self, given: Given) -> Mapping[str, Any]:
        return await self._agent.call("diagnose")


def _replaced(queue: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    former = {"former-pid": answer["former-pid"]} if answer["former-pid"] else {}
    return {
        "queue": queue,
        **former,
        **{name: answer[name] for name in ("pid", "graceful", "control-sessions", "gates", "milliseconds")},
        "control-sessions-lost": answer["lost"],
    }


def _shown(page: Page) -> dict[str, Any]:
    return {"matched": page.matched, **({"next": page.next} if page.next is not None else {})}


def _named(rpc: str, leaf: str, given: Given, among: Iterable[str], what: str) -> str:
    """The name that a leaf gives, "" when it is absent. Raises ConfigError when it names nothing."""
    name = str(given.get(leaf, ""))
    known = sorted(among)
    if name and name not in known:
        listed = ", ".join(known[:NAMED_MAX]) + (", ..." if len(known) > NAMED_MAX else "")
        raise _absent(rpc, leaf, f'there is no {what} "{name}": there is {listed or "none"}')
    return name


def _absent(rpc: str, leaf: str, message: str) -> ConfigError:
    return ConfigError(f"/{MODULE}:{rpc}/{leaf}", message, bad_element=leaf)
