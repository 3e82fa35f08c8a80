"""Where an element stands, by the elements around it alone: no data is needed."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from applianced.datastore import native, places
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.places import Element


def instance_path(models: Models, elements: Iterable[Element]) -> str:
    """Instance path of the last of these elements, each below the one before; what is above the data is left out."""
    path, schema, before = "", native.NULL, ""
    for element in elements:
        name = etree.QName(element)
        module = models.modules.get(name.namespace or "")
        schema = native.find_schema(schema, module.pointer, name.localname) if module else native.NULL
        if not module or not schema:
            continue
        path += f"/{name.localname}" if module.name == before else f"/{module.name}:{name.localname}"
        before = module.name
        if native.kind(schema) is Kind.LIST:
            texts = ((key, element.findtext(f"{{{name.namespace}}}{key}")) for key in native.keys(schema))
            path += places.predicate(tuple((key, text) for key, text in texts if text is not None))
    return path
