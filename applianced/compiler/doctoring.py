"""Static NAT as the DNS ALG wants it: which prefixes stand for which, and who sees it so."""

from __future__ import annotations

from collections.abc import Iterator

from applianced.compiler.nat_match import ordered
from applianced.compiler.static import mappings
from applianced.config.schema import Config

Row = tuple[str, str, tuple[str, ...]]
"""Outside prefix, inside prefix, and the zones from which the outside one is seen."""


def rows(config: Config) -> tuple[Row, ...]:
    """Every mapping of whole addresses, in the order in which they are tried. One for some ports or peers alone says
    nothing about an address as such. Raises ConfigError."""
    return tuple(_rows(config))


def _rows(config: Config) -> Iterator[Row]:
    for rule_set in ordered(config.nat.static):
        zones = {zone.name for zone in config.zones.values() if set(zone.interfaces) & set(rule_set.from_interfaces)}
        seen_from = tuple(sorted(zones.union(rule_set.from_zones)))
        for each in mappings(rule_set):
            if each.plain and seen_from:
                yield str(each.outside), str(each.inside), seen_from
