"""XPath filters: what is read of an expression, and what it costs."""

from __future__ import annotations

import resource

import pytest

from applianced.datastore import xpath
from applianced.datastore.writer import Writer
from tests.support.shop import NS, shop_models, tree_of

DECLARED: dict[str | None, str] = {None: "urn:other", "x": NS}


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("//x:item", {"x"}),
        ("//*/child::node()", set()),
        ("/x:*", {"x"}),
        ("//*[. = 'no:such' or . = \"no:such\"]", set()),
        ("child::x:shop", {"x"}),
        ("//self::*", set()),
    ],
)
def test_prefixes_are_those_of_names(text: str, prefixes: set[str]) -> None:
    assert set(xpath.read(shop_models(), text, DECLARED).namespaces) == prefixes


def test_an_undeclared_prefix_is_named() -> None:
    with pytest.raises(xpath.ExpressionError, match="xmlns:no="):
        xpath.read(shop_models(), "//x:item[no:such]", DECLARED)


@pytest.mark.parametrize(
    "text",
    [
        *("//x:item[name() = 'a']", "//x:item[local-name(.) = 'a']", "//x:item[namespace-uri()='']", "deref(//x:item)"),
        *("enum-value(.)", "bit-is-set(/, 'a')", "//x:item[ name ( .. ) ]", "self::name()", "x:name()", "-name(.)"),
        *("1 mod 0", "1mod 0", "//x:item[.mod 0]", "(1)mod(0)", "'' mod ''", "//* mod 0", "1\nmod0", "1 modx:item"),
    ],
)
def test_what_could_end_the_process_is_not_evaluated(text: str) -> None:
    with pytest.raises(xpath.ExpressionError, match="not offered") as caught:
        xpath.read(shop_models(), text, DECLARED)
    assert caught.value.tag == "bad-attribute"


@pytest.mark.parametrize(
    "text",
    [
        *("//node()", "//x:item//node()", "//self::node()", "// child :: node ()", "//x:item[.//parent::node()]"),
        *("//x:item/preceding::*", "preceding :: x:item", "//x:item[preceding::x:item]", "'//node()' = //node()"),
    ],
)
def test_what_is_answered_wrongly_is_not_evaluated(text: str) -> None:
    with pytest.raises(xpath.ExpressionError, match="not offered") as caught:
        xpath.read(shop_models(), text, DECLARED)
    assert caught.value.tag == "bad-attribute"


@pytest.mark.parametrize(
    ("text", "by_xpath"),
    [
        *(("string-length('\u00f6') = 1", True), ("substring('\u00f6o', 2) = 'o'", True)),
        *(("translate('o', 'o', '\u00f6') = '\u00f6'", True), ("substring('12345', -1, 3) = '1'", True)),
        *(("number('0x10') = 16", False), ("number('1e3') = 1000", False), ("number('inf') > 1", False)),
        *(("number('+5') = 5", False), ("number('') = 0", False), ("number('12 ') = 12", True)),
        *(("floor(-1.5) = -2", True), ("ceiling(-1.5) = -1", True), ("0.1 + 0.2 = 0.3", False)),
    ],
)
def test_values_that_are_not_those_of_xpath_1_0(text: str, by_xpath: bool) -> None:
    """docs/netconf-reading.md names them."""
    with tree_of("<title>t</title>") as tree:
        assert bool(xpath.nodes(tree, xpath.read(tree.models, f"/x:shop[{text}]", DECLARED))) is not by_xpath


def test_a_fraction_is_a_place() -> None:
    with tree_of("<title>t</title>") as tree:
        assert xpath.nodes(tree, xpath.read(tree.models, "(//x:title)[1.5]", DECLARED))


@pytest.mark.parametrize(
    "text",
    [
        "//x:item[x:name = 'name()']",
        "//x:item[x:name = '1 mod 0']",
        "//x:mod",
        "//x:a-mod | //x:name",
        "1-count(.)",
        "'//node()' = 'preceding::'",
    ],
)
def test_what_only_looks_like_it_is(text: str) -> None:
    xpath.read(shop_models(), text, DECLARED)


def test_evaluation_gives_its_memory_back() -> None:
    models = shop_models()
    good = xpath.read(models, "//x:item[x:price = 2]/x:kind", DECLARED)
    broken = xpath.read(models, "//x:item[x:price = ", DECLARED)
    with tree_of("<item><name>a</name><price>2</price><kind>small</kind></item>") as tree:

        def both(times: int) -> int:
            for _ in range(times):
                assert xpath.select(tree, good, Writer())
                with pytest.raises(xpath.ExpressionError):
                    xpath.select(tree, broken, Writer())
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = both(500)
        assert both(5000) - before < 2048
