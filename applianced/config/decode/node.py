"""Reading RFC 7951 JSON data by path: each value that cannot be read is a ConfigError with its instance path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, NamedTuple, NoReturn

from applianced.config.ports import PORTS, PROTOCOLS
from applianced.config.schema import Address, Interface, Network, PortRange
from applianced.errors import ConfigError

MISSING = {"tag": "data-missing", "app_tag": "instance-required"}
"""What RFC 7950 15.5 says of a reference without a target, as arguments of ConfigError."""


class Node(NamedTuple):
    """A container or list entry. data: its members as RFC 7951 writes them. path: its instance path."""

    data: Mapping[str, Any]
    path: str = ""

    def child(self, name: str) -> Node:
        """The container of that name; an empty one when it is not there."""
        path = f"{self.path}/{name}"
        value = self.data.get(name, {})
        return Node(value, path) if isinstance(value, Mapping) else fail(path, "this is not a container")

    def entries(self, name: str, *keys: str) -> Iterator[Node]:
        """The entries of a list, `name` by default its key."""
        value = self.data.get(name, ())
        path = f"{self.path}/{name}"
        if not isinstance(value, Sequence) or isinstance(value, str):
            fail(path, "this is not a list")
        for entry in value:
            if not isinstance(entry, Mapping):
                fail(path, "this list has an entry that is none")
            where = "".join(f"[{key}={quoted(str(entry.get(key, '')))}]" for key in keys or ("name",))
            yield Node(entry, path + where)

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """(value, instance path) of each entry of a leaf-list."""
        value = self.data.get(name, ())
        path = f"{self.path}/{name}"
        if not isinstance(value, Sequence) or isinstance(value, str):
            fail(path, "this is not a leaf-list")
        for text in value:
            yield str(text), f"{path}[.={quoted(str(text))}]"

    def has(self, name: str) -> bool:
        """Whether an empty leaf, a presence container or anything else of that name is there."""
        return name in self.data

    def text(self, name: str, default: str = "") -> str:
        return str(self.data.get(name, default))

    def number(self, name: str) -> int:
        """An integer of up to 32 bits, or a larger one, which RFC 7951 6.1 writes as text."""
        value = self.data.get(name)
        try:
            return int(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            fail(f"{self.path}/{name}", f"{value!r} is not a number" if value is not None else "this leaf is missing")

    def network(self, name: str) -> Network:
        return network(self.text(name), f"{self.path}/{name}")

    def address(self, name: str) -> Address:
        text = self.text(name)
        try:
            return ip_address(text)
        except ValueError:
            fail(f"{self.path}/{name}", f"{text!r} is not an IP address")

    def range(self, name: str) -> PortRange | None:
        """A container with `low` and `high`; None when it is not there."""
        if name not in self.data:
            return None
        container = self.child(name)
        low, high = container.number("low"), container.number("high")
        return (low, high) if low <= high else fail(f"{container.path}/high", "'high' is below 'low'; exchange them")


def quoted(value: str) -> str:
    """A key as an instance path holds it (RFC 7950 6.1.3)."""
    return f"'{value}'" if "'" not in value else f'"{value}"'


def fail(path: str, message: str, **error: str) -> NoReturn:
    """Raises ConfigError."""
    raise ConfigError(path, message, **error)


def network(text: str, path: str) -> Network:
    """A prefix, or a bare address as the network of that host alone. Raises ConfigError."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        fail(path, f"{text!r} is neither an IP prefix nor an address")


def interface(text: str, path: str) -> Interface:
    """An address with its prefix length. Raises ConfigError."""
    try:
        return ip_interface(text)
    except ValueError:
        fail(path, f"{text!r} is not an IP address with prefix length")


def parse_protocol(text: str) -> int:
    """An IP protocol by name or number. Raises ValueError."""
    number = PROTOCOLS.get(text)
    if number is None:
        number = int(text)
    if not 1 <= number <= 255:
        raise ValueError(f"IP protocol {text} is not within 1 to 255")
    return number


def parse_ports(text: str) -> PortRange:
    """A port, a service's name or `low-high`. Raises ValueError."""
    number = PORTS.get(text)
    if number is not None:
        return number, number
    low, dash, high = text.partition("-")
    first = int(low)
    last = int(high) if dash else first
    if not 0 <= first <= last <= 65535:
        raise ValueError(f"{text} is not a range of ports; the lower one stands first, 65535 is the last")
    return first, last
