"""Edits of a commit, as RFC 6470 names them: one of everything by hand, then anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore.compare import differ
from applianced.datastore.edits import Edit, edits
from applianced.datastore.places import is_configured
from applianced.datastore.tree import Tree
from tests.support.shop import tree_of
from tests.unit.datastore.test_compare import shops

SHOP = "/example:shop"


def found(before: str, after: str, most: int = 100) -> list[tuple[str, str]]:
    with tree_of(before) as one, tree_of(after) as other:
        return [tuple(edit) for edit in edits(one, other, most)]


ITEM = "<item><name>{}</name>{}</item>"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("<size>1</size>", "<size>1</size>", []),
        ("", "<size>1</size>", [("create", SHOP)]),
        ("<size>1</size>", "", [("delete", SHOP)]),
        ("<size>1</size>", "<size>2</size>", [("replace", f"{SHOP}/size")]),
        ("<size>1</size>", "<size>1</size><title>t</title>", [("create", f"{SHOP}/title")]),
        (ITEM.format("a", ""), ITEM.format("a", "") + ITEM.format("b", ""), [("create", f"{SHOP}/item[name='b']")]),
        (ITEM.format("a", "<price>1</price>"), ITEM.format("a", "<price>2</price>"),
         [("replace", f"{SHOP}/item[name='a']/price")]),
        (ITEM.format("a", "") + ITEM.format("b", ""), ITEM.format("b", "") + ITEM.format("a", ""), []),
        ("<tag>a</tag>", "<tag>b</tag>", [("delete", f"{SHOP}/tag[.='a']"), ("create", f"{SHOP}/tag[.='b']")]),
        ("<queue>a</queue><queue>b</queue><queue>c</queue>", "<queue>c</queue><queue>a</queue><queue>b</queue>",
         [("merge", f"{SHOP}/queue[.='c']")]),
    ],
)  # fmt: skip
def test_edits(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    assert found(before, after) == expected


def test_too_many_are_those_of_the_nodes_above() -> None:
    many = "".join(ITEM.format(number, "<price>1</price>") for number in range(20))
    other = "".join(ITEM.format(number, "<price>2</price><count>2</count>") for number in range(20))
    assert len(found(many, other)) == 40
    assert found(many, other, 20) == [("merge", f"{SHOP}/item[name='{number}']") for number in range(20)]
    assert found(many, other, 19) == [("merge", SHOP)]


def test_defaults_do_not_count() -> None:
    with tree_of(ITEM.format("a", "<kind>small</kind>")) as one, tree_of(ITEM.format("a", "<kind>small</kind>")) as two:
        two.validate()
        assert edits(one, two, 1) == edits(two, one, 1) == []


@given(shops, shops, st.integers(1, 6))
def test_they_say_what_differs(before: str, after: str, most: int) -> None:
    with tree_of(before) as one, tree_of(after) as other:
        named = edits(one, other, most)
        assert len(named) <= most
        assert bool(named) is differ(one, other)
        for edit in edits(one, other, 1000):
            assert not ("'" in edit.target and '"' in edit.target)
            assert _there(one, other, edit) == (edit.operation != "create", edit.operation != "delete"), edit


def _there(before: Tree, after: Tree, edit: Edit) -> tuple[bool, bool]:
    """Whether the target was there, and is. A node by default counts as not there."""
    return _has(before, edit.target), _has(after, edit.target)


def _has(tree: Tree, path: str) -> bool:
    return any(is_configured(node) for node in tree.find_all(path))
