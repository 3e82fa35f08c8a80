"""`security policies policy-rematch`: sessions under way, judged again by a changed policy.

Pure: who asks the agent for the sessions, and has it end some of them, is participant.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from applianced.compiler.classify import Classified, classify
from applianced.compiler.plan import Change, PolicyName
from applianced.compiler.zones import transit
from applianced.config.schema import Application, Config, Policy
from applianced.model.tuples import FlowTuple

_ICMP = frozenset((1, 58))
_Key = tuple[str, str, str]


class Running(NamedTuple):
    """A session. forwarded: its tuple after destination and before source NAT. original: as conntrack names it."""

    policy: int
    forwarded: FlowTuple
    original: FlowTuple


class Verdict(NamedTuple):
    """What becomes of a session. policy: the number of the one that permits it now, None to end it."""

    session: Running
    policy: int | None


def changed(change: Change) -> list[int]:
    """Numbers of the policies that stay and decide otherwise than before, when sessions are to be judged again."""
    if not change.new.policy_rematch:
        return []
    before = {_key(policy): policy for policy in _every(change.old)}
    names = {(name.from_zone, name.to_zone, name.name): name.number for name in change.new_plan.policies}
    return [
        names[_key(policy)]
        for policy in _every(change.new)
        if (old := before.get(_key(policy))) is not None and _decides(old, change.old) != _decides(policy, change.new)
    ]


def judge(change: Change, sessions: Iterable[Running]) -> Iterator[Verdict]:
    """Judge sessions of changed policies; those that stay as they are, are left out. Raises ConfigError."""
    by_number = {name.number: name for name in change.new_plan.policies}
    numbers = {(name.from_zone, name.to_zone, name.name): name.number for name in change.new_plan.policies}
    known: dict[tuple[int, FlowTuple], int | None] = {}
    for session in sessions:
        key = session.policy, session.forwarded
        if key not in known:
            known[key] = _permitting(change.new, session.forwarded, by_number[session.policy], numbers)
        if known[key] != session.policy:
            yield Verdict(session, known[key])


def _permitting(config: Config, flow: FlowTuple, policy: PolicyName, numbers: Mapping[_Key, int]) -> int | None:
    """The policy that permits a session now. Conntrack does not tell an ICMP type: its next packet does."""
    if flow.protocol in _ICMP:
        return None
    if policy.from_zone:
        return _number(classify(config, flow, policy.from_zone, policy.to_zone), policy, numbers)
    # Nobody knows the zones of a global policy's session any more: it must be permitted between all of them.
    names = [zone.name for zone in transit(config)]
    found = {_number(classify(config, flow, *pair), policy, numbers) for pair in product(names, repeat=2)}
    return policy.number if found and None not in found else None


def _number(found: Classified, policy: PolicyName, numbers: Mapping[_Key, int]) -> int | None:
    if found.action != "permit":
        return None
    of_pair = numbers.get((policy.from_zone, policy.to_zone, found.policy))
    return of_pair if of_pair is not None else numbers.get(("", "", found.policy), 0)


def _every(config: Config) -> tuple[Policy, ...]:
    return (*config.policies, *config.global_policies)


def _key(policy: Policy) -> _Key:
    return policy.from_zone, policy.to_zone, policy.name


def _decides(policy: Policy, config: Config) -> tuple[object, ...]:
    """Everything that makes a policy match and act, with the applications that it names as they are defined."""
    applications: list[tuple[Application, ...]] = [config.applications.members(name) for name in policy.applications]
    return (
        *(policy.sources, policy.destinations, policy.source_excluded, policy.destination_excluded),
        *(policy.action, tuple(applications)),
    )
