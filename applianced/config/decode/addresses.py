"""`security address-book`: names to networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from applianced.config.decode.node import MISSING, Node
from applianced.config.schema import AddressBook, Network
from applianced.config.sets import Members, flatten
from applianced.errors import ConfigError

GLOBAL = "global"

ANY: Mapping[str, tuple[Network, ...]] = {
    "any": (),
    "any-ipv4": (ip_network("0.0.0.0/0"),),
    "any-ipv6": (ip_network("::/0"),),
}
"""Names that every zone knows; () means any."""
_UNKNOWN: tuple[Network, ...] = (ip_network("0.0.0.0/32"), ip_network("::/128"))
"""Stands for a name without addresses until its fault is reported: nothing else would be found wrong because of it, as
of "any" and of one address family alone."""


def decode_books(security: Node, faults: list[ConfigError]) -> tuple[AddressBook, ...]:
    """Every address book, its sets flattened. faults: takes members that are not there. Raises ConfigError."""
    return tuple(_book(entry, faults) for entry in security.entries("address-book"))


def _book(entry: Node, faults: list[ConfigError]) -> AddressBook:
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
    known = len(faults)
    for one in own.values():
        faults += (_missing(name, one.path) for name in one.names if name not in addresses)
    for name, members in flatten(own, {}, faults).items():
        addresses[name] = _networks(addresses, members)
    if len(faults) > known:
        # What became empty by that is no fault of those who name it.
        addresses |= {name: addresses[name] or _UNKNOWN for name in own}
    return AddressBook(
        name=entry.text("name"),
        addresses=addresses,
        zones=tuple(zone.text("name") for zone in entry.child("attach").entries("zone")),
    )


def _missing(name: str, path: str) -> ConfigError:
    return ConfigError(path, f"the book has no address '{name}'; add it or remove it from the set", **MISSING)


def _networks(addresses: Mapping[str, tuple[Network, ...]], members: Iterable[str]) -> tuple[Network, ...]:
    found: dict[Network, None] = {}
    for member in members:
        found.update(dict.fromkeys(addresses.get(member, _UNKNOWN)))
    return tuple(found)


class Resolver:
    """Address names to networks, as a zone sees them: its own book goes before `global`."""

    def __init__(self, books: Iterable[AddressBook], faults: list[ConfigError]) -> None:
        """faults: takes each name that stands for no address; an empty set would otherwise turn into any."""
        self._faults = faults
        self._global: dict[str, tuple[Network, ...]] = dict(ANY)
        self._zones: dict[str, dict[str, tuple[Network, ...]]] = {}
        for book in books:
            if book.name == GLOBAL:
                self._global |= book.addresses
            for zone in book.zones:
                self._zones.setdefault(zone, {}).update(book.addresses)

    def resolve(self, node: Node, leaf: str, zone: str = "") -> tuple[Network, ...]:
        """Networks of a leaf-list of names, each once; () means any. zone: "" for the book `global` alone."""
        found: dict[Network, None] = {}
        everything = False
        for name, path in node.texts(leaf):
            networks = self._zones.get(zone, {}).get(name, self._global.get(name))
            if networks is None:
                message = f"there is no address or address-set '{name}' in {_where(zone)}; add it"
                self._faults.append(ConfigError(path, message, **MISSING))
                networks = _UNKNOWN
            elif not networks and name != "any":
                message = f"the address-set '{name}' is empty; add an address to it or remove it from here"
                self._faults.append(ConfigError(path, message))
                networks = _UNKNOWN
            everything = everything or not networks
            found.update(dict.fromkeys(networks))
        return () if everything else tuple(found)


def _where(zone: str) -> str:
    return f"the address book of zone '{zone}' or in 'global'" if zone else "the address book 'global'"
