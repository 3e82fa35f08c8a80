"""Policies to chains.

pair/FROM/TO     a rule per policy of the zone pair, in order, then goto global
global           a rule per global policy, then goto default
match/N          where a policy's addresses take more than one rule: its applications
global/ZONE...   global, match/N and default once more, where ALGs are in force otherwise for what enters by ZONE
policy/N...      what policy N does: its number into the label, counters, log, ALG or verdict
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from applianced.compiler import addresses, binding, services
from applianced.compiler.applications import NO_ALGS, InForce, Line, Outcome, lines, named_terms
from applianced.compiler.marks import LOG_GROUP, OFFLOAD_LABEL, OWN_TIME, OWN_TIME_SHIFT, POLICY_LABEL_BITS
from applianced.compiler.plan import PolicyName
from applianced.compiler.ruleset import Chain, Do, Match, Rule, Timeout, identifier
from applianced.config.schema import Applications, Flow, Policy
from applianced.errors import ConfigError

MOST = (1 << POLICY_LABEL_BITS) - 1
DEFAULT = 0
"""The number under which the default policy is counted."""

GLOBAL_CHAIN = "global"
DEFAULT_CHAIN = "default"


class Numbered(NamedTuple):
    number: int
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """Chains of policies, and what they need beside them."""

    rules: list[Rule] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    outcomes: set[Outcome] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)


def numbered(policies: Sequence[Policy], kept: Sequence[PolicyName] = ()) -> tuple[Numbered, ...]:
    """Policies with their numbers, in their order.

    kept: numbers of an earlier plan; a policy of the same name and zones keeps its own, so that sessions in
    progress and log lines go on naming the right one. The others take the lowest free ones.
    Raises ConfigError when there are more policies than numbers.
    """
    if len(policies) > MOST:
        raise ConfigError("/applianced-security:security/policies", f"more than {MOST} policies")
    before = {(name.from_zone, name.to_zone, name.name): name.number for name in kept}
    mine = {_key(policy): before[_key(policy)] for policy in policies if _key(policy) in before}
    taken = set(mine.values())
    free = (number for number in range(1, MOST + 1) if number not in taken)
    return tuple(Numbered(mine[_key(policy)] if _key(policy) in mine else next(free), policy) for policy in policies)


def _key(policy: Policy) -> tuple[str, str, str]:
    return policy.from_zone, policy.to_zone, policy.name


def chain_of(
    rest: str, policies: Sequence[Numbered], applications: Applications, algs: InForce, flow: Flow, *, zone: str = ""
) -> Compiled:
    """These policies, tried in order, then `goto` the chain named `rest`.

    zone: where the same policies are compiled once more, for the ALGs of a zone, it names what differs.
    """
    compiled = Compiled()
    for entry in policies:
        _add(compiled, entry, applications, algs, flow, zone)
    compiled.rules.append((Do(f"goto {rest}"),))
    return compiled


def default_chain(permit: bool, algs: InForce) -> Compiled:
    """What becomes of a session that no policy matches. Permitted ones have their well-known ALGs."""
    policy = Policy(name="default-policy", from_zone="", to_zone="", action="permit" if permit else "deny")
    compiled = Compiled()
    _add(compiled, Numbered(DEFAULT, policy), Applications(), algs, Flow(), "")
    return compiled


def hit_counter(number: int) -> str:
    """Counts the sessions that a policy decided (first packets)."""
    return f"hits_{number}"


def traffic_counter(number: int) -> str:
    """Counts the packets and octets of a policy that has `count`."""
    return f"policy_{number}"


def _add(compiled: Compiled, entry: Numbered, applications: Applications, algs: InForce, flow: Flow, zone: str) -> None:
    number, policy = entry
    variants = addresses.variants(
        policy.sources,
        policy.destinations,
        source_excluded=policy.source_excluded,
        destination_excluded=policy.destination_excluded,
    )
    permit = policy.action == "permit"
    found = list(lines(named_terms(policy.applications, applications), algs if permit else NO_ALGS))
    if not permit:
        found = [line._replace(outcome=Outcome()) for line in found]
    if not variants or not found:
        return
    used: set[Outcome] = set()
    service_rules = tuple(services.rules(found, _verdict_of(number, used)))
    if len(variants) == 1:
        compiled.rules.extend((*variants[0], *rule) for rule in service_rules)
    else:
        name = identifier("match", str(number), *([zone] if zone else []))
        compiled.chains.append(Chain(name=name, rules=service_rules))
        compiled.rules.extend((*variant, Do(f"jump {name}")) for variant in variants)
    compiled.chains.extend(_outcome_chain(entry, outcome, flow) for outcome in sorted(used))
    compiled.outcomes.update(used)
    compiled.lines.extend(found)


def _verdict_of(number: int, used: set[Outcome]) -> Callable[[Outcome], str]:
    def verdict(outcome: Outcome) -> str:
        used.add(outcome)
        return f"goto {_chain_name(number, outcome)}"

    return verdict


def _chain_name(number: int, outcome: Outcome) -> str:
    parts = [outcome.alg, timeout_name(outcome) if outcome.timeout_s else ""]
    return identifier("policy", str(number), *(part for part in parts if part))


def timeout_name(outcome: Outcome) -> str:
    """The timeout object of an outcome that has one."""
    return f"{outcome.timeout_of}_{outcome.timeout_s}"


def timeouts(outcomes: Iterable[Outcome]) -> tuple[Timeout, ...]:
    """The timeout objects that these outcomes name, sorted."""
    return tuple(sorted({Timeout(timeout_name(o), o.timeout_of, o.timeout_s) for o in outcomes if o.timeout_s}))


def _outcome_chain(entry: Numbered, outcome: Outcome, flow: Flow) -> Chain:
    number, policy = entry
    noted = tuple(_notes(number, policy))
    if policy.action == "permit":
        timeout = (Do(f'ct timeout set "{timeout_name(outcome)}"'),) if outcome.timeout_s else ()
        verdict = Do(f"goto {binding.chain_name(outcome.alg)}") if outcome.alg else Do("accept")
        rules: tuple[Rule, ...] = ((*noted, *timeout, *_offload(policy, outcome, flow), verdict),)
    elif policy.action == "reject":
        rules = (noted, *REJECT)
    else:
        rules = ((*noted, Do("drop")),)
    return Chain(name=_chain_name(number, outcome), rules=rules)


def _offload(policy: Policy, outcome: Outcome, flow: Flow) -> Iterator[Do]:
    """The label of a session that may be offloaded; a control session has it for its data sessions.

    A session that has fallen silent leaves the flow table with the time of its protocol, whatever object it has. A
    shorter one is noted, for the agent to set right. A longer one would end too early: such a session stays out.
    """
    time_s = outcome.timeout_s
    longest = flow.tcp_session_timeout_s if outcome.timeout_of == "tcp" else flow.udp_session_timeout_s
    if not policy.offload or (time_s > longest and not outcome.alg):
        return
    yield Do(f"ct label set {OFFLOAD_LABEL}")
    if time_s and not outcome.alg:
        yield Do(f"ct mark set {OWN_TIME | time_s << OWN_TIME_SHIFT:#x}")


REJECT: tuple[Rule, ...] = (
    (Match("meta l4proto", ("tcp",)), Do("reject with tcp reset")),
    (Do("reject with icmpx admin-prohibited"),),
)


def _notes(number: int, policy: Policy) -> Iterator[Do]:
    """What is written down about the first packet of a session."""
    permit = policy.action == "permit"
    logged = policy.log_init or (policy.log_close and permit)
    if permit:
        if logged:
            # First, or conntrack's event of the new session would not have its label.
            yield Do("ct event set new,label,protoinfo,destroy")
        yield from (Do(f"ct label set {bit}") for bit in label_bits(number))
    yield Do(f'counter name "{hit_counter(number)}"')
    if policy.count:
        yield Do(f'counter name "{traffic_counter(number)}"')
    if logged and not (permit and policy.from_zone):
        # What is denied has no session, and a session of a global policy does not know its zones.
        yield Do(f'log prefix "policy {number} {policy.action} " group {LOG_GROUP}')


def label_bits(number: int) -> tuple[int, ...]:
    """The bits of ct label that carry a policy's number."""
    return tuple(bit for bit in range(POLICY_LABEL_BITS) if number >> bit & 1)
