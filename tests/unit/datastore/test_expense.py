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
        ("//x:item[//x:tag = //x:title]", 3),
        ("//x:item[//x:tag = 'a' or //x:title = 1]", 2),
        ("//x:item[count(//x:tag) > count(//x:title)]", 2),
        ("//x:tag = //x:title", 2),
        ("/x:shop[x:item/x:name = x:item/x:kind]", 2),
        ("//x:item[x:name = x:kind]", 1),
        ("/x:shop/x:item['a' = x:name]", 1),
    ],
)
def test_degree(text: str, degree: int) -> None:
    assert expense.degree(text) == degree


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("//x:item/x:name[1]", 0),
        ("/x:shop//x:name", 800),
        ("//x:item[.//x:a]/../ancestor::x:b", 925),
        ("(//x:a | //x:c)[1]", 200),
        ("//x:item['a//b' = x:name]", 0),
        ("//x:item[following-sibling::x:item]", 0),
        ("//x:item[following-sibling::*/preceding::*]", 500),
        ("//x:item/following-sibling::*[1]", 500),
        ("]//x:item[x:name]]/following-sibling::*", 1300),
    ],
)
def test_steps_that_may_find_a_node_again(text: str, looks: float) -> None:
    assert expense.joins(text, 10) == looks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("//x:item[translate(x:name, 'abc', '') = 'd']", ""),
        ("translate('a', concat('b', 'c'), '')", "translate"),
        ("concat(" + "'a', " * 40 + "concat(" + "'b', " * 40 + "''))", "concat"),
        ("concat(" + "'a', " * 63 + "',(,')", ""),
        ("re-match(., '[a-z(]+\\(\\d{3,5}')", ""),
        ("re-match(., 'a*b*c*')", "re-match"),
        ("re-match(., '(ab){2,}')", "re-match"),
        ("re-match(.)", ""),
    ],
)
def test_what_may_have_no_end(text: str, said: str) -> None:
    assert expense.endless(text).startswith(said)
    assert bool(said) == bool(expense.endless(text))


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
        assert expense.affordable(tree, "//x:item/..", copied=True)
        monkeypatch.setattr(expense, "JOINS_MAX", 6)
        assert not expense.affordable(tree, "//x:item/..", copied=True)
        assert expense.affordable(tree, "//x:item[1]", copied=True)
        monkeypatch.setattr(expense, "COPIED_MAX", 4)
        assert not expense.affordable(tree, "//x:item[1]", copied=True)
