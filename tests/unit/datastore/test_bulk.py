"""Many new entries in one place: the same as a merge of libyang's, and faster."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore import bulk, native
from applianced.datastore.edit import EditOptions, ErrorOption, ResultTest
from applianced.datastore.native import Defaults, Form
from tests.support.shop import edited, shop_models, tree_of

_NUMBERS = st.lists(st.integers(0, 6), unique=True, max_size=6)


@st.composite
def shops(draw: st.DrawFn) -> str:
    parts = [f"<tag>{number}</tag>" for number in draw(_NUMBERS)]
    parts += [f"<queue>{number}</queue>" for number in draw(_NUMBERS)]
    parts += [
        f"<item><name>{number}</name><price>{draw(st.integers(0, 3))}</price></item>" for number in draw(_NUMBERS)
    ]
    parts += [f"<shelf><row>{number}</row><column>c</column></shelf>" for number in draw(_NUMBERS)]
    parts += [
        f"<door><name>{number}</name><way><inside/></way>"
        f"{''.join(f'<key-holder>{holder}</key-holder>' for holder in draw(_NUMBERS))}</door>"
        for number in draw(_NUMBERS)
    ]
    parts += ["<title>t</title>"] * draw(st.integers(0, 1))
    return "".join(draw(st.permutations(parts)))


@given(shops(), shops(), st.booleans())
def test_it_is_a_merge(before: str, change: str, complete: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bulk, "MANY", 0)
        patched.setattr(bulk, "PIECE", 2)
        with tree_of(before) as ours, tree_of(before) as theirs:
            for tree in (ours, theirs):
                if complete:
                    tree.complete()
            ours.merge(tree_of(change))
            other = tree_of(change)
            source, other.first = other.first, native.NULL
            theirs.first = native.merge(shop_models().context, theirs.first, source)
            for defaults in (Defaults.EXPLICIT, Defaults.ALL):
                assert ours.render(Form.XML, defaults=defaults) == theirs.render(Form.XML, defaults=defaults)
            # A copy marks containers by what is in them, which a merge forgets.
            with theirs.duplicate() as fresh:
                assert native.equal(ours.first, fresh.first)


def test_a_container_whose_default_gave_way_is_configured() -> None:
    with tree_of("") as tree:
        tree.complete()
        tree.merge(tree_of("<size>1</size>"))
        (shop,) = tree.roots()
        assert not native.is_default(shop)
        with tree.duplicate() as copy:
            assert native.equal(tree.first, copy.first)


@pytest.mark.parametrize("entry", ["<tag>{}</tag>", "<item><name>{}</name><kind>small</kind></item>"])
def test_what_is_known_is_merged_in_time(entry: str) -> None:
    took = []
    for number in (2_000, 16_000):
        change = "".join(entry.format(one) for one in range(number))
        with tree_of(change) as known, tree_of(change) as same:
            began = time.process_time()
            known.merge(same)
            took.append(time.process_time() - began)
    assert took[1] < 25 * took[0]


@pytest.mark.parametrize(
    ("entry", "options"),
    [
        ("<tag>{}</tag>", EditOptions()),
        ("<item><name>{}</name><kind>small</kind></item>", EditOptions()),
        ("<queue>{}</queue>", EditOptions(error_option=ErrorOption.CONTINUE)),
        ('<tag nc:operation="create">{}</tag>', EditOptions()),
        ("<item><name>{}</name><kind>small</kind></item>", EditOptions(test_option=ResultTest.TEST_THEN_SET)),
    ],
)
def test_time_grows_with_the_number(entry: str, options: EditOptions) -> None:
    took = []
    for number in (2_000, 16_000):
        change = "".join(entry.format(one) for one in range(number))
        began = time.process_time()
        assert edited("<title>t</title>", change, options).count("</") == 1 + number * (entry.count("</"))
        took.append(time.process_time() - began)
    # Eight times the number: eight times the time, where it was sixty-four.
    assert took[1] < 25 * took[0]
