"""A leaf holds a value and no elements: what an edit that says otherwise is told, wherever that is found."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from applianced.courtesy import unhurried
from applianced.datastore import native
from applianced.datastore.instances import instance_path
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.places import Element, overfull
from applianced.errors import ConfigError


def first_overfull(models: Models, above: native.Schema, elements: Iterable[Element]) -> ConfigError | None:
    """The fault of the first leaf that holds elements. libyang says it in several ways, one of them that the value is
    none, so that this is for what it has refused.

    above: the schema node that the elements stand below, NULL for the top.
    """
    pending = [(above, iter(elements))]
    while pending:
        above, siblings = pending.pop()
        for element in unhurried(siblings):
            # Most elements are leaves as they should be, which need no look at the schema.
            if next(iter(element), None) is None:
                continue
            name = etree.QName(element)
            module = models.modules.get(name.namespace or "")
            schema = native.find_schema(above, module.pointer, name.localname) if module else native.NULL
            if not schema:
                continue
            if native.kind(schema) in (Kind.LEAF, Kind.LEAF_LIST):
                return overfull(instance_path(models, [*reversed(list(element.iterancestors())), element]), element)
            if native.kind(schema) in (Kind.CONTAINER, Kind.LIST):
                pending.extend([(above, siblings), (schema, iter(element))])
                break
    return None
