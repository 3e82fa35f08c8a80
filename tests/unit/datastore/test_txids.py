"""Tables of transaction ids, against a model that knows every state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.datastore import native, txids
from applianced.datastore.native import Kind
from applianced.datastore.tree import Tree
from applianced.datastore.txids import HISTORY_MAX, Found, Mechanism, State, Table
from tests.support.shop import tree_of

ITEM = "<item><name>{}</name><kind>small</kind><price>{}</price></item>"
SHOPS = st.tuples(
    st.sampled_from(["", "<title>a</title>", "<title>b</title>"]),
    st.sampled_from(["", "<hall><lamp>l</lamp></hall>", "<hall><rug><length>3</length></rug><lamp>l</lamp></hall>"]),
    st.dictionaries(st.sampled_from("pqr"), st.sampled_from("12"), max_size=3).map(
        lambda items: "".join(ITEM.format(*item) for item in sorted(items.items()))
    ),
    st.permutations("12").map(
        lambda rows: "".join(f"<shelf><row>{row}</row><column>c</column></shelf>" for row in rows)
    ),
).map("".join)


def nodes(tree: Tree) -> dict[str, str]:
    """Every versioned node that somebody configured, by its path: all that is in it."""
    found, pending = {}, list(tree.roots())
    while pending:
        node = pending.pop()
        if native.kind(native.schema_of(node)) in (Kind.CONTAINER, Kind.LIST):
            if text := native.render(node, native.Form.XML).decode():
                found[native.path(node)] = text
            pending.extend(native.children(node))
    return found


def numbers(table: Table, tree: Tree) -> dict[str, int]:
    """The state of each, as the table says."""
    return {path: table.number(table.find(tree.find_all(path)[0])) for path in nodes(tree)}


@settings(max_examples=150, deadline=None)
@given(st.lists(SHOPS, min_size=2, max_size=6))
def test_an_id_changes_when_the_node_does_and_only_then(shops: Sequence[str]) -> None:
    trees = [tree_of(shop) for shop in shops]
    table = txids.first(State("0", "t0"))
    for at, (before, after) in enumerate(pairwise(trees), 1):
        was, is_now = nodes(before), nodes(after)
        known = numbers(table, before)
        renewed = txids.advance(table, before, after, State(str(at), f"t{at}"))
        told = numbers(renewed, after)
        assert (renewed is table) == (was == is_now)
        for path, number in told.items():
            assert (number == known.get(path)) == (was.get(path) == is_now[path]), path
            assert number <= renewed.newest
        table = renewed


def test_the_history_is_bounded_and_keeps_what_is_in_use() -> None:
    table = txids.first(State("first", "t"))
    trees = [tree_of(f"<hall><lamp>l</lamp></hall><title>{title}</title>") for title in "ab"]
    for at in range(HISTORY_MAX + 50):
        table = txids.advance(table, trees[at % 2], trees[1 - at % 2], State(str(at), f"t{at}"))
    hall = trees[0].find_all("/example:shop/hall")[0]
    assert len(table.states) <= HISTORY_MAX + 2
    assert table.text(table.find(hall), Mechanism.ETAG) == "first"
    assert table.numbered("0") == 0
    assert table.text(table.root(), Mechanism.LAST_MODIFIED) == f"t{HISTORY_MAX + 49}"


def test_entries_that_come_and_go_leave_nothing_behind() -> None:
    table = txids.first(State("first", "t"))
    before = tree_of("")
    for at in range(60):
        after = tree_of("".join(ITEM.format(f"n{at}-{each}", 1) for each in range(50)))
        table = txids.advance(table, before, after, State(str(at), f"t{at}"))
        before = after
    assert len(table.made) + len(table.touched) <= 1200


def test_who_had_what_was_in_a_container_does_not_have_it_empty() -> None:
    full, empty = tree_of("<hall><rug><length>3</length></rug></hall>"), tree_of("<hall/>")
    table = txids.first(State("0", "t0"))
    for at, (before, after) in enumerate(pairwise([full, empty, full, empty]), 1):
        table = txids.advance(table, before, after, State(str(at), f"t{at}"))
        (hall,) = after.find_all("/example:shop/hall")
        assert table.number(table.find(hall)) == table.newest


def test_names_with_slashes_are_told_apart() -> None:
    with tree_of("") as before, tree_of(ITEM.format("a/b", 1) + ITEM.format("a", 1)) as after:
        table = txids.advance(txids.first(State("0", "t0")), before, after, State("1", "t1"))
        keys = {table.find(node).key for node in after.find_all("/example:shop/item")}
        assert len(keys) == 2
        assert table.find(native.NULL) == Found("", 1)
