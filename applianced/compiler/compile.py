"""Config to Plan: one pure function. The same configuration gives the same plan, octet for octet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from applianced.alg.contract import Descriptor
from applianced.alg.registry import REGISTRY
from applianced.compiler import (
    binding,
    control,
    destination,
    host,
    offload,
    policies,
    pools,
    services,
    settings,
    source,
    static,
    zones,
)
from applianced.compiler.applications import PORT_PROTOCOLS, named_terms
from applianced.compiler.deciding import views
from applianced.compiler.marks import CONTROL_PORTS, GATES_TABLE, POLICY_TABLE
from applianced.compiler.plan import Plan, PolicyName
from applianced.compiler.policies import Compiled, Numbered
from applianced.compiler.render import render
from applianced.compiler.ruleset import Chain, Elements, Hook, Ruleset, Table
from applianced.config.schema import Config

PRENAT = Hook(kind="nat", name="prerouting", priority=-100, policy="accept")
POSTNAT = Hook(kind="nat", name="postrouting", priority=100, policy="accept")


def compile_plan(
    config: Config,
    *,
    queues: int = 2,
    registry: Mapping[str, Descriptor] = REGISTRY,
    kept: Sequence[PolicyName] = (),
) -> Plan:
    """The plan that puts `config` in force.

    queues: workers that share the control sessions, 1 to 16. registry: the ALGs that are built.
    kept: the policies of the plan in force: a policy that stays keeps its number, which live sessions carry.
    Raises ConfigError for a configuration that cannot be expressed.
    """
    entries = policies.numbered((*config.policies, *config.global_policies), kept)
    ruleset, ports = _ruleset(config, queues, registry, entries)
    return Plan(
        ruleset=render(ruleset),
        chains={chain.name: len(chain.rules) for chain in ruleset.table.chains},
        queues=queues,
        control_ports=ports,
        policies=tuple(sorted(map(_policy_name, entries), key=lambda name: name.number)),
        applications=tuple(dict.fromkeys(_applications(config))),
        zones={interface: zone.name for zone in config.zones.values() for interface in zone.interfaces},
        algs=settings.plans(config, registry),
        alg_port_ranges=pools.alg_port_ranges(config.nat),
        flow=plain(asdict(config.flow)),
        log={**plain(asdict(config.log)), "host_name": config.system.host_name},
        trace=plain(asdict(config.trace)),
        notified=config.system.netconf.notifications.dataplane(),
        interfaces=tuple(plain(asdict(link)) for link in config.interfaces),
        offload=offload.plan(config, entries, ruleset.table.timeouts),
    )


def compile_ruleset(config: Config, *, queues: int = 2, registry: Mapping[str, Descriptor] = REGISTRY) -> Ruleset:
    """The ruleset of the plan, as values. Raises ConfigError."""
    entries = policies.numbered((*config.policies, *config.global_policies))
    return _ruleset(config, queues, registry, entries)[0]


def _ruleset(
    config: Config, queues: int, registry: Mapping[str, Descriptor], entries: Sequence[Numbered]
) -> tuple[Ruleset, tuple[control.Ports, ...]]:
    forward = zones.compiled(config, entries, views(config, registry))
    table = Table(
        name=POLICY_TABLE,
        counters=tuple(_counters(entries)),
        timeouts=policies.timeouts(forward.outcomes),
        chains=tuple(_chains(config, forward, queues, registry)),
    )
    ports = control.ports(config, forward.lines)
    elements = tuple(services.port_element(*each) for each in ports)
    return Ruleset(table=table, elements=(Elements(GATES_TABLE, CONTROL_PORTS, elements),)), ports


def _chains(config: Config, forward: Compiled, queues: int, registry: Mapping[str, Descriptor]) -> Iterator[Chain]:
    """Every chain, by concern; nft resolves names within one file in any order."""
    yield from forward.chains
    bound = {outcome.alg for outcome in forward.outcomes if outcome.alg}
    by_peer = {name for name, descriptor in registry.items() if descriptor.by_peer}
    yield from binding.chains(bound, queues, config.flow.alg_fail_mode == "open", by_peer)
    yield from host.chains(config)
    yield Chain(name="prenat", rules=(*static.inbound(config), *destination.rules(config)), hook=PRENAT)
    yield Chain(name="postnat", rules=(*static.outbound(config), *source.rules(config)), hook=POSTNAT)
    yield from source.chains(config)


def _counters(entries: Sequence[Numbered]) -> Iterator[str]:
    yield policies.hit_counter(policies.DEFAULT)
    for number, policy in sorted(entries, key=lambda entry: entry.number):
        yield policies.hit_counter(number)
        if policy.count:
            yield policies.traffic_counter(number)


def _policy_name(entry: Numbered) -> PolicyName:
    number, policy = entry
    return PolicyName(
        number=number,
        name=policy.name,
        from_zone=policy.from_zone,
        to_zone=policy.to_zone,
        log_init=policy.log_init,
        log_close=policy.log_close,
    )


def _applications(config: Config) -> Iterator[tuple[int, int, int, str]]:
    """What names the application of a session: those of policies that permit or log, in order."""
    for policy in (*config.policies, *config.global_policies):
        if policy.action == "permit" or policy.log_init:
            for application, term in named_terms(policy.applications, config.applications):
                if term.protocol in PORT_PROTOCOLS and term.destination_ports:
                    yield term.protocol, *term.destination_ports, application


def plain(value: Any) -> Any:
    """A value as JSON has it: addresses as text, tuples as lists."""
    match value:
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
