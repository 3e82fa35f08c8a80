"""Comparing configurations: one of everything by hand, then anything at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore.compare import changes, differ
from applianced.datastore.edit import EditOptions, edit
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from tests.support.shop import content, shop, tree_of


def compared(before: str, after: str) -> list[str]:
    with tree_of(before) as one, tree_of(after) as other:
        lines = list(changes(one, other))
        assert differ(one, other) is bool(lines)
        return lines


def test_a_default_that_a_merge_gives_another_value() -> None:
    with tree_of("") as before:
        before.validate()
        with before.duplicate() as after:
            edit(after, shop("<size>1</size>"), EditOptions())
            assert list(changes(before, after)) == ["set shop size 1"]


ITEM = "<item><name>{}</name>{}</item>"
SHELF = "<shelf><row>{}</row><column>{}</column>{}</shelf>"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("<title>a</title>", "<title>a</title>", []),
        ("", "<title>a</title>", ["set shop title a"]),
        ("<title>a</title>", "<title>b</title>", ["set shop title b"]),
        ("<title>a</title><size>1</size>", "<size>1</size>", ["delete shop title"]),
        ("<title>a</title>", "", ["delete shop"]),
        ("<size>1</size>", '<size>1</size><title>a "b" \\</title>', [r'set shop title "a \"b\" \\"']),
        ("<size>1</size>", "<size>1</size><title>a\nb</title>", [r'set shop title "a\nb"']),
        ("", "<size>10</size>", ["set shop size 10"]),
        ("", "<paint>ex:red</paint>", ["set shop paint red"]),
        ("", "<cash/>", ["set shop cash"]),
        ("", "<open/>", ["set shop open"]),
        ("<size>1</size><open><hours>9</hours></open>", "<size>1</size>", ["delete shop open"]),
        ("", ITEM.format("a", ""), ["set shop item a"]),
        ("", ITEM.format("a b", "<price>1</price><count>2</count>"),
         ['set shop item "a b" price 1', 'set shop item "a b" count 2']),
        (ITEM.format("a", "") + ITEM.format("b", ""), ITEM.format("b", ""), ["delete shop item a"]),
        (ITEM.format("a", "") + ITEM.format("b", ""), ITEM.format("b", "") + ITEM.format("a", ""), []),
        (ITEM.format("a", "<price>1</price>"), ITEM.format("a", "<count>1</count>"),
         ["delete shop item a price", "set shop item a count 1"]),
        ("<tag>a</tag><tag>b</tag>", "<tag>b</tag><tag>c</tag>", ["delete shop tag a", "set shop tag c"]),
        ("<queue>a</queue><queue>b</queue>", "<queue>b</queue><queue>a</queue>",
         ["insert shop queue a after queue b"]),
        ("<queue>a</queue>", "<queue>a</queue><queue>b</queue>", ["set shop queue b"]),
        ("<queue>a</queue>", "<queue>b</queue><queue>a</queue>", ["set shop queue b", "insert shop queue b first"]),
        (SHELF.format(1, "x", "") + SHELF.format(2, "y'z", ""),
         SHELF.format(2, "y'z", "<label>l</label>") + SHELF.format(3, "w", "") + SHELF.format(1, "x", ""),
         ["set shop shelf 2 \"y'z\" label l", "set shop shelf 3 w",
          "insert shop shelf 1 x after shelf 3 w"]),
        (SHELF.format(1, "x", "<label>k</label>") + SHELF.format(2, "y", ""),
         SHELF.format(2, "y", "") + SHELF.format(1, "x", "<label>l</label>"),
         ["insert shop shelf 1 x after shelf 2 y", "set shop shelf 1 x label l"]),
    ],
)  # fmt: skip
def test_lines(before: str, after: str, lines: list[str]) -> None:
    assert sorted(compared(before, after)) == sorted(lines)


def test_defaults_and_empty_containers_do_not_count() -> None:
    item = "<item><name>a</name><kind>small</kind></item>"
    with tree_of(item) as plain, tree_of(item) as grown:
        grown.validate()
        assert not differ(plain, grown)
        assert not differ(grown, plain)
    with tree_of("") as empty, Tree(empty.models) as nothing:
        assert not differ(empty, nothing)
        assert not differ(nothing, empty)
        assert not differ(nothing, nothing)


names = st.sampled_from(["a", "b", "c", "d'e", 'f"g', "h i", "é]", "", "'\""])
xml_text = names.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;"))


def leaf(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), values.map(lambda value: f"<{name}>{value}</{name}>"))


def entries(form: str, inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.tuples(xml_text, inner)
    return st.lists(one, unique_by=lambda entry: entry[0], max_size=5).map(
        lambda found: "".join(form.format(name, rest) for name, rest in found)
    )


numbers = st.integers(1, 3).map(str)
joined = "".join
shops = st.tuples(
    leaf("title", st.sampled_from(["a", "b c"])),
    leaf("size", st.sampled_from(["10", "11"])),
    leaf("paint", st.sampled_from(["red", "ex:blue"])),
    st.sampled_from(["", "<open/>", "<open><hours>1</hours></open>", "<open><hours>2</hours></open>"]),
    entries("<item><name>{}</name>{}</item>", st.tuples(leaf("price", numbers), leaf("count", numbers)).map(joined)),
    entries("<shelf><row>1</row><column>{}</column>{}</shelf>", leaf("label", xml_text)),
    entries(
        "<door><name>{}</name>{}</door>",
        st.sampled_from(["", "<way><inside/></way>", "<way><number>1</number></way>", "<key-holder>a</key-holder>"]),
    ),
    entries("<tag>{}{}</tag>", st.just("")),
    entries("<queue>{}{}</queue>", st.just("")),
    st.sampled_from(["", "<cash/>", "<issuer>x</issuer>", "<limit>1</limit>"]),
).map(joined)


@given(shops, shops)
def test_the_lines_lead_from_one_to_the_other(before: str, after: str) -> None:
    with tree_of(before) as one, tree_of(after) as other:
        held = _flat(one)
        for line in changes(one, other):
            _perform(held, line)
        assert _shortened(held) == _shortened(_flat(other))
        assert list(changes(other, other)) == []


LEAF = re.compile(r'(.* (?:title|size|paint|hours|price|count|label|number|issuer|limit)) (?:"(?:[^"\\]|\\.)*"|\S+)')
ORDERED = re.compile(r'shop (?:queue|shelf 1) (?:"(?:[^"\\]|\\.)*"|\S+)')
ENTRY = re.compile(r'shop (?:open|(?:item|shelf 1|door) (?:"(?:[^"\\]|\\.)*"|\S+))')


def _flat(tree: Tree) -> list[str]:
    """Every `set` line that makes a tree."""
    held: list[str] = []
    with Tree(tree.models) as empty:
        for line in changes(empty, tree):
            _perform(held, line)
    return held


def _perform(held: list[str], line: str) -> None:
    """What an operator's console would do with a line."""
    verb, _, path = line.partition(" ")
    if verb == "delete":
        held[:] = [each for each in held if each != path and not each.startswith(f"{path} ")]
    elif verb == "set":
        if (entry := ENTRY.match(path)) and entry[0] not in held:
            held.append(entry[0])
        if leaf_path := LEAF.fullmatch(path):
            held[:] = [each for each in held if not each.startswith(f"{leaf_path[1]} ")]
        held.append(path)
    else:
        found = ORDERED.match(path)
        assert found, path
        mine = [each for each in held if each == found[0] or each.startswith(f"{found[0]} ")]
        rest = [each for each in held if each not in mine]
        where = path[found.end() :].strip()
        at = 0
        if where != "first":
            at = rest.index("shop " + where.removeprefix("after ")) + 1
        held[:] = rest[:at] + mine + rest[at:]


def _shortened(lines: list[str]) -> tuple[set[str], list[str], list[str]]:
    """Without entries that are said by what is in them; and the order of what the user orders."""
    needed = {line for line in lines if not any(other.startswith(f"{line} ") for other in lines)}
    shelves, queue = (
        list(dict.fromkeys(found[0] for line in lines if line.startswith(name) and (found := ORDERED.match(line))))
        for name in ("shop shelf", "shop queue")
    )
    return needed, shelves, queue


def test_a_tree_is_not_changed_by_being_compared() -> None:
    with tree_of("<title>a</title>") as one, tree_of("<title>b</title>") as other:
        list(changes(one, other))
        assert one.render(Form.XML) != other.render(Form.XML)
        assert (content(one), content(other)) == ("<title>a</title>", "<title>b</title>")
