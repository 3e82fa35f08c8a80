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
        ("//self::node()", set()),
    ],
)
def test_prefixes_are_those_of_names(text: str, prefixes: set[str]) -> None:
    assert set(xpath.read(shop_models(), text, DECLARED).namespaces) == prefixes


def test_an_undeclared_prefix_is_named() -> None:
    with pytest.raises(xpath.ExpressionError, match="xmlns:no="):
        xpath.read(shop_models(), "//x:item[no:such]", DECLARED)


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
