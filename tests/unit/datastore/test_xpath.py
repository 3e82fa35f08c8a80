"""XPath filters: what is read of an expression, and what it costs."""

from __future__ import annotations

import resource
from contextlib import suppress

import pytest

from applianced.datastore import copied, native, xpath
from applianced.datastore.tree import Tree
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
        *("//x:item[name() = 'a']", "//x:item[local-name(.) = 'a']", "//x:item[namespace-uri()='']", "-name(.)"),
        *("//x:item[ name ( .. ) ]", "1 mod 0", "1mod 0", "//x:item[.mod 0]", "(1)mod(0)", "'' mod ''", "//* mod 0"),
        "1\nmod0",
    ],
)
def test_what_could_end_the_process_is_evaluated_by_libxml2(text: str) -> None:
    expression = xpath.read(shop_models(), text, DECLARED)
    assert expression.copied
    with tree_of("<item><name>a</name><kind>small</kind></item>") as tree, suppress(xpath.ExpressionError):
        xpath.select(tree, expression, Writer())


@pytest.mark.parametrize("text", ["deref(//x:item)", "enum-value(.)", "bit-is-set(/, 'a')", "x:name()", "frob()"])
def test_what_nobody_can_evaluate_is_refused(text: str) -> None:
    with pytest.raises(xpath.ExpressionError, match="not offered") as caught:
        xpath.read(shop_models(), text, DECLARED)
    assert caught.value.tag == "bad-attribute"


@pytest.mark.parametrize("text", ["//x:item[1 mod 1][re-match(., 'a')]", "//*[name()][derived-from(., 'x:colour')]"])
def test_what_only_libyang_has_beside_what_only_libxml2_has(text: str) -> None:
    with pytest.raises(xpath.ExpressionError, match="in two requests"):
        xpath.read(shop_models(), text, DECLARED)


TWO = (
    "<hall/><title>t</title><item><name>a</name><kind>small</kind></item><item><name>ö</name><kind>large</kind></item>"
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("//node()[self::x:name]", ["name", "name"]),
        ("//*[local-name() = 'kind']", ["kind", "kind"]),
        ("//*[namespace-uri() = 'urn:example:shop'][not(*)][. = 't']", ["title"]),
        ("x:shop/x:title[string-length(.) mod 2 = 1] | (.//x:item)[last()]/x:name", ["title", "name"]),
        ("/x:shop/x:item/x:name[1]", ["name", "name"]),
        ("//x:kind/preceding::x:title", ["title"]),
        ("//x:name/text()", ["name", "name"]),
        ("//x:name[string-length(.) = 1]", ["name", "name"]),
        ("//x:*[name() = 'size']", ["size"]),
        ("//x:item[2]/ancestor::x:shop/x:title", ["title"]),
        ("child::*[1]/self::x:shop/child::*[local-name() = 'title']", ["title"]),
        ("//namespace::*[number(1)]", []),
        ("//x:item[x:name = 'none'][1]/x:name[1]", []),
    ],
)
def test_on_a_copy_the_data_s_own_nodes_are_found(text: str, names: list[str]) -> None:
    with tree_of(TWO) as tree:
        tree.complete()
        expression = xpath.read(tree.models, text, DECLARED)
        assert expression.copied
        assert [native.name(native.schema_of(node)) for node in xpath.nodes(tree, expression)] == names


def test_on_a_copy_of_nothing_nothing_is_found() -> None:
    with Tree(shop_models()) as nothing:
        assert copied.find(nothing, ["//x:item[1]"], {"x": NS}) == []
        with pytest.raises(copied.NotNodesError):
            copied.find(nothing, ["name(/*)"], {"x": NS})


@pytest.mark.parametrize("text", ["/self::node()[name() = '']", "//x:title/ancestor::node()[last()]", "(/)[1 mod 2]"])
def test_the_root_on_a_copy_is_everything(text: str) -> None:
    with tree_of(TWO) as tree:
        expression = xpath.read(tree.models, text, DECLARED)
        assert expression.copied
        assert xpath.select(tree, expression, Writer()) == Writer().all_of(tree.roots())
        with pytest.raises(xpath.ExpressionError, match="no node that can be named"):
            xpath.nodes(tree, expression)


@pytest.mark.parametrize(
    ("text", "tag", "said"),
    [
        ("count(//x:item) mod 2", "invalid-value", "select nodes"),
        ("name(//x:item)", "invalid-value", "select nodes"),
        ("derived-from(//x:paint, 'x:colour')", "invalid-value", "not a node set"),
        ("//x:item[name(]", "bad-attribute", "Invalid expression"),
        ("//x:item[name(1, 2)]", "bad-attribute", "arguments"),
        ("//x:item[name() = $x]", "bad-attribute", "variable"),
        ("//item[name()]", "bad-attribute", "prefix:name"),
        ("//x:item[mod[name()]]", "bad-attribute", "prefix:name"),
        ("(" * 2000 + "name()" + ")" * 2000, "bad-attribute", "Recursion|XPath"),
        ("//x:item[translate(., ., '') = 'a']", "resource-denied", "write that as a text"),
        (f"//x:item[concat({'., ' * 64}.)]", "resource-denied", "64"),
        ("//x:item[re-match(x:name, '(a|aa)+')]", "resource-denied", "ask for less"),
        ("//x:item[re-match(x:name, x:kind)]", "resource-denied", "as a text"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(text: str, tag: str, said: str) -> None:
    with tree_of(TWO) as tree, pytest.raises(xpath.ExpressionError, match=said) as caught:
        xpath.nodes(tree, xpath.read(tree.models, text, DECLARED))
    assert caught.value.tag == tag


@pytest.mark.parametrize(
    ("text", "true"),
    [
        *(("string-length('\u00f6') = 1", True), ("substring('\u00f6o', 2) = 'o'", True)),
        *(("translate('o', 'o', '\u00f6') = '\u00f6'", True), ("substring('12345', -1, 3) = '1'", True)),
        *(("number('0x10') = 16", False), ("number('inf') > 1", False)),
        *(("number('+5') = 5", False), ("number('') = 0", False), ("number('12 ') = 12", True)),
        *(("floor(-1.5) = -2", True), ("ceiling(-1.5) = -1", True), ("0.1 + 0.2 = 0.3", False)),
        *(("7 mod 3 = 1", True), ("-7 mod 3 = -1", True), ("name() = 'shop'", True), ("lang('en')", False)),
    ],
)
def test_values_are_those_of_xpath_1_0(text: str, true: bool) -> None:
    with tree_of("<title>t</title>") as tree:
        assert bool(xpath.nodes(tree, xpath.read(tree.models, f"/x:shop[{text}]", DECLARED))) is true


@pytest.mark.parametrize("text", ["'0x10' > 15", "'12 ' * 2 = 24"])
def test_values_that_are_not_those_of_xpath_1_0(text: str) -> None:
    """docs/netconf-reading.md names them."""
    with tree_of("<title>t</title>") as tree:
        found = bool(xpath.nodes(tree, xpath.read(tree.models, f"/x:shop[{text}]", DECLARED)))
        assert found is (text == "'0x10' > 15")


def test_a_fraction_is_no_place() -> None:
    with tree_of("<title>t</title>") as tree:
        assert not xpath.nodes(tree, xpath.read(tree.models, "(//x:title)[1.5]", DECLARED))


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
def test_what_only_looks_like_it_needs_no_copy(text: str) -> None:
    assert not xpath.read(shop_models(), text, DECLARED).copied


def test_evaluation_gives_its_memory_back() -> None:
    models = shop_models()
    good = xpath.read(models, "//x:item[x:price = 2]/x:kind", DECLARED)
    copied = xpath.read(models, "//x:item[x:price = 2]/x:kind[1]", DECLARED)
    broken = xpath.read(models, "//x:item[x:price = ", DECLARED)
    with tree_of("<item><name>a</name><price>2</price><kind>small</kind></item>") as tree:

        def both(times: int) -> int:
            for _ in range(times):
                assert xpath.select(tree, good, Writer()) == xpath.select(tree, copied, Writer())
                with pytest.raises(xpath.ExpressionError):
                    xpath.select(tree, broken, Writer())
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        before = both(500)
        assert both(5000) - before < 2048
