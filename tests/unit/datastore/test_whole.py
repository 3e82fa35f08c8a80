"""What a whole configuration must not hold, in XML and in JSON."""

from __future__ import annotations

import pytest
from lxml import etree

from applianced.datastore import whole
from applianced.datastore.faults import NamedFaultError
from applianced.errors import ConfigError
from tests.support.shop import DECLARED, content, shop, shop_models

A = "<item><name>a</name><kind>small</kind></item>"


def refused_xml(inner: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        whole.from_elements(shop_models(), shop(inner))
    return caught.value


def refused_json(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        whole.from_json(shop_models(), text.encode())
    return caught.value


@pytest.mark.parametrize(
    ("inner", "attribute", "element", "path"),
    [
        (f'<item nc:operation="delete">{A[6:]}', "operation", "item", "/example:shop/item[name='a']"),
        ('<queue yang:insert="first">x</queue>', "insert", "queue", "/example:shop/queue"),
        ('<title frob="x">x</title>', "frob", "title", "/example:shop/title"),
        ('<item><name nc:operation="create">a</name></item>', "operation", "name", "/example:shop/item[name='a']/name"),
    ],
)
def test_an_attribute_is_named_with_its_place(inner: str, attribute: str, element: str, path: str) -> None:
    error = refused_xml(f"\n\n{inner}")
    assert isinstance(error, NamedFaultError)
    assert (error.tag, error.attribute, error.bad_element, error.path) == (
        "unknown-attribute",
        attribute,
        element,
        path,
    )
    assert error.message.startswith("line 3: ")


@pytest.mark.parametrize(
    ("text", "attribute", "element", "path"),
    [
        ('{"example:shop":{"@":{"ietf-netconf:operation":"delete"}}}', "operation", "shop", "/example:shop"),
        ('{"example:shop":{"@title":{"yang:insert":"first"},"title":"x"}}', "insert", "title", "/example:shop/title"),
        ('{"example:shop":{"queue":["x"],"@queue":[null,{"yang:insert":"first"}]}}', "insert", "queue",
         "/example:shop/queue"),
        ('{"example:shop":{"item":[{"name":"a"},{"@":{"ietf-netconf:operation":"delete"},"name":"b"}]}}', "operation",
         "item", "/example:shop/item[2]"),
        ('{"@":3}', "@", "", ""),
    ],
)  # fmt: skip
def test_metadata_of_json_is_named_with_its_place(text: str, attribute: str, element: str, path: str) -> None:
    error = refused_json(text)
    assert isinstance(error, NamedFaultError)
    assert (error.tag, error.attribute, error.bad_element, error.path) == (
        "unknown-attribute",
        attribute,
        element,
        path,
    )


@pytest.mark.parametrize("inner", [A + A, A.replace("<name>", "<name>b</name><name>"), "<size>1</size><size>2</size>"])
def test_what_is_said_twice_is_refused(inner: str) -> None:
    assert refused_xml(inner).tag == "bad-element"


@pytest.mark.parametrize("inner", ['"item":[{"name":"a"},{"name":"a"}]', '"size":1,"size":2'])
def test_what_json_says_twice_is_refused(inner: str) -> None:
    assert refused_json(f'{{"example:shop":{{{inner}}}}}').tag == "bad-element"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{} trailing", "line 1 column 4"),
        ("{}\n{}", "line 2 column 1"),
        ("\n{", "line 2 column 2"),
        ("[" * 100_000, "recursion"),
        ("\xff", ""),
    ],
)
def test_all_of_a_json_text_is_read(text: str, where: str) -> None:
    with pytest.raises(ConfigError, match="not well-formed JSON") as caught:
        whole.from_json(shop_models(), text.encode("latin-1"))
    assert where in caught.value.message


@pytest.mark.parametrize("inner", ["junk", "<x/>junk", " \n junk <x/>"])
def test_text_beside_the_elements_is_refused(inner: str) -> None:
    with pytest.raises(ConfigError, match='holds the text "junk": remove it') as caught:
        whole.check_holder(etree.fromstring(f"<config>{inner}</config>"))
    assert (caught.value.tag, caught.value.bad_element) == ("bad-element", "config")


def test_an_operation_on_the_whole_is_refused() -> None:
    with pytest.raises(NamedFaultError) as caught:
        whole.check_holder(etree.fromstring(f'<config {DECLARED} nc:operation="delete"> <x/> </config>'))
    assert (caught.value.tag, caught.value.attribute) == ("unknown-attribute", "operation")


def test_what_is_right_is_read() -> None:
    with whole.from_elements(shop_models(), shop(A)) as tree:
        assert content(tree) == A
    with whole.from_json(shop_models(), b'{"example:shop":{"item":[{"name":"a","kind":"small"}]}}') as tree:
        assert content(tree) == A


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ("<item><name>b</name><kind>small<b/></kind></item>", "/item[name='b']/kind"),
        ("<item><name>b</name><kind><b>x</b>tail</kind></item>", "/item[name='b']/kind"),
        ("<item><name>b<b/></name><kind>small</kind></item>", "/item[name='b']/name"),
        ("<hall><rug/></hall><title>x<b/></title>", "/title"),
        ("<tag>x<b/></tag>", "/tag"),
    ],
)
def test_a_leaf_with_elements_is_refused(inner: str, path: str) -> None:
    with pytest.raises(ConfigError, match="holds a value and no elements: <b> is too much") as caught:
        whole.from_elements(shop_models(), shop(A + inner))
    assert (caught.value.tag, caught.value.path) == ("bad-element", f"/example:shop{path}")
    assert caught.value.bad_element == path.rpartition("/")[2]
