"""Source NAT: rules of postnat, and one chain per pool with its classes of ports.

What general source NAT may use of an address's ports lies beside the range kept for the ALGs' bindings, in three
classes, so that a reserved port stays a reserved one:

    1-511 -> 1-511      512-1023 -> 512-1023      1024-65535 -> 1024 up to the ALGs' range (or above it, if larger)
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.compiler import pools
from applianced.compiler.addresses import FAMILIES, NFPROTO
from applianced.compiler.nat_match import TRANSPORT, conditions, interfaces, ordered
from applianced.compiler.ruleset import Chain, Do, Match, Rule, identifier
from applianced.config.schema import Config, Nat, NatRule, Pool, PortRange

INTERFACE_CHAIN = "source-interface"
_CLASSES = ((1, 511), (512, 1023))


def rules(config: Config) -> Iterator[Rule]:
    """The rules of postnat. Raises ConfigError for a pool or an application that is not there."""
    for rule_set in ordered(config.nat.source):
        incoming = interfaces(config, rule_set.from_zones, rule_set.from_interfaces)
        outgoing = interfaces(config, rule_set.to_zones, rule_set.to_interfaces)
        if not incoming or not outgoing:
            continue
        for rule in rule_set.rules:
            verdict = Do(_verdict(rule))
            for version in _versions(config.nat, rule):
                for matches in conditions(rule.match, config.applications, version=version):
                    yield (Match("iifname", incoming), Match("oifname", outgoing), *matches, verdict)


def chains(config: Config) -> Iterator[Chain]:
    """The chains that `rules` goes to, and no others."""
    used = [rule for rule_set in config.nat.source for rule in rule_set.rules]
    if any(rule.action == "interface" for rule in used):
        general = _general("masquerade to ", "masquerade", None, config.nat.alg_port_range)
        yield Chain(name=INTERFACE_CHAIN, rules=tuple(general))
    for name in sorted({rule.pool for rule in used if rule.action == "pool"}):
        pool = pools.find(config.nat.source_pools, name, "source")
        yield Chain(name=_chain_name(pool), rules=tuple(_pool(pool, config.nat)))


def _versions(nat: Nat, rule: NatRule) -> tuple[int, ...]:
    """The families that a rule is for; 0 stands for both."""
    if rule.action != "pool":
        return (0,)
    pool = pools.find(nat.source_pools, rule.pool, "source")
    found = tuple(version for version in FAMILIES if pools.addresses(pool, version))
    return (0,) if len(found) == len(FAMILIES) else found


def _verdict(rule: NatRule) -> str:
    match rule.action:
        case "interface":
            return f"goto {INTERFACE_CHAIN}"
        case "pool":
            return f"goto {identifier('source-pool', rule.pool)}"
        case _:
            return "accept"


def _chain_name(pool: Pool) -> str:
    return identifier("source-pool", pool.name)


def _pool(pool: Pool, nat: Nat) -> Iterator[Rule]:
    for version, family in FAMILIES.items():
        found = pools.addresses(pool, version)
        if not found:
            continue
        target = f"snat {family} to {pools.choose(found)}"
        ported = f"snat {family} to {pools.with_port(found, '')}".removesuffix(":")
        for rule in _general(ported, target, pool.port_range, pool.alg_port_range or nat.alg_port_range):
            yield (NFPROTO[version], *rule)


def _general(ported: str, portless: str, own: PortRange | None, reserved: PortRange) -> Iterator[Rule]:
    """One address or interface: by classes, or in the pool's own range; then what has no ports."""
    if own is None:
        for low, high in _CLASSES:
            yield (TRANSPORT, Match("th sport", (f"{low}-{high}",)), Do(f"{ported}:{low}-{high}"))
        own = pools.beside(reserved)
    yield (TRANSPORT, Do(f"{ported}:{own[0]}-{own[1]}"))
    yield (Do(portless),)
