"""What is left of a tree, against an oracle that goes from node to node and asks each rule by itself."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.access.pruning import prune, pruned_copy, sees_all
from applianced.config.nacm import Access, Rule
from applianced.datastore import native
from applianced.datastore.native import Defaults, Form, Kind
from applianced.datastore.tree import Tree
from tests.support.guarded import decider, guarded_tree
from tests.unit.access.shops import RULES, SHOP, is_leaf, matches


@dataclass
class Shown:
    """A node that the oracle shows."""

    name: str
    value: str
    below: list[Shown]


def oracle(rules: list[Rule], default: bool, node: native.Node, above: list[native.Node]) -> Shown | None:
    way = [*above, node]
    schema = native.schema_of(node)
    # All of that module's data is default-deny-all.
    default = default and native.module_name(schema) != "ietf-netconf-acm"
    if not next((rule.permit for rule in rules if matches(rule, way, Access.READ)), default):
        return None
    children = list(native.children(node))
    below = [(child, oracle(rules, default, child, way)) for child in children]
    if any(shown is None and native.is_key(native.schema_of(child)) for child, shown in below):
        return None
    kept = [shown for _, shown in below if shown]
    bare = native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema)
    return None if bare and children and not kept else Shown(native.name(schema), value(node), kept)


def value(node: native.Node) -> str:
    return native.value(node) if is_leaf(node) else ""


def left(node: native.Node) -> Shown:
    return Shown(native.name(native.schema_of(node)), value(node), [left(child) for child in native.children(node)])


@settings(max_examples=300, deadline=None)
@given(shop=SHOP, rules=RULES, default=st.booleans())
def test_pruned_as_the_oracle_says(shop: str, rules: list[Rule], default: bool) -> None:
    made = decider(*rules, read_permitted=default)
    with guarded_tree(shop) as tree:
        tree.complete()
        before = tree.render(Form.XML, defaults=Defaults.ALL)
        expected = [shown for root in tree.roots() if (shown := oracle(rules, default, root, []))]
        with pruned_copy(made, tree) as copy:
            assert [left(root) for root in copy.roots()] == expected
            if sees_all(made, tree):
                assert copy.render(Form.XML, defaults=Defaults.ALL) == before
        assert tree.render(Form.XML, defaults=Defaults.ALL) == before


def shown(shop: str, *rules: Rule) -> str:
    with guarded_tree(shop) as tree:
        prune(decider(*rules), tree)
        return tree.render(Form.XML).decode().replace(' xmlns="urn:example:shop"', "")


def test_a_container_that_held_only_what_is_hidden_is_not_shown() -> None:
    hidden = Rule(name="r", permit=False, path="/example:shop/hall/rug/length")
    assert shown("<hall><rug><length>3</length></rug></hall>", hidden) == ""
    assert shown("<hall><lamp>l</lamp><rug><length>3</length></rug></hall>", hidden) == (
        "<shop><hall><lamp>l</lamp></hall></shop>"
    )


def test_an_entry_with_quotes_of_both_kinds_stays_findable() -> None:
    with Tree(decider().index.models) as empty:
        prune(decider(Rule(name="r", permit=False, path="/example:shop/item[name='a']")), empty)
        assert empty.render(Form.XML) == b""
    hidden = Rule(name="r", permit=False, path='/example:shop/item[name="it\'s"]')
    item = "<item><name>{}</name><kind>small</kind></item>"
    assert shown(item.format("it's") + item.format("its"), hidden) == f"<shop>{item.format('its')}</shop>"


def test_an_empty_value_can_be_hidden_among_others() -> None:
    hidden = Rule(name="r", permit=False, path="/example:shop/tag[.='']")
    assert shown("<tag>a</tag><tag/>", hidden) == "<shop><tag>a</tag></shop>"
