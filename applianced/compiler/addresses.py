"""Networks to matches, one variant per address family where the families differ."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from applianced.compiler.ruleset import Match
from applianced.config.schema import Network

Variant = tuple[Match, ...]

FAMILIES = {4: "ip", 6: "ip6"}
NFPROTO = {4: Match("meta nfproto", ("ipv4",)), 6: Match("meta nfproto", ("ipv6",))}


def variants(
    sources: Sequence[Network],
    destinations: Sequence[Network],
    *,
    source_excluded: bool = False,
    destination_excluded: bool = False,
) -> tuple[Variant, ...]:
    """Matches whose union is "from these sources to these destinations"; () networks mean any.

    No variant at all: nothing can match. Excluding "any" leaves nothing.
    """
    found = {
        version: matches
        for version in FAMILIES
        if (matches := of_family(version, sources, destinations, source_excluded, destination_excluded)) is not None
    }
    if found == {4: (), 6: ()}:
        return ((),)
    return tuple(matches or (NFPROTO[version],) for version, matches in found.items())


def of_family(
    version: int,
    sources: Sequence[Network],
    destinations: Sequence[Network],
    source_excluded: bool = False,
    destination_excluded: bool = False,
) -> Variant | None:
    """The matches for one family: () when every packet of it matches, None when none can."""
    source = _side(version, "saddr", sources, source_excluded)
    destination = _side(version, "daddr", destinations, destination_excluded)
    return None if source is None or destination is None else source + destination


def _side(version: int, field: str, networks: Sequence[Network], excluded: bool) -> Variant | None:
    if not networks:
        return None if excluded else ()
    mine = merged(version, networks)
    if not mine:
        return () if excluded else None
    if mine[0].prefixlen == 0:
        return None if excluded else ()
    return (Match(f"{FAMILIES[version]} {field}", tuple(text(network) for network in mine), excluded),)


def merged(version: int, networks: Sequence[Network]) -> list[Network]:
    """The networks of one family, sorted and without overlap."""
    if version == 4:
        return list(collapse_addresses(n for n in networks if isinstance(n, IPv4Network)))
    return list(collapse_addresses(n for n in networks if isinstance(n, IPv6Network)))


def text(network: Network) -> str:
    """'192.0.2.1' for a single address, else with the prefix length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
