"""Addresses in answers, translated as static NAT translates them (RFC 2694 4.1.2).

A static mapping joins an outside prefix to an inside one, and names the zones that the outside prefix is seen from.

    client inside, server in one of those zones:  outside addresses become inside ones
    client in one of those zones, server inside:  inside addresses become outside ones
    both on the same side:                        nothing

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

Row = Sequence[Any]
"""Of one mapping: outside prefix and inside prefix as text, equally long, and the zones that it is seen from."""


class Translator:
    """Translates the addresses of some prefixes."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], dict[int, int]] = {}
        """(octets of an address, host bits) -> prefix without its host bits -> the one in its place."""

    def add(self, before: str, after: str) -> None:
        """Translate one prefix into another. The first that is added for an address holds."""
        old, new = ip_network(before), ip_network(after)
        host_bits = old.max_prefixlen - old.prefixlen
        prefixes = self._by_length.setdefault((old.max_prefixlen // 8, host_bits), {})
        prefixes.setdefault(int(old.network_address) >> host_bits, int(new.network_address) >> host_bits)

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def __call__(self, address: bytes) -> bytes | None:
        """What stands in the place of a packed address; None when nothing does."""
        number, octets = int.from_bytes(address, "big"), len(address)
        for (size, host_bits), prefixes in self._by_length.items():
            if size == octets:
                found = prefixes.get(number >> host_bits)
                if found is not None:
                    kept = number & ((1 << host_bits) - 1)
                    return (found << host_bits | kept).to_bytes(octets, "big")
        return None


class Tables:
    """The translators of all pairs of zones, each made when it is first asked for."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)
        self._made: dict[tuple[str, str], Translator] = {}

    def of(self, client: str, server: str) -> Translator | None:
        """For answers to a client in one zone from a server in another; None when they never change."""
        if not self._rows:
            return None
        pair = (client, server)
        made = self._made.get(pair)
        if made is None:
            made = self._made[pair] = self._make(client, server)
        return made or None

    def _make(self, client: str, server: str) -> Translator:
        translator = Translator()
        for outside, inside, zones in self._rows:
            if client in zones and server not in zones:
                translator.add(inside, outside)
            elif server in zones and client not in zones:
                translator.add(outside, inside)
        return translator
