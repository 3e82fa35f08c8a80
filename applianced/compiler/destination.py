"""Destination NAT: rules of prenat."""

from __future__ import annotations

from collections.abc import Iterator

from applianced.compiler import pools
from applianced.compiler.addresses import FAMILIES
from applianced.compiler.nat_match import conditions, interfaces, ordered
from applianced.compiler.ruleset import Do, Match, Rule
from applianced.config.schema import Config, NatRule


def rules(config: Config) -> Iterator[Rule]:
    """The rules of prenat. Raises ConfigError for a pool or an application that is not there."""
    for rule_set in ordered(config.nat.destination):
        incoming = interfaces(config, rule_set.from_zones, rule_set.from_interfaces)
        if incoming:
            for rule in rule_set.rules:
                yield from ((Match("iifname", incoming), *each) for each in _rule(config, rule))


def _rule(config: Config, rule: NatRule) -> Iterator[Rule]:
    if rule.action != "pool":
        for matches in conditions(rule.match, config.applications):
            yield (*matches, Do("accept"))
        return
    pool = pools.find(config.nat.destination_pools, rule.pool, "destination")
    ported = pool.port is not None
    for version, family in FAMILIES.items():
        found = pools.addresses(pool, version)
        if not found:
            continue
        target = pools.with_port(found, str(pool.port)) if ported else pools.choose(found)
        for matches in conditions(rule.match, config.applications, version=version, ported=ported):
            yield (*matches, Do(f"dnat {family} to {target}"))
