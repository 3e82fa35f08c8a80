"""Notifications (RFC 7950 7.16) as trees, on which filters are evaluated, and as XML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.datastore import native
from applianced.datastore.faults import syntax_error
from applianced.datastore.jsontext import written
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree


def notification(models: Models, name: str, content: Mapping[str, Any]) -> Tree:
    """name: "module:notification". content: RFC 7951 JSON values; characters that XML cannot hold become "?".

    Raises ConfigError when it does not fit the model.
    """
    return _tree(models, written({name: content}).encode(), Form.JSON)


def read(models: Models, text: bytes) -> Tree:
    """A notification that was written as XML. Raises ConfigError when it fits no model any more."""
    return _tree(models, text, Form.XML)


def _tree(models: Models, text: bytes, form: Form) -> Tree:
    try:
        return Tree(models, native.parse_notification(models.context, text, form))
    except native.NativeError as error:
        raise syntax_error(error.fault) from None
