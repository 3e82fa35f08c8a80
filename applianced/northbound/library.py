"""The YANG library (RFC 8525), in its newer shape and in that of RFC 7895."""

from __future__ import annotations

import hashlib
import json

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree

DATASTORES = ("running", "candidate", "intended", "operational")
"""Names in ietf-datastores of what <get-data> reads; all have the one schema."""


def yang_library(models: Models) -> tuple[Tree, str]:
    """The data, for the caller to close, and its content-id: the same for the same modules, features and deviations,
    another one for any other (RFC 8525 section 3)."""
    with _made(models, "0") as blank:
        content_id = hashlib.sha256(blank.render(Form.JSON)).hexdigest()[:16]
    return _made(models, content_id), content_id


def _made(models: Models, content_id: str) -> Tree:
    tree = Tree(models, native.yang_library(models.context, content_id))
    # Where the files lie is nobody's business outside; <get-schema> has what is in them.
    for xpath in ("/ietf-yang-library:yang-library//location", "/ietf-yang-library:modules-state//schema"):
        for node in tree.find_all(xpath):
            native.free_subtree(node)
    # libyang knows no datastores.
    datastores = [{"name": f"ietf-datastores:{name}", "schema": "complete"} for name in DATASTORES]
    missing = {"ietf-yang-library:yang-library": {"datastore": datastores}}
    tree.merge(Tree.parse(models, json.dumps(missing).encode(), Form.JSON, state=True))
    return tree
