"""What is left of a tree, against an oracle that goes from node to node and asks each rule by itself."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.access.pruning import prune, pruned_copy, sees_all
from applianced.config.nacm import Rule
from applianced.datastore import native
from applianced.datastore.native import Defaults, Form, Kind
from applianced.datastore.tree import Tree
from tests.support.guarded import decider, guarded_tree

PATHS = (
    *("/", "/example:shop", "/example:shop/title", "/example:shop/item", "/example:shop/item/price"),
    *("/example:shop/item[name='a']", "/example:shop/item[name='b']/price", "/example:shop/item/name"),
    *("/example:shop/shelf[row='1'][column='x']", "/example:shop/shelf/label", "/example:shop/hall/rug"),
    *("/example:shop/hall/rug/length", "/example:shop/tag[.='t1']", "/example:shop/queue", "/example:shop/size"),
    *("/example:shop/open/hours", "/example:shop/shelf[row='2'][column='x']/label", ""),
)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.just("r"),
        permit=st.booleans(),
        path=st.sampled_from(PATHS),
        module=st.sampled_from(("*", "example", "other")),
    ),
    max_size=6,
)
ITEM = st.sampled_from(("", "<price>1</price>", "<price>2</price><count>5</count>"))
SHOP = st.builds(
    lambda parts, items, shelves, tags: "".join(
        (
            *parts,
            *(f"<item><name>{name}</name>{inner}<kind>small</kind></item>" for name, inner in items.items()),
            *(f"<shelf><row>{row}</row><column>{column}</column><label>l</label></shelf>" for row, column in shelves),
            *(f"<tag>{tag}</tag>" for tag in tags),
        )
    ),
    st.sets(
        st.sampled_from(
            (
                *("<title>t</title>", "<size>4</size>", "<open><hours>h</hours></open>"),
                *("<queue>q</queue>", "<hall><rug><length>3</length></rug></hall>"),
            )
        )
    ),
    st.dictionaries(st.sampled_from("abc"), ITEM),
    st.sets(st.tuples(st.sampled_from("12"), st.sampled_from("xy"))),
    st.sets(st.sampled_from(("t1", "t2"))),
)


@dataclass
class Shown:
    """A node that the oracle shows."""

    name: str
    value: str
    below: list[Shown]


def matches(rule: Rule, way: list[native.Node]) -> bool:
    """Whether a rule's path names a node or one above it: step by step, predicates included."""
    if rule.module not in ("*", native.module_name(native.schema_of(way[-1]))):
        return False
    if rule.path in ("", "/"):
        return True
    steps = rule.path.replace("example:", "").strip("/").split("/")
    return len(steps) <= len(way) and all(map(fits, steps, way))


def fits(step: str, node: native.Node) -> bool:
    name, *conditions = step.replace("]", "").split("[")
    if name != native.name(native.schema_of(node)):
        return False
    values = {
        native.name(native.schema_of(child)): native.value(child) for child in native.children(node) if leaf(child)
    }
    values["."] = native.value(node) if leaf(node) else ""
    return all(values.get(key) == wanted.strip("'") for key, wanted in (each.split("=") for each in conditions))


def leaf(node: native.Node) -> bool:
    return native.is_term(native.schema_of(node))


def oracle(rules: list[Rule], default: bool, node: native.Node, above: list[native.Node]) -> Shown | None:
    way = [*above, node]
    schema = native.schema_of(node)
    # All of that module's data is default-deny-all.
    default = default and native.module_name(schema) != "ietf-netconf-acm"
    if not next((rule.permit for rule in rules if matches(rule, way)), default):
        return None
    children = list(native.children(node))
    below = [(child, oracle(rules, default, child, way)) for child in children]
    if any(shown is None and native.is_key(native.schema_of(child)) for child, shown in below):
        return None
    kept = [shown for _, shown in below if shown]
    bare = native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema)
    return None if bare and children and not kept else Shown(native.name(schema), value(node), kept)


def value(node: native.Node) -> str:
    return native.value(node) if leaf(node) else ""


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
