"""A whole configuration as text: what no edit is, and so holds no attributes, no stray text and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from lxml import etree

from applianced.datastore import crowding, leaves, native, places, rule_paths, twins
from applianced.datastore.faults import NamedFaultError, found_in
from applianced.datastore.instances import instance_path
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.orders import NETCONF_NS, YANG_NS
from applianced.datastore.places import Element
from applianced.datastore.selector import Selector
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

_WITH_ATTRIBUTES = Selector("(descendant-or-self::*[@*])[1]")
_REMEDY = "only the elements of an <edit-config> have such attributes: remove it"


def from_elements(models: Models, elements: Sequence[Element], *, line: int = 0) -> Tree:
    """A configuration from its top-level elements, unvalidated. line: lines before the text that lxml read.

    Raises ConfigError.
    """
    for element in elements:
        if marked := _WITH_ATTRIBUTES(element):
            raise _attribute(models, marked[0], line)
        places.check_top_level(models, element)
        rule_paths.settle(models, element)
    crowding.require_spread(models, elements)
    text = b"".join(etree.tostring(element, with_tail=False) for element in elements)
    try:
        return _parsed(models, text, Form.XML)
    except ConfigError as error:
        raise leaves.first_overfull(models, native.NULL, elements) or found_in(error, elements) from None


def from_json(models: Models, text: bytes) -> Tree:
    """A configuration from RFC 7951 JSON, unvalidated. Raises ConfigError."""
    try:
        value = json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError("", f"not well-formed JSON: {error}", tag="malformed-message") from None
    _refuse_metadata(value)
    if rule_paths.settle_json(models, value):
        text = json.dumps(value).encode()
    return _parsed(models, text, Form.JSON)


TOP_MAX = 1000
"""Elements in <config>, each a container or an entry of a list at the top of a module."""


def check_holder(config: Element) -> None:
    """<config>, or what stands for it, holds elements and says nothing itself. Raises ConfigError."""
    name = etree.QName(config).localname
    # len() would count them all: a millisecond for each 30,000.
    if next(islice(config, TOP_MAX, None), None) is not None:
        message = f"<{name}> holds more than {TOP_MAX} elements: say all of a container in one"
        raise ConfigError("", message, tag="too-big")
    for text in (config.text, *(child.tail for child in config)):
        if text and not text.isspace():
            message = f'<{name}> holds elements, and here it holds the text "{text.strip()[:40]}": remove it'
            raise ConfigError("", message, tag="bad-element", bad_element=name)
    for attribute in config.attrib:
        if etree.QName(attribute).namespace in (None, NETCONF_NS, YANG_NS):
            local = etree.QName(attribute).localname
            message = f'<{name}> has the attribute "{local}", which means nothing there: remove it'
            raise NamedFaultError("", message, tag="unknown-attribute", bad_element=name, attribute=local)


def _parsed(models: Models, text: bytes, form: Form) -> Tree:
    tree = Tree.parse(models, text, form)
    try:
        twins.check_tree(tree.first)
    except ConfigError:
        tree.close()
        raise
    return tree


def _attribute(models: Models, element: Element, line: int) -> ConfigError:
    name = etree.QName(element).localname
    local = etree.QName(str(next(iter(element.attrib)))).localname
    at: Any = element.sourceline
    message = f'line {(at or 0) + line}: <{name}> has the attribute "{local}": {_REMEDY}'
    path = instance_path(models, [*reversed(list(element.iterancestors())), element])
    return NamedFaultError(path, message, tag="unknown-attribute", bad_element=name, attribute=local)


def _refuse_metadata(value: Any) -> None:
    """RFC 7952 5.2: members that begin with "@" are the attributes of JSON."""
    pending: list[tuple[str, str, Any]] = [("", "", value)]
    while pending:
        path, name, value = pending.pop()
        if isinstance(value, list):
            pending.extend((f"{path}[{number}]", name, entry) for number, entry in enumerate(value, 1))
        elif isinstance(value, dict):
            for member, below in value.items():
                if member.startswith("@"):
                    raise _metadata(path, name, member, below)
                pending.append((f"{path}/{member}", member.rpartition(":")[2], below))


def _metadata(path: str, name: str, member: str, value: Any) -> ConfigError:
    entries = value if isinstance(value, list) else [value]
    said = [str(one) for entry in entries if isinstance(entry, dict) for one in entry]
    attribute = said[0].rpartition(":")[2] if said else member
    where, element = (f"{path}/{member[1:]}", member[1:].rpartition(":")[2]) if len(member) > 1 else (path, name)
    message = f'"{member}" gives {element or "the whole"} the attribute "{attribute}": {_REMEDY}'
    return NamedFaultError(where, message, tag="unknown-attribute", bad_element=element, attribute=attribute)
