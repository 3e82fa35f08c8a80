"""<rpc>, <rpc-reply>, <rpc-error>."""

from __future__ import annotations

import re
import time

import pytest
from lxml import etree

from applianced.datastore.lock import LockDeniedError
from applianced.errors import ConfigError
from applianced.netconf.messages import (
    ATTRIBUTES_MAX,
    RpcError,
    error_path,
    open_reply,
    read_rpc,
    render_config_errors,
)
from tests.support.shop import NS

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (f'<rpc xmlns="{NC}"><get/></rpc>', "missing-attribute"),
        (f'<rpc xmlns="{NC}" message-id="1"/>', "missing-element"),
        (f'<rpc xmlns="{NC}" message-id="1"><get/><get/></rpc>', "bad-element"),
        ('<rpc message-id="1"><get/></rpc>', "unknown-namespace"),
        (f'<frob xmlns="{NC}" message-id="1"/>', "unknown-element"),
    ],
)
def test_envelope_faults(text: str, tag: str) -> None:
    with pytest.raises(RpcError) as caught:
        read_rpc(etree.fromstring(text))
    assert (caught.value.tag, caught.value.type) == (tag, "rpc")


def test_every_attribute_comes_back() -> None:
    text = f'<rpc xmlns="{NC}" xmlns:x="urn:x" message-id="&lt;&quot;" plain="p" x:user="u"><get/></rpc>'
    reply = etree.fromstring(open_reply(etree.fromstring(text)) + b"</rpc-reply>")
    assert reply.tag == f"{{{NC}}}rpc-reply"
    assert dict(reply.attrib) == {"message-id": '<"', "plain": "p", "{urn:x}user": "u"}


@pytest.mark.parametrize(
    "start",
    [
        f'<nc:rpc xmlns:nc="{NC}" nc:message-id="7">',
        f'<nc:rpc xmlns:nc="{NC}" message-id="7" nc:message-id="7" xml:lang="en">',
        f'<rpc xmlns="{NC}" xmlns:a="urn:x" xmlns:b="urn:x" message-id="7" a:one="1" b:two="2">',
    ],
)
def test_qualified_attributes_come_back_in_what_is_xml(start: str) -> None:
    root = etree.fromstring(f"{start}<get/></{start[1:].split()[0]}>")
    reply = etree.fromstring(open_reply(root) + b"</rpc-reply>")
    assert reply.tag == f"{{{NC}}}rpc-reply"
    assert dict(reply.attrib) == dict(root.attrib)
    assert read_rpc(root) is root[0]


def test_attributes_without_number_are_refused_at_once() -> None:
    many = " ".join(f'a{number}="1"' for number in range(20_000))
    root = etree.fromstring(f'<rpc xmlns="{NC}" message-id="7" {many}><get/></rpc>')
    began = time.process_time()
    assert open_reply(root) == f'<rpc-reply xmlns="{NC}" message-id="7">'.encode()
    with pytest.raises(RpcError) as caught:
        read_rpc(root)
    assert time.process_time() - began < 0.1  # reading them all takes seconds
    assert caught.value.tag == "too-big"


def test_every_prefix_comes_back_for_what_attributes_say() -> None:
    root = etree.fromstring(f'<rpc xmlns="{NC}" xmlns:ex="urn:ex" message-id="7" who="ex:fred"><get/></rpc>')
    assert open_reply(root) == f'<rpc-reply xmlns="{NC}" xmlns:ex="urn:ex" message-id="7" who="ex:fred">'.encode()


def test_of_too_many_prefixes_those_of_attributes_come_back() -> None:
    many = " ".join(f'xmlns:a{number}="urn:{number}"' for number in range(ATTRIBUTES_MAX + 1))
    root = etree.fromstring(f'<rpc xmlns="{NC}" {many} message-id="7" a5:b="c"><get/></rpc>')
    assert open_reply(root) == f'<rpc-reply xmlns="{NC}" xmlns:a5="urn:5" message-id="7" a5:b="c">'.encode()


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_of_attributes(extra: int) -> None:
    many = " ".join(f'a{number}="1"' for number in range(ATTRIBUTES_MAX - 1 + extra))
    root = etree.fromstring(f'<rpc xmlns="{NC}" message-id="7" {many}><get/></rpc>')
    assert open_reply(root).count(b'="1"') == (0 if extra else ATTRIBUTES_MAX - 1)


def test_error_path_has_a_prefix_at_every_step() -> None:
    path, declared = error_path("/example:shop/item[name='a/b']/other:leaf", {"example": NS, "other": "urn:o"})
    assert path == "/example:shop/example:item[example:name='a/b']/other:leaf"
    assert declared == [f' xmlns:example="{NS}"', ' xmlns:other="urn:o"']


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (f"/example:shop/item[name='{'x' * 5000}']/leaf", "/example:shop"),
        (f"/example:shop[name='{'x' * 5000}']", ""),
        (f"/example:shop/tag[.='{'x' * 5000}']", "/example:shop"),
        ("x" * 5000, ""),
    ],
)
def test_error_path_ends_before_a_key_of_any_length(path: str, left: str) -> None:
    assert error_path(path, {"example": NS})[0] == left


def test_error_path_leaves_the_value_of_a_leaf_list_alone() -> None:
    path, _ = error_path("/example:shop/tag[.='x']", {"example": NS})
    assert path == "/example:shop/example:tag[.='x']"


@pytest.mark.parametrize(
    ("path", "tag", "name"),
    [
        ("/example:shop/item[name='a']/price", "invalid-value", "price"),
        ("/example:shop/item[name='a/b]:c']", "data-missing", "item"),
        ('/example:shop/item[name="it\'s]/x"]/other:leaf', "invalid-value", "leaf"),
        ("/example:shop/item[name='a']", "operation-failed", ""),
        ("item[1]", "invalid-value", ""),
        ("", "invalid-value", ""),
    ],
)
def test_the_element_at_fault_is_that_of_the_path(path: str, tag: str, name: str) -> None:
    said = render_config_errors([ConfigError(path, "wrong", tag=tag)], {"example": NS, "other": "urn:o"}).decode()
    assert re.findall("<bad-element>(.*?)</bad-element>", said) == ([name] if name else [])


def test_config_errors_become_one_rpc_error_each() -> None:
    errors = [
        ConfigError("/example:shop/size", "too <big>", tag="invalid-value", app_tag="t", bad_element="size"),
        LockDeniedError("held", 7),
    ]
    root = etree.fromstring(f'<a xmlns="{NC}">'.encode() + render_config_errors(errors, {"example": NS}) + b"</a>")
    texts = [{etree.QName(node).localname: node.text for node in error.iter()} for error in root]
    assert texts[0]["error-message"] == "too <big>"
    assert (texts[0]["error-path"], texts[0]["bad-element"]) == ("/example:shop/example:size", "size")
    assert (texts[1]["error-type"], texts[1]["session-id"]) == ("protocol", "7")
