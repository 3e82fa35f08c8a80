"""What an XPath costs, told before it is evaluated."""

from __future__ import annotations

import pytest

from applianced.datastore import expense
from tests.support.shop import tree_of


@pytest.mark.parametrize(
    ("text", "degree"),
    [
        ("/x:shop/x:item[x:name='a']/x:price", 1),
        ("//x:item[x:name][2]/../x:title | //x:tag", 1),
        ("//*[. = '//[..]' or . = \"/\"]", 1),
        ("//x:item[x:a/x:b[x:c = 1]]", 1),
        ("count(//x:item)", 1),
        ("//x:item[//x:tag]", 2),
        ("//x:item[x:name = /x:shop/x:tag]", 2),
        ("//x:item[not( /x:shop/x:open)]", 2),
        ("//x:item[x:name=../x:tag]", 2),
        ("//x:item[count(parent::node()/x:item) > 1]", 2),
        ("//x:item[current()/x:tag]", 2),
        ("//x:item/following-sibling :: x:item", 2),
        ("//x:item[preceding-sibling::x:item]", 2),
        ("//x:item[//x:tag[//x:title]]", 3),
        ("//x:item[x:a[//x:title]/../x:b]", 2),
        ("//x:item[//x:a[//x:b[//x:c]]]", 4),
        ("//x:item[*/x:b and x:*/@*/x:c]", 1),
        ("//x:item[1 * /x:shop]", 2),
        ("//x:item[x:name and /x:shop]", 2),
        ("//x:item[x:name='a' or/x:shop]", 2),
        ("]]]//x:a", 1),
    ],
)
def test_degree(text: str, degree: int) -> None:
    assert expense.degree(text) == degree


def test_size_stops_at_its_limit() -> None:
    with tree_of("<title>t</title><item><name>a</name><kind>small</kind></item>") as tree:
        assert expense.size(tree, 100) == 5
        assert 3 <= expense.size(tree, 3) <= 5


def test_what_costs_too_much_depends_on_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with tree_of("<title>t</title><item><name>a</name><kind>small</kind></item>") as tree:
        monkeypatch.setattr(expense, "VISITS_MAX", 25)
        assert expense.affordable(tree, "//x:item[//x:title]")
        assert not expense.affordable(tree, "//x:item[//x:title[//x:tag]]")
        monkeypatch.setattr(expense, "VISITS_MAX", 16)
        assert not expense.affordable(tree, "//x:item[//x:title]")
        assert expense.affordable(tree, "//x:item[x:name]")
