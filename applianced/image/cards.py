"""Names of network cards by their addresses, as a seed's network-config gives them with `match` and `set-name`.

Without them the cards are named by their order on the bus, see DEFAULTS. The initial file system does both at every
boot; what is here is for the boot at which the seed is read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from applianced.image.places import Places

MANAGEMENT = "management"
"""Where NETCONF answers with the image's own configuration."""
DEFAULTS: Mapping[str, str] = {"eth0": MANAGEMENT, "eth1": "inside", "eth2": "outside"}
"""The kernel's name -> ours."""

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_KERNELS = re.compile(r"eth[0-9]+|lo")


def present(places: Places) -> dict[str, str]:
    """Name -> MAC address, in small letters, of each network card, in the order in which the kernel found them."""
    if not places.network_cards.is_dir():
        return {}
    cards = [card for card in places.network_cards.iterdir() if (card / "device").exists()]
    cards.sort(key=lambda card: int((card / "ifindex").read_text()))
    return {card.name: (card / "address").read_text().strip().lower() for card in cards}


def matched_address(name: str, ethernet: Mapping[str, Any]) -> str:
    """The MAC address that an entry of `ethernets` is for, in small letters; "" when it does not say.

    Raises ValueError.
    """
    match = ethernet.get("match")
    if match is None:
        return ""
    if not isinstance(match, dict) or set(match) != {"macaddress"}:
        raise ValueError(f"{name}: match: only macaddress is supported, and needed")
    address = str(match["macaddress"]).lower()
    if not _MAC.fullmatch(address):
        raise ValueError(f"{name}: match: macaddress {address!r}: must be like '52:54:00:12:34:56', in quotes")
    return address


def card_names(ethernets: Mapping[str, Any]) -> dict[str, str]:
    """MAC address -> name, for every entry with `set-name`. Raises ValueError."""
    names: dict[str, str] = {}
    for entry, ethernet in ethernets.items():
        name = ethernet.get("set-name") if isinstance(ethernet, dict) else None
        if name is None:
            continue
        address = matched_address(entry, ethernet)
        if not address:
            raise ValueError(f"{entry}: set-name: needs match with macaddress")
        if _KERNELS.fullmatch(str(name)):
            raise ValueError(f"{entry}: set-name {name}: the kernel gives such names itself; take another")
        if address in names or name in names.values():
            raise ValueError(f"{entry}: set-name {name}: address or name is given twice")
        names[address] = str(name)
    return names


def may_be_there(name: str, given: Collection[str]) -> bool:
    """Whether a card can have that name. given: those of `card_names`; the kernel names who has none of them."""
    if given:
        return name in given or bool(_KERNELS.fullmatch(name))
    return name in DEFAULTS.values() or (bool(_KERNELS.fullmatch(name)) and name not in DEFAULTS)


def renaming(cards: Mapping[str, str], names: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """What to rename, in order, so that the cards have the names of the next boot.

    cards: from `present`; a former seed may have named them. names: from `card_names`.
    """
    target: dict[str, str] = {}
    for number, (name, address) in enumerate(cards.items()):
        kernels = f"eth{number}"
        target[name] = names.get(address, kernels) if names else DEFAULTS.get(kernels, kernels)
    return list(_steps({name: to for name, to in target.items() if name != to}))


def _steps(target: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """By way of names that nobody has: they may change places."""
    for number, name in enumerate(target):
        yield name, f"renaming{number}"
    for number, to in enumerate(target.values()):
        yield f"renaming{number}", to
