"""`security address-book`: names to networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from applianced.config.decode.node import MISSING, Node, fail
from applianced.config.schema import AddressBook, Network
from applianced.config.sets import Members, flatten

GLOBAL = "global"

ANY: Mapping[str, tuple[Network, ...]] = {
    "any": (),
    "any-ipv4": (ip_network("0.0.0.0/0"),),
    "any-ipv6": (ip_network("::/0"),),
}
"""Names that every zone knows; () means any."""


def decode_books(security: Node) -> tuple[AddressBook, ...]:
    """Every address book, its sets flattened. Raises ConfigError."""
    return tuple(_book(entry) for entry in security.entries("address-book"))


def _book(entry: Node) -> AddressBook:
    addresses: dict[str, tuple[Network, ...]] = {
        address.text("name"): (address.network("ip-prefix"),) for address in entry.entries("address")
    }
    own = {
        one.text("name"): Members(
            names=tuple(member.text("name") for member in one.entries("address")),
            sets=tuple(member.text("name") for member in one.entries("address-set")),
            path=one.path,
            nested="address-set",
        )
        for one in entry.entries("address-set")
    }
    for name, members in flatten(own, {}).items():
        addresses[name] = _networks(addresses, members, own[name].path)
    return AddressBook(
        name=entry.text("name"),
        addresses=addresses,
        zones=tuple(zone.text("name") for zone in entry.child("attach").entries("zone")),
    )


def _networks(addresses: Mapping[str, tuple[Network, ...]], members: Iterable[str], path: str) -> tuple[Network, ...]:
    found: dict[Network, None] = {}
    for member in members:
        if member not in addresses:
            fail(path, f"the book has no address '{member}'; add it or remove it from the set", **MISSING)
        found.update(dict.fromkeys(addresses[member]))
    return tuple(found)


class Resolver:
    """Address names to networks, as a zone sees them: its own book goes before `global`."""

    def __init__(self, books: Iterable[AddressBook]) -> None:
        self._global: dict[str, tuple[Network, ...]] = dict(ANY)
        self._zones: dict[str, dict[str, tuple[Network, ...]]] = {}
        for book in books:
            if book.name == GLOBAL:
                self._global |= book.addresses
            for zone in book.zones:
                self._zones.setdefault(zone, {}).update(book.addresses)

    def resolve(self, node: Node, leaf: str, zone: str = "") -> tuple[Network, ...]:
        """Networks of a leaf-list of names, each once; () means any. zone: "" for the book `global` alone.

        Raises ConfigError that names the missing address; an empty set would otherwise turn into any.
        """
        found: dict[Network, None] = {}
        everything = False
        for name, path in node.texts(leaf):
            networks = self._zones.get(zone, {}).get(name, self._global.get(name))
            if networks is None:
                fail(path, f"there is no address or address-set '{name}' in {_where(zone)}; add it", **MISSING)
            if not networks and name != "any":
                fail(path, f"the address-set '{name}' is empty; add an address to it or remove it from here")
            everything = everything or not networks
            found.update(dict.fromkeys(networks))
        return () if everything else tuple(found)


def _where(zone: str) -> str:
    return f"the address book of zone '{zone}' or in 'global'" if zone else "the address book 'global'"
