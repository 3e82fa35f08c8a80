"""What the appliance is doing, in the shape of applianced-state: the agent's books under the plan's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.alg.registry import REGISTRY
from applianced.compiler.plan import Change, Plan
from applianced.dataplane.participant import AgentClient
from applianced.errors import DataplaneError
from applianced.northbound.state import Wanted, everything
from applianced.supervisor import shapes
from applianced.supervisor.alg_lists import alg_lists, module_path
from applianced.supervisor.lists import Lists
from applianced.supervisor.operations import DataplaneOperations

SESSION = "applianced-security:security"
_ALG = f"{SESSION}/applianced-alg:alg/applianced-state:"
_FLOW = f"{SESSION}/flow/applianced-state:"
_POLICIES = f"{SESSION}/policies/applianced-state:"


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

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        """What `wanted` may show; the agent is asked for nothing else."""
        plan = self._memory.plan
        if plan is None:
            return {}
        alg: dict[str, Any] = {}
        if wanted(f"{_ALG}status"):
            alg["applianced-state:status"] = {"alg": [shapes.status(each) for each in plan.algs]}
        if self._agent is None:
            return _security({"applianced-alg:alg": alg})
        alg |= await self._of_algs(self._agent, wanted)
        flow = await self._of_flow(self._agent, plan, wanted)
        policies = {}
        if wanted(f"{_POLICIES}hit-count"):
            counted = (await self._agent.call("hits"))["hits"]
            policies = {"applianced-state:hit-count": {"policy": shapes.hits(counted, plan)}}
        return _security({"applianced-alg:alg": alg, "flow": flow, "policies": policies})

    async def _of_algs(self, agent: AgentClient, wanted: Wanted) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if wanted(f"{_ALG}counters"):
            values = (await agent.call("counters"))["workers"]
            found["applianced-state:counters"] = {"alg": shapes.counters(values)}
        if wanted(f"{_ALG}gates"):
            gates = [shapes.gate(gate) async for gate in Lists(agent).gates(state="all")]
            found["applianced-state:gates"] = {"open": sum("closed" not in gate for gate in gates), "gate": gates}
        for name in (name for name, descriptor in REGISTRY.items() if descriptor.shared is not None):
            if wanted(f"{SESSION}/applianced-alg:alg/{module_path(name)}") and (lists := await alg_lists(agent, name)):
                found[module_path(name)] = lists
        return found

    async def _of_flow(self, agent: AgentClient, plan: Plan, wanted: Wanted) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if wanted(f"{_FLOW}control-sessions"):
            sessions = [shapes.control_session(session, plan) async for session in Lists(agent).sessions()]
            found["applianced-state:control-sessions"] = {"control-session": sessions}
        if wanted(f"{_FLOW}data-sessions"):
            data = [shapes.data_session(session) async for session in Lists(agent).data_sessions()]
            found["applianced-state:data-sessions"] = {"data-session": data}
        if wanted(f"{_FLOW}workers"):
            workers = (await agent.call("workers"))["workers"]
            found["applianced-state:workers"] = {"worker": [shapes.worker(worker) for worker in workers]}
        if wanted(f"{_FLOW}resources"):
            found["applianced-state:resources"] = shapes.resources(await agent.call("resources"))
        if wanted(f"{_FLOW}services-offload"):
            found["applianced-state:services-offload"] = shapes.offload(await agent.call("offload"))
        return found

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The RPCs of applianced-operations about the dataplane, and "applianced-operations:diagnose", which is no RPC:
        "files" by name and what is "missing", for a support bundle.

        Raises ConfigError on an argument that names nothing, DataplaneError.
        """
        plan = self._memory.plan
        if plan is None:
            raise DataplaneError(name, "no configuration is in force yet: try again when the appliance is ready")
        return await DataplaneOperations(self._agent, plan).perform(name, arguments)


def _security(parts: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    shown = {name: part for name, part in parts.items() if part}
    return {SESSION: shown} if shown else {}
