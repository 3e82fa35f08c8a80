"""`security nat`: pools and rule-sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network, summarize_address_range
from itertools import chain

from applianced.config.decode.addresses import Resolver
from applianced.config.decode.node import Node, fail, network, parse_ports, parse_protocol
from applianced.config.schema import Address, Nat, NatMatch, NatRule, NatRuleSet, Network, Pool, PortRange

LARGEST_SOURCE_POOL = 4096
LARGEST_DESTINATION_POOL = 256

_RuleDecoder = Callable[[Node, Resolver], NatRule]


def decode_nat(security: Node, resolver: Resolver) -> Nat:
    """Raises ConfigError."""
    nat = security.child("applianced-nat:nat")
    source, destination, static = nat.child("source"), nat.child("destination"), nat.child("static")
    return Nat(
        source_pools={entry.text("name"): _source_pool(entry) for entry in source.entries("pool")},
        destination_pools={entry.text("name"): _destination_pool(entry) for entry in destination.entries("pool")},
        source=_rule_sets(source, resolver, _source_rule),
        destination=_rule_sets(destination, resolver, _destination_rule),
        static=_rule_sets(static, resolver, _static_rule),
        alg_port_range=source.range("alg-port-range") or Nat().alg_port_range,
    )


def _source_pool(entry: Node) -> Pool:
    networks = tuple(chain.from_iterable(_span(address) for address in entry.entries("address")))
    return Pool(
        name=entry.text("name"),
        addresses=_expanded(networks, LARGEST_SOURCE_POOL, entry.path),
        networks=networks,
        port_range=entry.child("port").range("range"),
        alg_port_range=entry.range("alg-port-range"),
    )


def _destination_pool(entry: Node) -> Pool:
    address = entry.child("address")
    networks = (address.network("ip-prefix"),)
    return Pool(
        name=entry.text("name"),
        addresses=_expanded(networks, LARGEST_DESTINATION_POOL, address.path),
        networks=networks,
        port=address.number("port") if address.has("port") else None,
    )


def _span(entry: Node) -> tuple[Network, ...]:
    """The networks of one `address` of a pool: a prefix, or from its address to `to ipaddr`."""
    first = entry.network("name")
    if not entry.child("to").has("ipaddr"):
        return (first,)
    last = entry.child("to").address("ipaddr")
    low = first.network_address
    if first.num_addresses != 1:
        fail(entry.path, "a range begins with a single address; write it without a prefix length")
    if isinstance(low, IPv4Address) and isinstance(last, IPv4Address) and low <= last:
        return tuple(summarize_address_range(low, last))
    if isinstance(low, IPv6Address) and isinstance(last, IPv6Address) and low <= last:
        return tuple(summarize_address_range(low, last))
    if low.version != last.version:
        message = f"'{low}' is IPv{low.version} and '{last}' is IPv{last.version}; a range is of one family, make two"
        return fail(f"{entry.path}/to/ipaddr", message)
    return fail(f"{entry.path}/to/ipaddr", f"'{last}' does not come after '{low}'; exchange them")


def _expanded(networks: tuple[Network, ...], largest: int, path: str) -> tuple[Address, ...]:
    total = sum(one.num_addresses for one in networks)
    if total > largest:
        fail(path, f"the pool has {total} addresses; it may have {largest}")
    return tuple(dict.fromkeys(address for one in networks for address in one))


def _rule_sets(parent: Node, resolver: Resolver, decode_rule: _RuleDecoder) -> tuple[NatRuleSet, ...]:
    return tuple(
        NatRuleSet(
            name=entry.text("name"),
            from_zones=_names(entry.child("from"), "zone"),
            from_interfaces=_names(entry.child("from"), "interface"),
            to_zones=_names(entry.child("to"), "zone"),
            to_interfaces=_names(entry.child("to"), "interface"),
            rules=tuple(decode_rule(rule, resolver) for rule in entry.entries("rule")),
        )
        for entry in parent.entries("rule-set")
    )


def _source_rule(entry: Node, resolver: Resolver) -> NatRule:
    then = entry.child("then").child("source-nat")
    action = next((one for one in ("off", "interface", "pool") if then.has(one)), "off")
    return NatRule(
        name=entry.text("name"),
        match=_match(entry.child("match"), resolver),
        action=action,
        pool=then.child("pool").text("pool-name") if action == "pool" else "",
    )


def _destination_rule(entry: Node, resolver: Resolver) -> NatRule:
    then = entry.child("then").child("destination-nat")
    pooled = then.has("pool")
    return NatRule(
        name=entry.text("name"),
        match=_match(entry.child("match"), resolver),
        action="pool" if pooled else "off",
        pool=then.child("pool").text("pool-name") if pooled else "",
    )


def _static_rule(entry: Node, resolver: Resolver) -> NatRule:
    match = entry.child("match")
    inside = entry.child("then").child("static-nat").child("prefix")
    ports = match.range("destination-port")
    return NatRule(
        name=entry.text("name"),
        match=NatMatch(
            sources=tuple(network(text, path) for text, path in match.texts("source-address")),
            destinations=(match.network("destination-address"),),
            destination_ports=() if ports is None else (ports,),
        ),
        action="prefix",
        prefix=inside.network("addr-prefix"),
        mapped_port=inside.range("mapped-port"),
    )


def _match(match: Node, resolver: Resolver) -> NatMatch:
    applications = _names(match, "application")
    return NatMatch(
        sources=_either(match, "source-address", resolver),
        destinations=_either(match, "destination-address", resolver),
        source_ports=tuple(_ports(match, "source-port")),
        destination_ports=tuple(_ports(match, "destination-port")),
        protocols=tuple(_protocols(match)),
        applications=() if "any" in applications else applications,
    )


_EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def _either(match: Node, leaf: str, resolver: Resolver) -> tuple[Network, ...]:
    """The prefixes of a leaf-list and those that its `-name` companion stands for; () means any."""
    found = dict.fromkeys(network(text, path) for text, path in match.texts(leaf))
    named = resolver.resolve(match, f"{leaf}-name")
    if match.has(f"{leaf}-name") and not named:
        return ()
    found.update(dict.fromkeys(named))
    return () if found.keys() >= set(_EVERYTHING) else tuple(found)


def _names(node: Node, leaf: str) -> tuple[str, ...]:
    return tuple(name for name, _ in node.texts(leaf))


def _ports(match: Node, leaf: str) -> Iterator[PortRange]:
    for text, path in match.texts(leaf):
        try:
            yield parse_ports(text)
        except ValueError as error:
            fail(path, str(error))


def _protocols(match: Node) -> Iterator[int]:
    for text, path in match.texts("protocol"):
        try:
            yield parse_protocol(text)
        except ValueError as error:
            fail(path, str(error))
