"""Trees: validation with instance paths, ownership of memory."""

from __future__ import annotations

import gc
import resource
import weakref

import pytest

from applianced.config.modules import Module
from applianced.datastore import native
from applianced.datastore.models import load_models
from applianced.datastore.native import Defaults, Form
from applianced.datastore.tree import InvalidTreeError, Tree
from applianced.errors import ConfigError
from tests.support.shop import NS, YANG, content, shop_models, tree_of

ITEM = "<item><name>{}</name><kind>small</kind>{}</item>"


@pytest.mark.parametrize(
    ("inner", "shown"),
    [
        ("", "<size>10</size>"),
        ("<title>t</title>", "<title>t</title><size>10</size>"),
        ("<size>10</size>", "<size>10</size>"),
    ],
)
def test_completed_trees_have_every_default(inner: str, shown: str) -> None:
    with tree_of(inner) as tree:
        tree.complete()
        text = tree.render(Form.XML, defaults=Defaults.ALL).decode()
        assert text == f'<shop xmlns="{NS}">{shown}</shop>'


@pytest.mark.parametrize(
    ("inner", "paths", "tag", "app_tag"),
    [
        (
            "<item><name>x</name></item><item><name>y</name></item>",
            ["/example:shop/item[name='x']/kind", "/example:shop/item[name='y']/kind"],
            "missing-element",
            "",
        ),
        ("<open/>", ["/example:shop/open/hours"], "missing-element", ""),
        (
            ITEM.format("x", "<twin>z</twin>"),
            ["/example:shop/item[name='x']/twin"],
            "data-missing",
            "instance-required",
        ),
        (ITEM.format("x", "<price>2000</price>"), ["/example:shop/item[name='x']"], "operation-failed", "too-dear"),
        ("<tag>a</tag><tag>a</tag>", ["/example:shop/tag[.='a']"], "data-exists", ""),
    ],
)
def test_validation_names_every_place(inner: str, paths: list[str], tag: str, app_tag: str) -> None:
    with tree_of(inner) as tree, pytest.raises(InvalidTreeError) as caught:
        tree.validate()
    assert [error.path for error in caught.value.errors] == paths
    assert {(error.tag, error.app_tag) for error in caught.value.errors} == {(tag, app_tag)}


DOOR = "<door><name>{}</name>{}<key-holder>x</key-holder><key-holder>y</key-holder></door>"
INSIDE = "<way><inside/></way>"


@pytest.mark.parametrize(
    ("inner", "path", "tag", "app_tag"),
    [
        (DOOR.format("b", ""), "/door[name='b']/way/to", "data-missing", "missing-choice"),
        (DOOR.format("b", "<way><side>l</side></way>"), "/door[name='b']/way/number", "missing-element", ""),
        (DOOR.format("b", INSIDE).replace("<key-holder>y</key-holder>", ""), "/door[name='b']/key-holder",
         "operation-failed", "too-few-elements"),
        (DOOR.format("b", f"<lock>l</lock>{INSIDE}"), "/door[name='b']", "operation-failed", "data-not-unique"),
    ],
)  # fmt: skip
def test_only_the_entry_at_fault_is_named(inner: str, path: str, tag: str, app_tag: str) -> None:
    with (
        tree_of(DOOR.format("a", f"<lock>l</lock>{INSIDE}") + inner) as tree,
        pytest.raises(InvalidTreeError) as caught,
    ):
        tree.validate()
    assert [error.path for error in caught.value.errors] == [f"/example:shop{path}"]
    assert (caught.value.tag, caught.value.app_tag) == (tag, app_tag)


def test_parse_reports_the_instance() -> None:
    with pytest.raises(ConfigError) as caught:
        Tree.parse(shop_models(), b'{"example:shop": {"item": [{"name": "x", "kind": "huge"}]}}', Form.JSON)
    assert (caught.value.path, caught.value.tag) == ("/example:shop/item[name='x']/kind", "invalid-value")


def test_defaults_appear_in_data_and_not_in_what_is_stored() -> None:
    with tree_of("<title>t</title>") as tree:
        tree.validate()
        assert tree.data() == {"example:shop": {"title": "t", "size": 10}}
        assert tree.render(Form.JSON) == b'{"example:shop":{"title":"t"}}'


def test_merge_consumes_the_other_tree() -> None:
    with tree_of("<title>t</title>") as tree:
        tree.merge(tree_of("<size>3</size>"))
        assert content(tree) == "<title>t</title><size>3</size>"


def test_closed_trees_give_their_memory_back() -> None:
    inner = "".join(ITEM.format(number, "") for number in range(1000))

    def churn(times: int) -> int:
        for _ in range(times):
            with tree_of(inner) as tree, tree.duplicate() as copy:
                copy.validate()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    settled = churn(5)
    assert churn(30) - settled < 8 * 1024  # KiB; thirty leaked pairs would be over 30 MiB


A_SMALL_ONE = ITEM.format("a", "")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (A_SMALL_ONE, A_SMALL_ONE, True),
        (A_SMALL_ONE, A_SMALL_ONE.replace("small", "large"), False),
        (A_SMALL_ONE, A_SMALL_ONE.replace("</item>", "<price>3</price></item>"), False),
        (A_SMALL_ONE, "", False),
        ("<queue>a</queue><queue>b</queue>", "<queue>b</queue><queue>a</queue>", False),
    ],
)
def test_trees_are_compared_to_the_leaf(one: str, other: str, equal: bool) -> None:
    with tree_of(one) as first, tree_of(other) as second:
        assert native.equal(first.first, second.first) is equal


def test_a_context_outlives_trees_that_the_garbage_collector_frees() -> None:
    """It ends a circle of objects in no order; a context freed before its trees brought the process down at times."""
    models = load_models(YANG, [Module("example")])
    context = weakref.ref(models.context.cdata)
    circle: list[object] = [models, Tree.parse(models, f'<shop xmlns="{NS}"/>'.encode(), Form.XML)]
    circle.append(circle)
    del models, circle
    gc.collect()
    assert context() is not None
