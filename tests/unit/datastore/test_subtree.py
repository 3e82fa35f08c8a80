"""Subtree filters, RFC 6241 section 6."""

from __future__ import annotations

import pytest
from lxml import etree

from applianced.datastore import subtree
from applianced.datastore.writer import Writer
from tests.support.shop import NS, shop_models, tree_of

CONTENT = (
    "<title>t</title><item><name>a</name><price>1</price><kind>small</kind></item>"
    "<item><name>b</name><price>2</price><kind>large</kind></item>"
    "<shelf><row>1</row><column>z</column><label>L</label></shelf><shelf><row>1</row><column>y</column></shelf>"
    "<tag>one</tag><tag>two</tag>"
)


def select(inner: str, namespace: str = NS, content: str = CONTENT) -> str:
    """What a filter selects, without declarations of the shop's namespace; `inner` stands in <shop>."""
    element = etree.fromstring(f'<filter><shop xmlns="{namespace}">{inner}</shop></filter>')
    with tree_of(content) as tree:
        text = subtree.select(shop_models(), list(tree.roots()), list(element), Writer()).decode()
    etree.fromstring(f"<data>{text}</data>")
    return text.replace(f' xmlns="{NS}"', "").removeprefix("<shop>").removesuffix("</shop>")


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        pytest.param("", CONTENT, id="a selection node takes the subtree"),
        pytest.param("<title/>", "<title>t</title>", id="leaf"),
        pytest.param("<item/>", CONTENT[16 : CONTENT.index("<shelf>")], id="every entry"),
        pytest.param(
            "<item><name>b</name></item>", "<item><name>b</name><price>2</price><kind>large</kind></item>", id="by key"
        ),
        pytest.param(
            "<item><name>b</name><price/></item>", "<item><name>b</name><price>2</price></item>", id="key and a leaf"
        ),
        pytest.param(
            "<item><price/></item>",
            "<item><name>a</name><price>1</price></item><item><name>b</name><price>2</price></item>",
            id="keys come along",
        ),
        pytest.param(
            "<item><kind>large</kind><name/></item>",
            "<item><name>b</name><kind>large</kind></item>",
            id="content match",
        ),
        pytest.param("<item><kind>large</kind><price>1</price></item>", "", id="all content matches must hold"),
        pytest.param("<item><name>none</name></item>", "", id="no such key"),
        pytest.param("<item>a</item>", "", id="text where elements are"),
        pytest.param("<title>t</title><tag/>", "<title>t</title><tag>one</tag><tag>two</tag>", id="match and siblings"),
        pytest.param("<title>other</title><tag/>", "", id="no match, no siblings"),
        pytest.param("<tag>two</tag>", CONTENT, id="nothing but a matching leaf-list entry takes all"),
        pytest.param("<bogus/>", "", id="unknown"),
        pytest.param('<item frob="1"/>', "", id="attribute match: no data has attributes"),
        pytest.param(
            "<shelf><row>1</row><column>y</column></shelf><shelf><row>1</row><column>z</column></shelf>",
            "<shelf><row>1</row><column>z</column><label>L</label></shelf><shelf><row>1</row><column>y</column></shelf>",
            id="the list's order, not the filter's",
        ),
        pytest.param(
            "<item><name>a</name><price/></item><item><name>a</name><kind/></item>",
            "<item><name>a</name><price>1</price><kind>small</kind></item>",
            id="two filters for one entry",
        ),
    ],
)
def test_select(inner: str, found: str) -> None:
    assert select(inner) == found


@pytest.mark.parametrize("namespace", ["", "urn:ietf:params:xml:ns:netconf:base:1.0"])
def test_without_a_namespace_every_one_matches(namespace: str) -> None:
    assert select("<title/>", namespace) == "<title>t</title>"


def test_a_foreign_namespace_matches_nothing() -> None:
    assert select("<title/>", "urn:other") == ""


def test_an_empty_filter_selects_nothing() -> None:
    with tree_of(CONTENT) as tree:
        assert subtree.select(shop_models(), list(tree.roots()), [], Writer()) == b""


def test_a_filter_that_looks_at_too_much_is_refused() -> None:
    element = etree.fromstring(f'<filter><shop xmlns="{NS}">{"<item><kind>small</kind></item>" * 20}</shop></filter>')
    with tree_of(CONTENT) as tree, pytest.raises(subtree.TooManyLooksError, match="more than") as caught:
        subtree.select(shop_models(), list(tree.roots()), list(element), Writer(), looks=40)
    assert caught.value.tag == "resource-denied"


RED = '<paint xmlns:ex="urn:example:shop">ex:red</paint>'


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        pytest.param("<paint/>", RED, id="a selection node"),
        pytest.param("<paint> </paint>", RED, id="a selection node with blanks"),
        pytest.param("<paint>red</paint><title/>", f"{RED}<title>t</title>", id="without a prefix"),
        pytest.param("<paint>blue</paint><title/>", "", id="another"),
        pytest.param("<paint>nn:red</paint><title/>", "", id="a prefix that is not declared"),
        pytest.param('<paint xmlns:example="urn:none">example:red</paint><title/>', "", id="a prefix of no module"),
    ],
)
def test_identities(inner: str, found: str) -> None:
    assert select(inner, content=f"<title>t</title>{RED}") == found
