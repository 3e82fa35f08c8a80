"""What libyang is given to read as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from applianced.datastore import rpc
from applianced.datastore.jsontext import written
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.datastore.notification import notification
from applianced.datastore.tree import Tree


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\U0001f600 \u00e9", "\U0001f600 \u00e9"),
        ('\\u0001 \\b "', '\\u0001 \\b "'),
        ("\b\x00\x1f\t\n", "???\t\n"),
        ("\ud83d\uffff\udc80", "???"),
        ([{"a": ["\x01", 1, None]}], [{"a": ["?", 1, None]}]),
    ],
)
def test_it_stands_for_itself(value: Any, text: Any) -> None:
    out = written(value)
    out.encode()
    assert json.loads(out) == text


def test_libyang_reads_it() -> None:
    models = load_models()
    refused = {"user": "\U0001f600\x01\udc80", "reason": "r"}
    with notification(models, "applianced-notifications:login-failure", refused) as tree:
        assert "<user>\U0001f600??</user>".encode() in tree.render(Form.XML)
    with Tree.parse(models, written({"applianced-system:system": {"host-name": "h"}}).encode(), Form.JSON) as tree:
        assert b"<host-name>h</host-name>" in tree.render(Form.XML)
    said = rpc.output(models, "applianced-history:compare", {"changes": "set \U0001f600"})
    assert "set \U0001f600".encode() in said
