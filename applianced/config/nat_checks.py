"""Rules about NAT that YANG cannot say; see checks.py.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from applianced.config.instances import NAT, every_rule, rules_of
from applianced.config.ports import PORTED
from applianced.config.schema import Config, NatRule, NatRuleSet, Network, Pool, PortRange
from applianced.errors import ConfigError

_STATIC_PREFIX = "then/static-nat/prefix/addr-prefix"


def pool_families(config: Config) -> Iterator[ConfigError]:
    """A pool stands for sessions of one family."""
    for pool in config.nat.source_pools.values():
        if len({network.version for network in pool.networks}) > 1:
            yield ConfigError(_pool(pool), "the pool mixes IPv4 and IPv6; make a pool for each")


def pool_ports(config: Config) -> Iterator[ConfigError]:
    """Sessions without an ALG keep off the ports of the ALGs' bindings."""
    for pool in config.nat.source_pools.values():
        reserved = pool.alg_port_range or config.nat.alg_port_range
        if pool.port_range is not None and _ports_meet(pool.port_range, reserved):
            yield ConfigError(
                f"{_pool(pool)}/port/range",
                f"the range meets {reserved[0]}-{reserved[1]}, which is kept for ALGs; "
                "narrow it, or give the pool an 'alg-port-range' of its own",
            )


def pool_addresses(config: Config) -> Iterator[ConfigError]:
    """Two pools that share an address would give out its ports twice."""
    pools = tuple(config.nat.source_pools.values())
    entries = [(network, index) for index, pool in enumerate(pools) for network in pool.networks]
    for first, second in sorted({pair for pair in overlapping(entries) if pair[0] != pair[1]}):
        name = pools[first].name
        yield ConfigError(_pool(pools[second]), f"it shares addresses with pool '{name}'; remove them from one of them")


def static_lengths(config: Config) -> Iterator[ConfigError]:
    """Static NAT maps address to address."""
    for path, _, rule in rules_of("static", config.nat.static):
        outside, inside = rule.match.destinations[0], rule.prefix
        if inside is None or inside.version != outside.version:
            yield ConfigError(f"{path}/{_STATIC_PREFIX}", f"{inside} and {outside} are not of one address family")
        elif inside.prefixlen != outside.prefixlen:
            yield ConfigError(
                f"{path}/{_STATIC_PREFIX}",
                f"{inside} is not as long as the outside prefix {outside}; use /{outside.prefixlen} for both",
            )


def static_overlaps(config: Config) -> Iterator[ConfigError]:
    """For traffic of one origin, an outside endpoint stands for one inside endpoint, and the other way round."""
    rules = tuple(rules_of("static", config.nat.static))
    outsides = overlapping((rule.match.destinations[0], index) for index, (_, _, rule) in enumerate(rules))
    insides = overlapping((rule.prefix, index) for index, (_, _, rule) in enumerate(rules) if rule.prefix)
    for pairs, leaf, conflict in (
        (outsides, "match/destination-address", _outsides_meet),
        (insides, _STATIC_PREFIX, _insides_meet),
    ):
        for first, second in sorted(pairs):
            (_, set_a, a), (path, set_b, b) = rules[first], rules[second]
            if conflict(a, b) and _origins_meet(config, set_a, set_b):
                yield ConfigError(f"{path}/{leaf}", f"it overlaps that of static rule '{a.name}'; separate them")


def rule_families(config: Config) -> Iterator[ConfigError]:
    """A rule and its pool are of one family; NAT does not turn IPv4 into IPv6."""
    for kind, rule_sets, pools in (
        ("source", config.nat.source, config.nat.source_pools),
        ("destination", config.nat.destination, config.nat.destination_pools),
    ):
        for path, _, rule in rules_of(kind, rule_sets):
            pool = pools.get(rule.pool)
            matched = {one.version for one in (*rule.match.sources, *rule.match.destinations)}
            if pool is not None and matched and not matched & {one.version for one in pool.networks}:
                where = f"{path}/then/{kind}-nat/pool/pool-name"
                yield ConfigError(where, f"pool '{pool.name}' is not of the address family that the rule matches")


def rule_ports(config: Config) -> Iterator[ConfigError]:
    """Only TCP, UDP and SCTP have ports."""
    for path, _, rule in every_rule(config):
        match = rule.match
        without = [one for one in match.protocols if one not in PORTED]
        if without and (match.source_ports or match.destination_ports):
            where = f"{path}/match/protocol"
            yield ConfigError(where, f"IP protocol {without[0]} has no ports; make a rule of its own for it")


def pool_port_needs_ports(config: Config) -> Iterator[ConfigError]:
    """A pool that changes the port needs sessions that have one."""
    for path, _, rule in rules_of("destination", config.nat.destination):
        pool = config.nat.destination_pools.get(rule.pool)
        if pool is not None and pool.port is not None and any(one not in PORTED for one in rule.match.protocols):
            where = f"{path}/match/protocol"
            yield ConfigError(where, f"pool '{pool.name}' sets a port; match protocol tcp or udp alone")


def _pool(pool: Pool) -> str:
    return f"{NAT}/source/pool[name='{pool.name}']"


def _ports_meet(one: PortRange, other: PortRange) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def overlapping(entries: Iterable[tuple[Network, int]]) -> Iterator[tuple[int, int]]:
    """Pairs (smaller, larger) of the numbers whose networks overlap.

    Prefixes are disjoint or nested, so a walk in order needs to look at the enclosing ones alone.
    """
    enclosing: list[tuple[Network, int]] = []
    for network, number in sorted(entries, key=_place):
        while enclosing and not _meet(enclosing[-1][0], network):
            enclosing.pop()
        for _, other in enclosing:
            yield (other, number) if other < number else (number, other)
        enclosing.append((network, number))


def _place(entry: tuple[Network, int]) -> tuple[int, int, int]:
    network = entry[0]
    return network.version, int(network.network_address), network.prefixlen


def _meet(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _all_meet(one: tuple[PortRange, ...], other: tuple[PortRange, ...]) -> bool:
    return not one or not other or any(_ports_meet(a, b) for a in one for b in other)


def _outsides_meet(one: NatRule, other: NatRule) -> bool:
    a, b = one.match, other.match
    sources = not a.sources or not b.sources or any(_meet(x, y) for x in a.sources for y in b.sources)
    return sources and _all_meet(a.destination_ports, b.destination_ports)


def _insides_meet(one: NatRule, other: NatRule) -> bool:
    return _all_meet(_mapped(one), _mapped(other))


def _origins_meet(config: Config, one: NatRuleSet, other: NatRuleSet) -> bool:
    if set(one.from_zones) & set(other.from_zones):
        return True
    return bool(_origins(config, one) & _origins(config, other))


def _origins(config: Config, rule_set: NatRuleSet) -> set[str]:
    zones = (config.zones[name] for name in rule_set.from_zones if name in config.zones)
    return {*rule_set.from_interfaces, *(interface for zone in zones for interface in zone.interfaces)}


def _mapped(rule: NatRule) -> tuple[PortRange, ...]:
    return () if rule.mapped_port is None else (rule.mapped_port,)


NAT_RULES: Iterable[Callable[[Config], Iterator[ConfigError]]] = (
    pool_families,
    pool_ports,
    pool_addresses,
    static_lengths,
    static_overlaps,
    rule_families,
    rule_ports,
    pool_port_needs_ports,
)
