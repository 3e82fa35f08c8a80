"""Predicates that count, whoever evaluates them: what is answered is what XPath 1.0 says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from applianced.datastore import xpath
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from tests.support.shop import tree_of

NS = {"s": "urn:example:shop"}
ITEMS = "".join(f"<item><name>{name}</name><kind>small</kind><price>{name}</price></item>" for name in "123")
SHELVES = "".join(f"<shelf><row>{row}</row><column>{column}</column></shelf>" for row in "12" for column in "ab")
SHOP = f"<title>t</title><hall><lamp>l</lamp></hall>{ITEMS}<tag>x</tag><tag>y</tag>{SHELVES}"


def answered(tree: Tree, text: str) -> str:
    return xpath.select(tree, xpath.read(tree.models, text, NS), Writer()).decode()


def expected(tree: Tree, text: str) -> str:
    """What lxml selects, asked for node by node where libyang counts nothing."""
    root = etree.fromstring(tree.render(Form.XML))
    found = etree.ElementTree(root).xpath(text, namespaces=NS)
    paths = [_path(node) for node in found if isinstance(node, etree._Element)]
    return answered(tree, " | ".join(paths)) if paths else ""


def _path(node: etree._Element) -> str:
    steps = []
    for one in [*reversed(list(node.iterancestors())), node]:
        name = etree.QName(one).localname
        keys = {"item": ["name"], "shelf": ["row", "column"]}.get(name, [])
        text = "".join(f"[s:{key}='{one.findtext('{*}' + key)}']" for key in keys)
        steps.append(f"/s:{name}{text}" + (f"[.='{one.text}']" if name == "tag" else ""))
    return "".join(steps)


@pytest.mark.parametrize(
    "text",
    [
        *("/s:shop/s:item[2]", "/s:shop/s:item[last()]/s:name", "/s:shop/s:item[position()<3]", "/s:shop/*[2]"),
        *("(//s:name)[2]", "(//s:item)[last()]/s:price[1]", "/s:shop/s:item[s:name='2']/s:price[1]", "/*[1]"),
        *("/s:shop/s:shelf[s:row='1'][2]", "/s:shop/s:shelf[s:row='1'][s:column='b']/*[last()]"),
        *("/s:shop/s:item[s:name='2']/following-sibling::*[1]", "//s:item[s:price[1]='2']"),
        "//s:item[s:price = 2 * 1]",
        *("/s:shop/s:item[2][1]/s:name[1]", "/s:shop/s:item[s:kind='small'][3]", "//s:item[count(../s:tag)=2]"),
        *("//s:item[contains(s:name, '[1]')]", "/s:shop/s:hall/s:lamp[1]"),
    ],
)
def test_what_is_counted_is_counted_rightly(text: str) -> None:
    with tree_of(SHOP) as tree:
        assert answered(tree, text) == expected(tree, text)


@pytest.mark.parametrize(
    "text",
    [
        *("//s:name[1]", "/s:shop/s:item/s:name[1]", "//*[last()]", "//*[position() = 2]", "/s:shop/*/*[2]"),
        *("/s:shop/s:item[s:kind='small']/s:price[1]", "//s:item[../s:item/s:name[2]]", "/s:shop//s:name[ 1 ]"),
        *("/s:shop/s:shelf[s:row='1']/s:column[1]", "/s:shop/descendant::node()/s:name[1 + 0]", "//s:name[count(.)]"),
        *("/s:shop/s:item/following-sibling::*[1]", "//s:tag/..//s:name[-1 + 2]", "/s:shop/node()/s:name[1]"),
    ],
)
def test_what_would_be_miscounted_is_counted_on_a_copy(text: str) -> None:
    with tree_of(SHOP) as tree:
        assert xpath.read(tree.models, text, NS).copied
        assert answered(tree, text) == expected(tree, text)


NAMES = st.sampled_from(["s:shop", "s:item", "s:name", "s:price", "s:hall", "s:lamp", "s:tag", "s:shelf", "*"])
PREDICATES = st.sampled_from(
    [
        *("", "", "", "[1]", "[2]", "[last()]", "[position()>1]", "[s:name='2']", "[s:row='1']", "[s:column='a']"),
        *("[s:name]", "[count(*)>1]", "[count(*)]", "[*[1]]", "[../*[2]]", "[not(s:name)]", "[s:name or s:row]"),
        *("[1 = 1]", "[3 - 1]"),
    ]
)
AXES = st.sampled_from(["", "", "", "", "", "preceding-sibling::", "descendant::", "following-sibling::", "child::"])
STEPS = st.tuples(st.sampled_from(["/", "/", "/", "//"]), AXES, NAMES, PREDICATES, PREDICATES).map("".join)
# What stands above the top is no element, and libyang's own affair.
FIRST = st.tuples(st.sampled_from(["/", "//"]), NAMES, PREDICATES).map("".join)
PATHS = st.tuples(FIRST, st.lists(STEPS, max_size=3).map("".join)).map("".join)
GROUPED = st.tuples(PATHS, PREDICATES, STEPS).map(lambda parts: f"({parts[0]}){parts[1]}{parts[2]}")
TEXTS = st.one_of(PATHS, PATHS, GROUPED)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_what_is_answered_is_what_xpath_says(text: str) -> None:
    with tree_of(SHOP) as tree:
        assert answered(tree, text) == expected(tree, text)
