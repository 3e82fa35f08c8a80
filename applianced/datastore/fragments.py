"""Pieces of a request as text that libyang reads."""

from __future__ import annotations

from typing import Any

from lxml import etree

from applianced.datastore import native
from applianced.datastore.places import Element, Place


def octets(element: Element) -> bytes:
    """The element with all below it."""
    return etree.tostring(element, with_tail=False)


def shell(place: Place) -> bytes:
    """The element with its keys alone."""
    namespace = native.namespace(place.schema)
    bare = _bare(place.element)
    for name, _ in place.keys:
        key = place.element.find(f"{{{namespace}}}{name}")
        if key is not None:
            bare.append(_bare(key))
    return octets(bare)


def _bare(element: Element) -> Element:
    """The element with its text and namespaces, without attributes and children."""
    declared: Any = element.nsmap
    bare = etree.Element(element.tag, nsmap=declared)
    bare.text = element.text
    return bare
