"""Control ports: every port, before and after destination NAT, on which an ALG may have to read.

Sessions to them get what only the very first packet can be given (see the gates table), before anybody knows which
policy will admit them; so the set may be too large, never too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from applianced.compiler import intervals, nat_match, pools, static
from applianced.compiler.applications import TCP, UDP, Line, bound_ports
from applianced.config.schema import Config

Ports = tuple[int, int, int]


def ports(config: Config, lines: Iterable[Line]) -> tuple[Ports, ...]:
    """(protocol, low, high) without overlap, sorted. lines: those of every policy that permits."""
    bound = merged(bound_ports(lines))
    return merged((*bound, *_destination(config, bound), *_static(config, bound)))


def merged(found: Iterable[Ports]) -> tuple[Ports, ...]:
    """The union, sorted."""
    by_protocol: dict[int, list[tuple[int, int]]] = {}
    for protocol, low, high in found:
        by_protocol.setdefault(protocol, []).append((low, high))
    return tuple(
        (protocol, low, high)
        for protocol in sorted(by_protocol)
        for low, high in intervals.union(by_protocol[protocol])
    )


def _destination(config: Config, bound: tuple[Ports, ...]) -> Iterator[Ports]:
    for rule in (rule for rule_set in config.nat.destination for rule in rule_set.rules if rule.action == "pool"):
        port = pools.find(config.nat.destination_pools, rule.pool, "destination").port
        if port is not None:
            read = {protocol for protocol, low, high in bound if low <= port <= high}
            found = nat_match.destination_ports(rule.match, config.applications)
            yield from (each for each in found if each[0] in read)


def _static(config: Config, bound: tuple[Ports, ...]) -> Iterator[Ports]:
    for mapping in (mapping for rule_set in config.nat.static for mapping in static.mappings(rule_set)):
        if mapping.outside_ports is None or mapping.inside_ports is None:
            continue
        first, last = mapping.inside_ports
        shift = mapping.outside_ports[0] - first
        for protocol, low, high in bound:
            if protocol in (TCP, UDP) and low <= last and first <= high:
                yield protocol, max(low, first) + shift, min(high, last) + shift
