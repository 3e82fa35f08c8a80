"""Messages that say one thing many thousand times: libyang would take hours over each of these."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from lxml import etree

from applianced.datastore import rpc, whole
from applianced.datastore.candidate import Candidate
from applianced.datastore.crowding import REPEATS_MAX
from applianced.datastore.edit import EditOptions, ErrorOption
from applianced.datastore.places import Element
from applianced.errors import ConfigError
from tests.support.shop import content, shop, shop_models, tree_of

MANY = 50_000
BOUND_S = 5.0
"""With MANY, what grows with the square takes a minute and more."""
SAID_TOO_OFTEN = {
    "a leaf": "<item><name>q</name>" + "<kind>small</kind>" * MANY + "</item>",
    "a leaf, each time another": "<item><name>q</name>"
    + "".join(f"<price>{price}</price>" for price in range(MANY))
    + "</item>",
    "a leaf at the top": "<title>t</title>" * MANY,
    "an entry": "<item><name>q</name><kind>small</kind></item>" * MANY,
    "an entry of two keys": "<shelf><row>1</row><column>x</column></shelf>" * MANY,
    "an entry, each time with other blanks": "".join(
        f"<shelf><row>{' ' * (at % 9)}1{' ' * (at % 7)}</row><column>x</column></shelf>" for at in range(MANY)
    ),
}


def edited(elements: list[Element]) -> None:
    with tree_of("<title>old</title>") as base:
        candidate = Candidate(base)
        try:
            candidate.edit(elements, EditOptions())
        finally:
            assert not candidate.modified


def continued(elements: list[Element]) -> None:
    with tree_of("<title>old</title>") as base:
        candidate = Candidate(base)
        try:
            candidate.edit(elements, EditOptions(error_option=ErrorOption.CONTINUE))
        finally:
            candidate.discard()


def replaced(elements: list[Element]) -> None:
    whole.from_elements(shop_models(), elements).close()


@pytest.mark.parametrize("said", SAID_TOO_OFTEN.values(), ids=SAID_TOO_OFTEN)
@pytest.mark.parametrize("way", [edited, continued, replaced])
def test_it_is_refused_at_once(said: str, way: Callable[[list[Element]], None]) -> None:
    elements = shop(said)
    start = time.process_time()
    with pytest.raises(ConfigError, match="is said") as caught:
        way(elements)
    assert time.process_time() - start < BOUND_S
    assert caught.value.tag == "bad-element"
    assert caught.value.path.startswith("/example:shop")


def test_a_value_said_often_is_no_fault_of_an_edit() -> None:
    start = time.process_time()
    with tree_of("") as base:
        candidate = Candidate(base)
        candidate.edit(shop("<tag>t</tag>" * MANY), EditOptions())
        assert content(candidate.tree).count("<tag>") == 1
        candidate.discard()
    assert time.process_time() - start < BOUND_S


def test_long_lists_pass() -> None:
    entries = "".join(f"<item><name>i{at}</name><kind>small</kind></item><tag>t{at}</tag>" for at in range(2000))
    with whole.from_elements(shop_models(), shop(entries)) as tree:
        assert content(tree).count("<item>") == 2000
    few = "<tag>t</tag>" * REPEATS_MAX
    with whole.from_elements(shop_models(), shop(few)):
        pass


@pytest.mark.parametrize("said", ["<times>3</times>" * (rpc.ELEMENTS_MAX + 1), f"<times>{'3' * rpc.TEXT_MAX}3</times>"])
def test_the_input_of_an_rpc_is_short(said: str) -> None:
    with pytest.raises(ConfigError, match="at most 1000 elements") as caught:
        rpc.arguments(shop_models(), "example:ring", etree.fromstring(f'<ring xmlns="urn:example:shop">{said}</ring>'))
    assert caught.value.tag == "too-big"
