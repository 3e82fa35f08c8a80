"""What a NAT rule matches, and the order in which rule-sets are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from applianced.compiler import intervals, services
from applianced.compiler.addresses import NFPROTO, of_family, variants
from applianced.compiler.applications import NO_ALGS, PORT_PROTOCOLS, TCP, UDP, Line, lines, named_terms
from applianced.compiler.ruleset import Match, quoted
from applianced.config.schema import Applications, Config, NatMatch, NatRuleSet, PortRange

Conditions = tuple[Match, ...]

TRANSPORT = Match("meta l4proto", ("tcp", "udp"))


def ordered(rule_sets: Sequence[NatRuleSet]) -> list[NatRuleSet]:
    """Rule-sets in Junos' order: an interface is more specific than a zone; else as configured."""
    return sorted(rule_sets, key=lambda each: (not each.from_interfaces, not each.to_interfaces))


def interfaces(config: Config, zones: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """The interfaces that are named or in the named zones, quoted and sorted."""
    found = set(names)
    for zone in zones:
        if zone in config.zones:
            found.update(config.zones[zone].interfaces)
    return tuple(quoted(name) for name in sorted(found))


def conditions(
    match: NatMatch, applications: Applications, *, version: int = 0, ported: bool = False
) -> Iterator[Conditions]:
    """Disjoint matches whose union is what the rule matches.

    version: 4 or 6 limits them to a family, 0 to none. ported: leave out what has no ports, and name the transport,
    which nft wants before it maps a port. Raises ConfigError for an unknown application.
    """
    if version:
        matches = of_family(version, match.sources, match.destinations)
        addresses: tuple[Conditions, ...] = () if matches is None else (matches or (NFPROTO[version],),)
    else:
        addresses = variants(match.sources, match.destinations)
    found = list(_services(match, applications, ported))
    for address in addresses:
        yield from ((*address, *service) for service in found)


def destination_ports(match: NatMatch, applications: Applications) -> Iterator[tuple[int, int, int]]:
    """(protocol, low, high) of the destinations that the rule matches, as far as they have ports."""
    if match.applications:
        for line in _lines(match, applications):
            for protocol in (TCP, UDP) if line.protocol is None else (line.protocol,):
                yield protocol, *line.ports
        return
    for protocol in match.protocols or (TCP, UDP):
        for low, high in match.destination_ports or ((0, 65535),):
            yield protocol, low, high


def _lines(match: NatMatch, applications: Applications) -> Iterator[Line]:
    return lines(named_terms(match.applications, applications), NO_ALGS)


def _services(match: NatMatch, applications: Applications, ported: bool) -> Iterator[Conditions]:
    if not match.applications:
        yield from _transport(match, ported)
        return
    source = _ports("th sport", match.source_ports)
    for conditions_ in _applications(list(_lines(match, applications)), ported):
        yield (*conditions_, *source)


def _transport(match: NatMatch, ported: bool) -> Iterator[Conditions]:
    ports = (*_ports("th sport", match.source_ports), *_ports("th dport", match.destination_ports))
    if not (match.protocols or ports or ported):
        yield ()
        return
    protocols = match.protocols or (TCP, UDP)
    if ports or ported:
        protocols = tuple(protocol for protocol in protocols if protocol in PORT_PROTOCOLS)
    if protocols:
        words = tuple(services.protocol_text(protocol) for protocol in sorted(set(protocols)))
        yield (Match("meta l4proto", words), *ports)


def _ports(key: str, ranges: Sequence[PortRange]) -> Conditions:
    values = tuple(intervals.text(*each) for each in intervals.union(ranges))
    return (Match(key, values),) if values else ()


def _applications(found: list[Line], ported: bool) -> Iterator[Conditions]:
    mapped = [line for line in found if line.protocol in PORT_PROTOCOLS and line.source_ports is None]
    for protocol in sorted({line.protocol for line in mapped if line.protocol is not None}):
        ports = intervals.union(line.ports for line in mapped if line.protocol == protocol)
        yield (services.port_match(protocol, ports),)
    for line in found:
        if line.protocol is None:
            yield (TRANSPORT,) if ported else ()
        elif line.source_ports is not None or (line.protocol not in PORT_PROTOCOLS and not ported):
            yield services.matches(line)
