"""Three configurations into one, against a model of it that knows only paths and values."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.datastore.compare import differ
from applianced.datastore.rebase import Conflict, Resolution, rebase
from tests.support.shop import content, tree_of

ITEM = "<item><name>{}</name><kind>small</kind>{}</item>"
REVERT, OURS, THEIRS = Resolution


def merged(base: str, ours: str, theirs: str, resolution: Resolution = REVERT) -> tuple[str | None, list[Conflict]]:
    """What the shop holds, and the conflicts; defaults are in all three, as after a commit."""
    with tree_of(base) as first, tree_of(ours) as second, tree_of(theirs) as third:
        for tree in (first, second, third):
            tree.complete()
        before = [content(tree) for tree in (first, second, third)]
        done = rebase(first, second, third, resolution)
        assert [content(tree) for tree in (first, second, third)] == before
        if done.tree is None:
            return None, done.conflicts
        with done.tree as tree:
            return content(tree), done.conflicts


def items(*names: str) -> str:
    return "".join(ITEM.format(name, "") for name in names)


def shelves(*rows: int) -> str:
    return "".join(f"<shelf><row>{row}</row><column>c</column></shelf>" for row in rows)


def queue(*values: str) -> str:
    return "".join(f"<queue>{value}</queue>" for value in values)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ("<title>a</title>", "<title>b</title>", "<title>a</title><size>3</size>", "<title>b</title><size>3</size>"),
        ("<title>a</title>", "", "<title>a</title><size>3</size>", "<size>3</size>"),
        ("<title>a</title>", "<title>b</title>", "<title>b</title>", "<title>b</title>"),
        (items("x"), items("x", "y"), items("x", "z"), items("x", "z", "y")),
        (items("x", "y"), items("x"), items("y"), ""),
        (items("x"), items("x"), "", ""),
        ("", items("x"), items("x"), items("x")),
        ("", "<open><hours>8</hours></open>", "<title>a</title>", "<title>a</title><open><hours>8</hours></open>"),
        ("<tag>a</tag>", "<tag>a</tag><tag>b</tag>", "<tag>a</tag><size>3</size>",
         "<size>3</size><tag>a</tag><tag>b</tag>"),
        (queue("a", "b"), queue("b", "a"), queue("a", "b") + "<title>t</title>", "<title>t</title>" + queue("b", "a")),
        (shelves(1, 2, 3), shelves(3, 1, 2), shelves(1, 2, 3, 4), shelves(3, 4, 1, 2)),
        (shelves(1, 2, 3), shelves(1, 2, 3, 5), shelves(3, 2, 1), shelves(3, 5, 2, 1)),
        (shelves(1, 2, 3), shelves(1, 2, 3, 5), shelves(1, 2, 3, 4), shelves(1, 2, 3, 4, 5)),
        (shelves(1, 2), shelves(2, 1), shelves(2, 1), shelves(2, 1)),
        ("<cash/>", "<issuer>x</issuer>", "<cash/><title>t</title>", "<title>t</title><issuer>x</issuer>"),
        ("", "<hall><rug><length>3</length></rug></hall>", "<hall><lamp>x</lamp></hall>",
         "<hall><lamp>x</lamp><rug><length>3</length></rug></hall>"),
        ("<hall><lamp>x</lamp></hall>", "<hall><lamp>x</lamp><rug><length>3</length></rug></hall>", "",
         "<hall><rug><length>3</length></rug></hall>"),
    ],
)  # fmt: skip
def test_changes_to_different_nodes_join(base: str, ours: str, theirs: str, result: str) -> None:
    for resolution in Resolution:
        assert merged(base, ours, theirs, resolution) == (result, [])


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "path"),
    [
        ("<title>a</title>", "<title>b</title>", "<title>c</title>", "/example:shop/title"),
        ("<title>a</title>", "", "<title>c</title>", "/example:shop/title"),
        ("<title>a</title>", "<title>b</title>", "", "/example:shop/title"),
        ("", "<title>b</title>", "<title>c</title>", "/example:shop/title"),
        (items("x"), ITEM.format("x", "<price>3</price>"), "", "/example:shop/item[name='x']"),
        (items("x"), "", ITEM.format("x", "<price>3</price>"), "/example:shop/item[name='x']"),
        ("", items("x"), ITEM.format("x", "<price>3</price>"), "/example:shop/item[name='x']"),
        (items("x"), ITEM.format("x", "<price>3</price>"), ITEM.format("x", "<price>4</price>"),
         "/example:shop/item[name='x']/price"),
        ("", "<open><hours>8</hours></open>", "<open><hours>9</hours></open>", "/example:shop/open"),
        ("<tag>a</tag>", "<tag>a</tag><tag>b</tag>", "<tag>a</tag><tag>c</tag>", "/example:shop/tag"),
        (queue("a", "b"), queue("b", "a"), queue("a"), "/example:shop/queue"),
        (shelves(1, 2, 3), shelves(3, 1, 2), shelves(2, 1, 3), "/example:shop/shelf"),
        ("", "<cash/>", "<issuer>x</issuer>", "/example:shop/cash"),
        ("", "<hall><lamp>x</lamp></hall>", "<cash/>", "/example:shop/hall"),
    ],
)  # fmt: skip
def test_changes_to_one_node_are_in_conflict(base: str, ours: str, theirs: str, path: str) -> None:
    result, conflicts = merged(base, ours, theirs)
    assert result is None
    assert [conflict.path for conflict in conflicts] == [path]
    for resolution, wanted in ((OURS, ours), (THEIRS, theirs)):
        with tree_of(wanted) as tree:
            assert merged(base, ours, theirs, resolution) == (content(tree), conflicts)


def test_a_conflict_says_all_three_values() -> None:
    _, (title, tags) = merged("<title>a</title>", "<title>b</title><tag>x</tag><tag>y</tag>", "<tag>z</tag>")
    assert (title.base, title.candidate, title.running) == ("a", "b", None)
    assert (tags.base, tags.candidate, tags.running) == (None, "x y", "z")


Shop = Mapping[str, str]
"""Path -> value: "title", "size", "tag" (its members), "item x" (its price, "-" for none)."""


def xml(shop: Shop) -> str:
    tags = "".join(f"<tag>{member}</tag>" for member in shop.get("tag", ""))
    leaves = "".join(f"<{name}>{shop[name]}</{name}>" for name in ("title", "size") if name in shop)
    entries = (
        ITEM.format(path[5:], "" if price == "-" else f"<price>{price}</price>")
        for path, price in shop.items()
        if path.startswith("item ")
    )
    return leaves + "".join(entries) + tags


def joined(base: Shop, ours: Shop, theirs: Shop, resolution: Resolution) -> tuple[Shop, set[str]]:
    """The model: by path. An entry and its price are one path, since the entry holds nothing else that changes."""
    result, conflicts = {}, set()
    for path in {*base, *ours, *theirs}:
        before, mine, other = base.get(path), ours.get(path), theirs.get(path)
        value = other if mine == before else mine
        if mine != before and other != before and mine != other:
            conflicts.add(path)
            value = mine if resolution is OURS else other
        if value is not None:
            result[path] = value
    return result, conflicts


SHOPS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from("abc"),
        "size": st.sampled_from(["1", "2"]),
        "tag": st.sampled_from(["x", "y", "xy"]),
        **{f"item {name}": st.sampled_from(["-", "1", "2"]) for name in "pqr"},
    },
)


@settings(max_examples=300, deadline=None)
@given(SHOPS, SHOPS, SHOPS, st.sampled_from([OURS, THEIRS]))
def test_any_three(base: Shop, ours: Shop, theirs: Shop, resolution: Resolution) -> None:
    wanted, paths = joined(base, ours, theirs, resolution)
    result, conflicts = merged(xml(base), xml(ours), xml(theirs), resolution)
    assert result is not None
    assert {_model_path(conflict.path) for conflict in conflicts} == paths
    assert len(conflicts) == len(paths)
    with tree_of(result) as got, tree_of(xml(wanted)) as expected:
        assert not differ(got, expected)
    assert (merged(xml(base), xml(ours), xml(theirs))[0] is None) == bool(paths)


def _model_path(path: str) -> str:
    step = path.split("/")[2]
    return f"item {step[11:-2]}" if step.startswith("item[") else step


ORDERS = st.permutations([1, 2, 3, 4]).flatmap(lambda rows: st.integers(0, 4).map(lambda count: rows[:count]))


@settings(max_examples=300, deadline=None)
@given(ORDERS, ORDERS, ORDERS, st.sampled_from([OURS, THEIRS]))
def test_any_three_orders_keep_the_members(
    base: list[int], ours: list[int], theirs: list[int], resolution: Resolution
) -> None:
    result, _ = merged(shelves(*base), shelves(*ours), shelves(*theirs), resolution)
    assert result is not None
    rows = [int(part.partition("</row>")[0]) for part in result.split("<row>")[1:]]
    mine, other = set(ours), set(theirs)
    assert set(rows) == (mine & other) | (mine - set(base)) | (other - set(base))
    leading = ours if resolution is OURS else theirs
    contradict = merged(shelves(*base), shelves(*ours), shelves(*theirs))[0] is None
    if contradict:
        assert [row for row in rows if row in leading] == [row for row in leading if row in rows]
