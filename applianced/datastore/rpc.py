"""Input and output of RPCs that the YANG modules define, as RFC 7951 JSON values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from lxml import etree

from applianced.datastore import native
from applianced.datastore.faults import found_in, syntax_error
from applianced.datastore.jsontext import written
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.places import Element
from applianced.datastore.remedies import explained
from applianced.errors import ConfigError

ELEMENTS_MAX = 1000
"""Of an input, of which none has a long list; libyang looks through all that has the same name at each of them."""
TEXT_MAX = 64 * 1024
"""Characters of an input; no parameter takes a long text."""


def defined(models: Models, operation: Element) -> str:
    """ "module:name" of the RPC that an element calls, "" when there is no such RPC."""
    name = etree.QName(operation)
    module = models.modules.get(name.namespace or "")
    return f"{module.name}:{name.localname}" if module and native.has_rpc(module.pointer, name.localname) else ""


def arguments(models: Models, name: str, operation: Element) -> dict[str, Any]:
    """The validated input of a call. Raises ConfigError."""
    texts = [len(element.text or "") for element in islice(operation.iterdescendants(), ELEMENTS_MAX + 1)]
    if len(texts) > ELEMENTS_MAX or sum(texts) > TEXT_MAX:
        local = etree.QName(operation).localname
        message = f"<{local}> takes at most {ELEMENTS_MAX} elements and {TEXT_MAX} characters: send fewer"
        raise ConfigError("", message, tag="too-big")
    try:
        tree = native.parse_rpc(models.context, etree.tostring(operation, with_tail=False))
    except native.NativeError as error:
        raise found_in(syntax_error(explained(models, error.fault)), [operation]) from None
    try:
        given: dict[str, Any] = json.loads(native.render(tree, Form.JSON, defaults=native.Defaults.ALL)).get(name, {})
        return given
    finally:
        native.free(tree)


def output(models: Models, name: str, result: Mapping[str, Any]) -> bytes:
    """The output of a call as XML. Raises ConfigError when it does not fit the model."""
    try:
        tree = native.parse_rpc_output(models.context, written({name: result}).encode())
    except native.NativeError as error:
        raise syntax_error(error.fault) from None
    try:
        return b"".join(native.render(child, Form.XML) for child in native.children(tree))
    finally:
        native.free(tree)
