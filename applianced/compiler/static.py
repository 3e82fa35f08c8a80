"""Static NAT: an outside prefix stands for an inside one, in both directions.

Rules that say no more than the two prefixes share one map per family, as long as no other rule stands between them.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from applianced.compiler.addresses import FAMILIES, of_family
from applianced.compiler.nat_match import TRANSPORT, interfaces, ordered
from applianced.compiler.pools import NAT_PATH
from applianced.compiler.ruleset import Do, Match, Rule
from applianced.config.schema import Config, NatRule, NatRuleSet, Network, PortRange
from applianced.errors import ConfigError

MOST_PORTS = 4096
"""Endpoints of one rule with mapped ports: each is an element of a map."""


class Mapping(NamedTuple):
    """One rule for one pair of prefixes. Ports: equally many, or None for all of them unchanged."""

    outside: Network
    inside: Network
    sources: tuple[Network, ...]
    outside_ports: PortRange | None
    inside_ports: PortRange | None

    @property
    def plain(self) -> bool:
        return not self.sources and self.outside_ports is None


def inbound(config: Config) -> Iterator[Rule]:
    """The rules of prenat: outside destinations to inside ones. Raises ConfigError."""
    for incoming, found in _rule_sets(config):
        yield from ((Match("iifname", incoming), *rule) for rule in _rules(found, "daddr", "dport", "dnat"))


def outbound(config: Config) -> Iterator[Rule]:
    """The rules of postnat: inside sources to outside ones. Raises ConfigError."""
    for outgoing, found in _rule_sets(config):
        turned = [
            Mapping(each.inside, each.outside, each.sources, each.inside_ports, each.outside_ports) for each in found
        ]
        yield from ((Match("oifname", outgoing), *rule) for rule in _rules(turned, "saddr", "sport", "snat"))


def mappings(rule_set: NatRuleSet) -> list[Mapping]:
    """The rules of a rule-set as pairs of prefixes. Raises ConfigError where the two sides differ in size."""
    return [_mapping(rule, outside) for rule in rule_set.rules for outside in rule.match.destinations]


def _rule_sets(config: Config) -> Iterator[tuple[tuple[str, ...], list[Mapping]]]:
    for rule_set in ordered(config.nat.static):
        names = interfaces(config, rule_set.from_zones, rule_set.from_interfaces)
        if names:
            yield names, mappings(rule_set)


def _mapping(rule: NatRule, outside: Network) -> Mapping:
    inside = rule.prefix
    if inside is None or (inside.version, inside.prefixlen) != (outside.version, outside.prefixlen):
        raise ConfigError(f"{NAT_PATH}/static", f"rule '{rule.name}' needs an inside prefix as long as {outside}")
    ports = rule.match.destination_ports
    if not ports and rule.mapped_port is None:
        return Mapping(outside, inside, rule.match.sources, None, None)
    mapped = rule.mapped_port or ports[0]
    if len(ports) != 1 or ports[0][1] - ports[0][0] != mapped[1] - mapped[0]:
        raise ConfigError(f"{NAT_PATH}/static", f"rule '{rule.name}' maps ports to a different number of ports")
    if (ports[0][1] - ports[0][0] + 1) * outside.num_addresses > MOST_PORTS:
        raise ConfigError(f"{NAT_PATH}/static", f"rule '{rule.name}' maps more than {MOST_PORTS} endpoints")
    return Mapping(outside, inside, rule.match.sources, ports[0], mapped)


def _rules(found: Sequence[Mapping], address: str, port: str, action: str) -> Iterator[Rule]:
    """Rules from `outside` to `inside` of each mapping."""
    for (version, plain), group in groupby(found, key=lambda each: (each.outside.version, each.plain)):
        family = FAMILIES[version]
        for run in _disjoint(group) if plain else ([each] for each in group):
            peers = _peers(run[0], version, address)
            if peers is None:
                continue
            if run[0].outside_ports is None:
                elements = ", ".join(f"{each.outside} : {each.inside}" for each in run)
                yield (*peers, Do(f"{action} {family} prefix to {family} {address} map {{ {elements} }}"))
            else:
                elements = ", ".join(_endpoints(run[0]))
                target = f"{action} {family} to {family} {address} . th {port} map {{ {elements} }}"
                yield (*peers, TRANSPORT, Do(target))


def _disjoint(group: Iterator[Mapping]) -> Iterator[list[Mapping]]:
    """Runs of mappings whose outside prefixes do not overlap: within one map the order has no meaning."""
    run: list[Mapping] = []
    taken: list[tuple[int, int]] = []
    for each in group:
        span = int(each.outside.network_address), int(each.outside.broadcast_address)
        place = bisect(taken, span)
        if any(low <= span[1] and span[0] <= high for low, high in taken[max(place - 1, 0) : place + 1]):
            yield run
            run, taken, place = [], [], 0
        taken.insert(place, span)
        run.append(each)
    yield run


def _peers(mapping: Mapping, version: int, address: str) -> tuple[Match, ...] | None:
    """The matches on the other party; None when nobody of this family can be it."""
    if address == "daddr":
        return of_family(version, mapping.sources, ())
    return of_family(version, (), mapping.sources)


def _endpoints(mapping: Mapping) -> Iterator[str]:
    assert mapping.outside_ports is not None
    assert mapping.inside_ports is not None
    for host in range(mapping.outside.num_addresses):
        before, after = mapping.outside.network_address + host, mapping.inside.network_address + host
        for step in range(mapping.outside_ports[1] - mapping.outside_ports[0] + 1):
            yield f"{before} . {mapping.outside_ports[0] + step} : {after} . {mapping.inside_ports[0] + step}"
