"""The dataplane's part in a commit, seen from management: an asyncio client of the agent.

It fits northbound.transaction.Participant by shape. Requests go one after the other over one connection, which is made
anew when the agent was replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from applianced.compiler.marks import ALG_NUMBERS
from applianced.compiler.plan import Change, Plan
from applianced.compiler.policies import DEFAULT
from applianced.dataplane import rematch
from applianced.dataplane.channel import Decoder, Message, encode, flow_of, plain_flow
from applianced.errors import DataplaneError

CALL_S = 120.0
"""The longest that an agent may take over one request (a ruleset of many thousand rules)."""


class AgentClient:
    """The agent behind a UNIX socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, operation: str, **arguments: Any) -> Message:
        """One request and its answer. Raises DataplaneError when it is refused or nobody answers."""
        async with self._lock:
            try:
                return await asyncio.wait_for(self._exchange({"op": operation, **arguments}), CALL_S)
            except asyncio.CancelledError:
                # The answer is still under way, and must not be taken for that to the next request.
                self._drop()
                raise
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self._drop()
                raise DataplaneError(
                    f"dataplane agent ({operation})", str(error) or "no answer; look at the log of 'applianced serve'"
                ) from error

    async def _exchange(self, request: Message) -> Message:
        if self._streams is not None and self._streams[0].at_eof():
            # The agent was replaced meanwhile; the next one listens on the same socket.
            self._drop()
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(str(self._path))
        reader, writer = self._streams
        writer.write(encode(request))
        await writer.drain()
        decoder = Decoder()
        while True:
            octets = await reader.read(1 << 18)
            if not octets:
                self._drop()
                raise DataplaneError("dataplane agent", "has closed the connection")
            for answer in decoder.feed(octets):
                if not answer["ok"]:
                    path = str(answer.get("path", ""))
                    raise DataplaneError(str(answer["what"]), str(answer["detail"]), path=path)
                return answer

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def shutdown(self) -> None:
        """Have the agent remove what it made and end; returns when it is gone."""
        with contextlib.suppress(DataplaneError):
            await self.call("shutdown")
            if self._streams is not None:
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(self._streams[0].read(1), 30)
        self._drop()


class DataplaneParticipant:
    """Takes a commit's plan to the agent."""

    name = "dataplane"

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent

    async def prepare(self, change: Change) -> PreparedPlan:
        """Have the kernel check the plan and the workers take its settings. Raises DataplaneError."""
        answer = await self._agent.call("prepare", plan=change.new_plan.as_dict())
        return PreparedPlan(self._agent, int(answer["generation"]), change)


class PreparedPlan:
    """A plan that the agent holds ready."""

    def __init__(self, agent: AgentClient, generation: int, change: Change) -> None:
        self._agent = agent
        self._generation = generation
        self._change = change

    async def apply(self) -> None:
        await self._agent.call("apply", generation=self._generation)

    async def verify(self) -> None:
        await self._agent.call("verify")

    async def revert(self) -> None:
        await self._agent.call("revert")

    async def abort(self) -> None:
        await self._agent.call("abort", generation=self._generation)

    async def finish(self) -> None:
        """Let go of the old plan, and end the sessions that rested on what is gone."""
        await self._agent.call("finish")
        policies, algs = removed(self._change.old_plan, self._change.new_plan)
        silent = silenced(self._change.old_plan, self._change.new_plan)
        if policies or algs or silent:
            await self._agent.call("end-sessions", policies=policies, algs=algs, silenced=silent)
        await self._rematch()

    async def _rematch(self) -> None:
        """Judge the sessions of changed policies again, where the configuration asks for it."""
        policies = rematch.changed(self._change)
        if not policies:
            return
        answer = await self._agent.call("policy-sessions", policies=policies)
        sessions = [
            rematch.Running(int(number), original=flow_of(original), forwarded=flow_of(forwarded))
            for number, original, forwarded in answer["sessions"]
        ]
        moved: dict[int | None, list[Any]] = {}
        for verdict in await asyncio.to_thread(lambda: list(rematch.judge(self._change, sessions))):
            moved.setdefault(verdict.policy, []).append(plain_flow(verdict.session.original))
        if over := moved.pop(None, None):
            await self._agent.call("end-sessions", originals=over)
        for policy, originals in moved.items():
            await self._agent.call("relabel", policy=policy, originals=originals)


def removed(old: Plan | None, new: Plan) -> tuple[list[int], list[int]]:
    """Numbers of the policies that are gone, and of the ALGs that are no longer enabled."""
    if old is None:
        return [], []
    kept = {(policy.number, policy.from_zone, policy.to_zone, policy.name) for policy in new.policies}
    policies = [
        policy.number
        for policy in old.policies
        if (policy.number, policy.from_zone, policy.to_zone, policy.name) not in kept
    ]
    read = {alg.name for alg in new.algs if alg.read}
    return policies, [ALG_NUMBERS[alg.name] for alg in old.algs if alg.read and alg.name not in read]


def silenced(old: Plan | None, new: Plan) -> list[tuple[int, int, list[str]]]:
    """ALGs that are still on somewhere, but no longer for all that they read: (number of the ALG, number of a policy,
    interfaces). It no longer reads the policy's sessions that entered by one of these; by any, when none is named,
    since a policy between zones says where they entered.
    """
    after = {alg.name: alg for alg in new.algs if alg.read}
    found: list[tuple[int, int, list[str]]] = []
    for before in old.algs if old is not None else ():
        now = after.get(before.name)
        if old is None or now is None:
            continue
        off = {zone for zone in old.zones.values() if before.enabled_in(zone) and not now.enabled_in(zone)}
        interfaces = sorted(interface for interface, zone in old.zones.items() if zone in off)
        everywhere = [policy.number for policy in old.policies if not policy.from_zone] + [DEFAULT]
        between = [policy.number for policy in old.policies if policy.from_zone in off]
        alg = ALG_NUMBERS[before.name]
        found += [(alg, number, []) for number in between]
        found += [(alg, number, interfaces) for number in everywhere if interfaces]
    return found
