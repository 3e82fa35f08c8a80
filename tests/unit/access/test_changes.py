"""Which changes are refused, against an oracle that compares paths and values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.access.changes import AccessDeniedError, judge
from applianced.access.requests import check_edit, writes_all
from applianced.config.nacm import WRITES, Access, Rule
from applianced.datastore import native
from applianced.datastore.native import Kind
from applianced.datastore.places import is_configured
from applianced.datastore.tree import Tree
from tests.support.guarded import decider, guarded_tree
from tests.support.shop import shop
from tests.unit.access.shops import RULES, SHOP, is_leaf, matches

Way = list[native.Node]


def nodes(tree: Tree) -> dict[str, Way]:
    """By instance path, each configured node with those above it."""
    found: dict[str, Way] = {}
    pending = [[root] for root in tree.roots()]
    while pending:
        way = pending.pop()
        if is_configured(way[-1]):
            found[native.path(way[-1])] = way
            pending.extend([*way, child] for child in native.children(way[-1]))
    return found


def is_bare(node: native.Node) -> bool:
    schema = native.schema_of(node)
    return native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema)


def permitted(rules: list[Rule], default: bool, way: Way, access: Access) -> bool:
    # All data of the rules' own module is default-deny-all, but no shop has any.
    return is_bare(way[-1]) or next((rule.permit for rule in rules if matches(rule, way, access)), default)


@settings(max_examples=300, deadline=None)
@given(before=SHOP, after=SHOP, rules=RULES, default=st.booleans())
def test_judged_as_the_oracle_says(before: str, after: str, rules: list[Rule], default: bool) -> None:
    with guarded_tree(before) as one, guarded_tree(after) as two:
        old, new = nodes(one), nodes(two)
        wanted = [
            *((old[path], Access.DELETE) for path in old.keys() - new.keys()),
            *((new[path], Access.CREATE) for path in new.keys() - old.keys()),
            *(
                (new[path], Access.UPDATE)
                for path in new.keys() & old.keys()
                if is_leaf(new[path][-1]) and native.value(new[path][-1]) != native.value(old[path][-1])
            ),
        ]
        refused = not all(permitted(rules, default, way, access) for way, access in wanted)
        made = decider(*rules, write_permitted=default)
        if not refused:
            judge(made, one, two)
            return
        with pytest.raises(AccessDeniedError, match="is denied by"):
            judge(made, one, two)


def changed(before: str, after: str, *rules: Rule) -> str:
    """The path at which a change is refused."""
    with guarded_tree(before) as one, guarded_tree(after) as two, pytest.raises(AccessDeniedError) as refused:
        judge(decider(*rules), one, two)
    return refused.value.path


QUEUE = ("<queue>a</queue><queue>b</queue><queue>c</queue>", "<queue>b</queue><queue>c</queue><queue>a</queue>")


def test_an_entry_that_moves_is_updated() -> None:
    assert changed(*QUEUE) == "/example:shop/queue[.='a']"
    moves = Rule(name="r", permit=True, path="/example:shop/queue[.='a']", operations=Access.UPDATE)
    with guarded_tree(QUEUE[0]) as one, guarded_tree(QUEUE[1]) as two:
        judge(decider(moves), one, two)


def test_the_path_ends_where_sight_ends() -> None:
    hidden = Rule(name="r", permit=False, path="/example:shop/hall/rug")
    rug = "<hall><lamp>l</lamp><rug><length>3</length></rug></hall>"
    assert changed(rug, "<hall><lamp>l</lamp></hall>", hidden) == "/example:shop/hall"
    assert changed(rug, "<title>t</title>", Rule(name="r", permit=False, path="/example:shop")) == ""


def test_what_may_all_be_written_is_not_compared() -> None:
    writes = Rule(name="r", permit=True, path="/example:shop", operations=WRITES[0] | WRITES[1] | WRITES[2])
    assert writes_all(decider(writes), shop("<title>t</title>"))
    assert not writes_all(decider(), shop("<title>t</title>"))
    keeps = Rule(name="k", permit=False, path="/example:shop/item[name='gold']", operations=Access.DELETE)
    assert not writes_all(decider(keeps, writes), shop("<title>t</title>"))


def test_a_move_beside_a_hidden_entry_does_not_find_out() -> None:
    rules = (
        Rule(name="veil", permit=False, path="/example:shop/shelf[row='1'][column='x']", operations=Access.READ),
        Rule(name="may", permit=True, path="/example:shop"),
    )
    shelf = """<shelf yang:insert="after" yang:key="[row='{}'][column='x']"><row>2</row><column>y</column></shelf>"""
    check_edit(decider(*rules), shop(shelf.format(2)), "merge")
    with pytest.raises(AccessDeniedError, match='rule "veil"'):
        check_edit(decider(*rules), shop(shelf.format(1)), "merge")


@pytest.mark.parametrize("key", ["1", "01", " 1 ", "+1"])
def test_a_key_in_another_form_hides_nothing(key: str) -> None:
    veil = Rule(name="veil", permit=False, path="/example:shop/shelf[row='1'][column='x']")
    with pytest.raises(AccessDeniedError, match='rule "veil"'):
        check_edit(decider(veil), shop(f"<shelf><row>{key}</row><column>x</column></shelf>"), "merge")


def test_an_edit_may_name_what_it_does_not_touch() -> None:
    lamp = Rule(name="r", permit=True, path="/example:shop/hall/lamp")
    check_edit(decider(lamp, read_permitted=False), shop("<hall><lamp>l</lamp></hall>"), "merge")
    with pytest.raises(AccessDeniedError):
        check_edit(decider(lamp, read_permitted=False), shop("<hall><rug><length>1</length></rug></hall>"), "merge")
