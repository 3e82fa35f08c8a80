"""Which outside addresses the parties of a session have, by the configuration alone.

For replay: the kernel, which knows for sure, is not there. An interface's address counts when the configuration names
it. Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from applianced.config.schema import Address, Config, NatRule, NatRuleSet
from applianced.engine.kernel import Translation
from applianced.model.tuples import Endpoint, FlowTuple


def translate(config: Config, flow: FlowTuple, from_zone: str, to_zone: str) -> Translation:
    """Both tuples of a session, as conntrack would have them.

    flow: as the forward path shows it: inside addresses are private, outside ones real.
    """
    client, server = flow.source, flow.destination
    public = _destination(config, server, from_zone)
    original = flow._replace(destination=public or server)
    source = None if public else _source(config, flow, from_zone, to_zone)
    reply = FlowTuple(flow.protocol, server, Endpoint(source, client.port) if source else client)
    return Translation(original, reply)


def given(flow: FlowTuple, outside: bytes) -> Translation:
    """The same when the client is known to have `outside` as its address."""
    return Translation(flow, FlowTuple(flow.protocol, flow.destination, Endpoint(outside, flow.source.port)))


def unknown(config: Config, flow: FlowTuple, from_zone: str, to_zone: str) -> bool:
    """Whether a source NAT rule translates the client to an address that the configuration does not name."""
    rule = _source_rule(config, flow, from_zone, to_zone)
    return rule is not None and rule.action != "off" and _source(config, flow, from_zone, to_zone) is None


def _source(config: Config, flow: FlowTuple, from_zone: str, to_zone: str) -> bytes | None:
    """What source NAT, or static NAT the other way, makes of the client's address; None for nothing."""
    client = ip_address(flow.source.address)
    for rule_set, rule in _rules(config.nat.static):
        if rule.prefix and client in rule.prefix and _covers(rule_set.from_zones, to_zone):
            outside = rule.match.destinations[0].network_address
            return _packed(ip_address(int(outside) + int(client) - int(rule.prefix.network_address)), client)
    applied = _source_rule(config, flow, from_zone, to_zone)
    candidates = _candidates(config, applied, to_zone) if applied else ()
    found = [address for address in candidates if address.version == client.version]
    return found[0].packed if found else None


def _source_rule(config: Config, flow: FlowTuple, from_zone: str, to_zone: str) -> NatRule | None:
    for rule_set, rule in _rules(config.nat.source):
        covered = _covers(rule_set.from_zones, from_zone) and _covers(rule_set.to_zones, to_zone)
        if covered and _matches(rule, flow):
            return rule
    return None


def _candidates(config: Config, rule: NatRule, to_zone: str) -> Iterator[Address]:
    if rule.action == "pool":
        yield from config.nat.source_pools[rule.pool].addresses
    elif rule.action == "interface":
        names = config.zones[to_zone].interfaces if to_zone in config.zones else ()
        yield from (each.ip for link in config.interfaces if link.name in names for each in link.addresses)


def _destination(config: Config, server: Endpoint, from_zone: str) -> Endpoint | None:
    """The public endpoint that destination or static NAT turns into `server`, None for none."""
    inside = ip_address(server.address)
    for rule_set, rule in _rules(config.nat.static):
        if rule.prefix and inside in rule.prefix and _covers(rule_set.from_zones, from_zone):
            outside = rule.match.destinations[0].network_address
            shifted = ip_address(int(outside) + int(inside) - int(rule.prefix.network_address))
            return Endpoint(_packed(shifted, inside), server.port)
    for rule_set, rule in _rules(config.nat.destination):
        pool = config.nat.destination_pools.get(rule.pool)
        if not pool or not rule.match.destinations or not _covers(rule_set.from_zones, from_zone):
            continue
        if inside in pool.addresses and pool.port in (None, server.port):
            ports = rule.match.destination_ports
            return Endpoint(rule.match.destinations[0].network_address.packed, ports[0][0] if ports else server.port)
    return None


def _rules(rule_sets: tuple[NatRuleSet, ...]) -> Iterator[tuple[NatRuleSet, NatRule]]:
    for rule_set in rule_sets:
        for rule in rule_set.rules:
            yield rule_set, rule


def _covers(zones: tuple[str, ...], zone: str) -> bool:
    return not zones or zone in zones


def _matches(rule: NatRule, flow: FlowTuple) -> bool:
    source, destination = ip_address(flow.source.address), ip_address(flow.destination.address)
    match = rule.match
    return (
        (not match.sources or any(source in network for network in match.sources))
        and (not match.destinations or any(destination in network for network in match.destinations))
        and (not match.protocols or flow.protocol in match.protocols)
    )


def _packed(address: IPv4Address | IPv6Address, like: Address) -> bytes:
    """IPv6 addresses below 2^32 would be taken for IPv4 when made from a number."""
    return int(address).to_bytes(4 if like.version == 4 else 16)
