"""Names of network cards by their addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.image.cards import DEFAULTS, card_names, present, renaming
from applianced.image.places import Places
from tests.unit.image.test_first_boot import RECIPE, put_cards

ADDRESSES = [f"52:54:00:ab:00:0{number}" for number in range(5)]
BY_ORDER = {"management": ADDRESSES[0], "inside": ADDRESSES[1], "outside": ADDRESSES[2], "eth3": ADDRESSES[3]}


def named(**names: str) -> dict[str, Any]:
    """Entries of `ethernets` that give the n-th card a name."""
    return {
        entry: {"match": {"macaddress": ADDRESSES[int(entry[-1])]}, "set-name": name} for entry, name in names.items()
    }


def after(before: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    """The cards when it is done, each step being possible."""
    cards = dict(before)
    for old, new in renaming(before, names):
        assert new not in cards
        cards[new] = cards.pop(old)
    return cards


def test_cards_change_places() -> None:
    names = card_names(named(card0="management", card1="outside", card2="inside"))
    assert after(BY_ORDER, names) == {
        "management": ADDRESSES[0], "outside": ADDRESSES[1], "inside": ADDRESSES[2], "eth3": ADDRESSES[3]
    }  # fmt: skip


def test_who_is_not_named_has_the_kernel_s_name() -> None:
    assert after(BY_ORDER, card_names(named(card3="management"))) == {
        "eth0": ADDRESSES[0], "eth1": ADDRESSES[1], "eth2": ADDRESSES[2], "management": ADDRESSES[3]
    }  # fmt: skip


def test_nothing_is_renamed_that_has_its_name() -> None:
    names = {ADDRESSES[0]: "management", ADDRESSES[1]: "inside", ADDRESSES[2]: "outside"}
    assert not renaming(BY_ORDER, names)


def test_after_a_seed_that_was_given_up_their_order_names_them() -> None:
    former = dict(zip(["inside", "mgmt0", "eth2", "eth3"], ADDRESSES, strict=False))
    assert after(former, {}) == BY_ORDER
    assert after(former, card_names(named(card1="management"))) == {
        "eth0": ADDRESSES[0], "management": ADDRESSES[1], "eth2": ADDRESSES[2], "eth3": ADDRESSES[3]
    }  # fmt: skip


def test_cards_in_the_order_of_the_kernel(tmp_path: Path) -> None:
    """Whatever they are called; what is no card (lo) is left out."""
    places = Places(tmp_path)
    assert present(places) == {}
    put_cards(places, outside=ADDRESSES[0], inside=ADDRESSES[1].upper(), management=ADDRESSES[2])
    (places.network_cards / "lo").mkdir()
    assert list(present(places).items()) == [
        ("outside", ADDRESSES[0]), ("inside", ADDRESSES[1]), ("management", ADDRESSES[2])
    ]  # fmt: skip


@given(st.permutations(["management", "inside", "outside", "dmz", "wan"]), st.sets(st.integers(0, 4), min_size=1))
def test_any_names_are_reached(order: list[str], chosen: set[int]) -> None:
    names = {ADDRESSES[number]: order[number] for number in chosen}
    before = {**BY_ORDER, "eth4": ADDRESSES[4]}
    found = {address: name for name, address in after(before, names).items()}
    for number, address in enumerate(ADDRESSES):
        assert found[address] == names.get(address, f"eth{number}")


def test_the_initial_file_system_has_the_same_defaults() -> None:
    words = " ".join(word for pair in DEFAULTS.items() for word in pair)
    assert f'names="{words}"\n' in (RECIPE / "initrd/init").read_text()


@pytest.mark.parametrize(
    ("ethernets", "message"),
    [
        ({"a": {"set-name": "inside"}}, "a: set-name: needs match with macaddress"),
        ({"a": {"match": {"macaddress": 3}, "set-name": "inside"}}, "macaddress '3': must be like"),
        (named(card0="eth1"), "card0: set-name eth1: the kernel gives such names itself"),
        (named(card0="inside", card1="inside"), "card1: set-name inside: address or name is given twice"),
        ({**named(card0="inside"), "b0": named(card0="outside")["card0"]}, "given twice"),
    ],
)
def test_mistakes_are_named(ethernets: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        card_names(ethernets)
