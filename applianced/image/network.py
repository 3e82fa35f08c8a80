"""Network configuration of a seed (version 2, as netplan's) as files for systemd-networkd.

The configuration of the appliance sets addresses, too (ietf-ip); what a seed gives lies below it: DHCP, and routes.
Pure: a mapping in, files out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from applianced.image.cards import DEFAULTS, MANAGEMENT, card_names, matched_address, may_be_there

Files = Mapping[str, str]
"""Name below /etc/systemd/network -> content."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,14}")
_HOST = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_ADDRESSING = ("dhcp4", "dhcp6", "addresses", "gateway4", "gateway6", "routes", "nameservers", "mtu", "accept-ra")
_USED = frozenset((*_ADDRESSING, "match", "set-name"))
_GIVES_ADDRESS = re.compile(r"^(Address=.+|DHCP=(yes|ipv4|ipv6)|IPv6AcceptRA=yes)$", re.MULTILINE)
"""Not what every card has by itself, a link-local one, which is of no use beyond the next router."""
_NETWORK = ("[Network]", "KeepConfiguration=static", "LLMNR=no", "MulticastDNS=no")


class Network(NamedTuple):
    """names: of cards, by MAC address in small letters; empty when their order names them."""

    files: Files
    names: Mapping[str, str]


def of_management(network: Network, cards: Sequence[str]) -> str:
    """The file that counts for the card of that name, "" when the seed has none.

    cards: MAC addresses in the order in which the kernel found the cards.
    """
    named = {name: address for address, name in network.names.items()}
    address = named.get(MANAGEMENT) or next(iter(cards), "")
    ways = (f"Name={MANAGEMENT}", f"MACAddress={address}")
    # systemd-networkd takes the first one that matches.
    return next((text for _, text in sorted(network.files.items()) if text.splitlines()[1] in ways), "")


def hides_management(network: Network, cards: Sequence[str]) -> str:
    """With what it leaves the image's own configuration out of reach, "" when with nothing. cards: as above."""
    if network.names and MANAGEMENT not in network.names.values():
        return f"gives cards names, but none is called {MANAGEMENT}, where NETCONF answers"
    file = of_management(network, cards)
    if file and not _GIVES_ADDRESS.search(file):
        return f"gives {MANAGEMENT}, where NETCONF answers, neither DHCP nor an address"
    return ""


def read_network(network: Any, cards: Collection[str] | None = None) -> Network:
    """A file for every interface of `ethernets`. Raises ValueError that says what cannot be done.

    cards: MAC addresses of those there are, in small letters; None when that is not known.
    """
    if not network:
        return Network({}, {})
    if not isinstance(network, dict):
        raise ValueError("must be a mapping with version and ethernets")
    if network.get("version") != 2:
        raise ValueError(f"version {network.get('version')!r}: only version 2 is read")
    unknown = sorted(str(key) for key in set(network) - {"version", "ethernets", "renderer"})
    if unknown:
        raise ValueError(f"{unknown[0]}: only ethernets are read")
    ethernets = network.get("ethernets") or {}
    if not isinstance(ethernets, dict):
        raise ValueError("ethernets: must be a mapping of interfaces")
    files: dict[str, str] = {}
    for entry, each in ethernets.items():
        name, content = _file(str(entry), each or {})
        if f"10-{name}.network" in files:
            raise ValueError(f"{entry}: another entry is for {name}, too")
        files[f"10-{name}.network"] = content
    names = card_names(ethernets)
    for entry, each in ethernets.items():
        if not (each or {}).get("match") and not may_be_there(str(entry), names.values()):
            known = f"{', '.join(DEFAULTS.values())}, eth3 and so on"
            raise ValueError(f"{entry}: no card has that name, but {known}; or give match with macaddress")
        address = matched_address(str(entry), each or {})
        if address and cards is not None and address not in cards:
            raise ValueError(f"{entry}: match: no card has the address {address}, but {', '.join(cards) or 'none'}")
    return Network(files, names)


def _file(entry: str, ethernet: Any) -> tuple[str, str]:
    """Its name and content."""
    if not isinstance(ethernet, dict):
        raise ValueError(f"{entry}: must be a mapping")
    name = str(ethernet.get("set-name", entry))
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an interface; the first three are management, inside, outside")
    unknown = sorted(str(key) for key in ethernet if key not in _USED)
    if unknown:
        raise ValueError(f"{name}: {unknown[0]}: is not supported; these are: {', '.join(sorted(_USED))}")
    for key in ("dhcp4", "dhcp6", "accept-ra"):
        if not isinstance(ethernet.get(key), bool | None):
            raise ValueError(f"{name}: {key} {ethernet[key]!r}: must be true or false, without quotes")
    address = matched_address(name, ethernet)
    by_address = address and "set-name" not in ethernet
    lines = ["[Match]", f"MACAddress={address}" if by_address else f"Name={name}"]
    if ethernet.get("mtu"):
        lines += ["[Link]", f"MTUBytes={_number(name, ethernet['mtu'])}"]
    lines += [*_NETWORK, f"DHCP={_dhcp(ethernet)}"]
    lines += [f"IPv6AcceptRA={'yes' if ethernet.get('accept-ra', ethernet.get('dhcp6')) else 'no'}"]
    lines += [f"Address={_interface(name, text)}" for text in _list(name, ethernet, "addresses")]
    lines += [f"DNS={_host(name, server)}" for server in _servers(name, ethernet)]
    lines += [f"Gateway={_host(name, ethernet[key])}" for key in ("gateway4", "gateway6") if ethernet.get(key)]
    for route in _list(name, ethernet, "routes"):
        lines += _route(name, route)
    return name, "\n".join([*lines, ""])


def _dhcp(ethernet: Mapping[str, Any]) -> str:
    versions = bool(ethernet.get("dhcp4")), bool(ethernet.get("dhcp6"))
    return {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}[versions]


def _list(name: str, ethernet: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = ethernet.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{name}: {key}: must be a list")
    return value


def _servers(name: str, ethernet: Mapping[str, Any]) -> Sequence[Any]:
    servers = ethernet.get("nameservers") or {}
    if not isinstance(servers, dict):
        raise ValueError(f"{name}: nameservers: must be a mapping with addresses")
    return _list(name, servers, "addresses")


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or not 68 <= value <= 65535:
        raise ValueError(f"{name}: mtu {value!r}: must be 68 to 65535")
    return value


def _interface(name: str, value: object) -> str:
    text = str(value)
    if "/" not in text:
        raise ValueError(f"{name}: address {text!r}: needs a prefix length, for example 192.0.2.1/24")
    if "%" in text:
        raise ValueError(f"{name}: address {text!r}: is of this card, without % and a name")
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _host(name: str, value: object) -> str:
    text = str(value)
    if not _HOST.fullmatch(text):
        raise ValueError(f"{name}: {text!r} is no address")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _route(name: str, route: Any) -> list[str]:
    if not isinstance(route, dict) or "to" not in route or set(route) - {"to", "via", "metric"}:
        raise ValueError(f"{name}: routes: each needs 'to', and may have 'via' and 'metric'")
    via = _host(name, route["via"]) if route.get("via") else ""
    to = str(route["to"])
    if to == "default":
        to = "::/0" if ":" in via else "0.0.0.0/0"
    try:
        lines = ["[Route]", f"Destination={ipaddress.ip_network(to, strict=False)}"]
        lines += [f"Metric={int(route['metric'])}"] if "metric" in route else []
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: route to {to}: {error}") from None
    return [*lines, *([f"Gateway={via}"] if via else [])]
