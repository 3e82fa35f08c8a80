"""What an edit says by attributes: operation (RFC 6241 7.2), insert (RFC 7950 7.8.6), default (RFC 6243 6)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from lxml import etree

from applianced.datastore import native
from applianced.datastore.faults import NamedFaultError
from applianced.datastore.native import Kind
from applianced.datastore.places import Element, Place
from applianced.errors import ConfigError

NETCONF_NS = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG_NS = "urn:ietf:params:xml:ns:yang:1"


WD_NS = "urn:ietf:params:xml:ns:netconf:default:1.0"
WD_MODULE_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"
DEFAULT_ATTRIBUTES = (f"{{{WD_NS}}}default", f"{{{WD_MODULE_NS}}}default")
"""RFC 6243 section 6 has the first; servers and clients that rest on libyang send the second."""


class Operation(Enum):
    MERGE = "merge"
    REPLACE = "replace"
    CREATE = "create"
    DELETE = "delete"
    REMOVE = "remove"
    NONE = "none"


class Orders(NamedTuple):
    """The attributes of one element. insert: "", "first", "last", "before" or "after"; anchor: yang:key or value.
    to_default: wd:default asks for the schema's default (RFC 6243 section 6)."""

    operation: Operation
    insert: str
    anchor: str | None
    to_default: bool = False


def read_orders(place: Place, inherited: Operation) -> Orders:
    """Read and take off the attributes of an element. Raises ConfigError."""
    element = place.element
    operation = _take(element, f"{{{NETCONF_NS}}}operation")
    insert = _take(element, f"{{{YANG_NS}}}insert") or ""
    to_default = _to_default(place)
    anchors = [_take(element, f"{{{YANG_NS}}}{name}") for name in ("key", "value")]
    if element.attrib:
        unknown = etree.QName(str(next(iter(element.attrib)))).localname
        message = f'unknown attribute "{unknown}": operation needs the NETCONF namespace, insert and key the YANG one'
        raise attribute_fault(place, message, unknown, tag="unknown-attribute")
    if insert and (insert not in ("first", "last", "before", "after") or not native.is_user_ordered(place.schema)):
        message = f'insert "{insert}" is for lists that are ordered by the user: first, last, before or after'
        raise attribute_fault(place, message, "insert")
    return Orders(
        _operation(place, operation) if operation is not None else inherited,
        insert,
        next((anchor for anchor in anchors if anchor is not None), None),
        to_default,
    )


def _to_default(place: Place) -> bool:
    given = [value for name in DEFAULT_ATTRIBUTES if (value := _take(place.element, name)) is not None]
    if not given:
        return False
    if given[0].strip() not in ("true", "1", "false", "0"):
        raise attribute_fault(place, f'wd:default "{given[0]}" is neither true nor false', "default")
    if native.kind(place.schema) not in (Kind.LEAF, Kind.LEAF_LIST):
        raise attribute_fault(place, f"wd:default is for values, and <{place.name}> has none of its own", "default")
    return given[0].strip() in ("true", "1")


def _take(element: Element, name: str) -> str | None:
    """Remove an attribute; its value, None when it is not there."""
    value = element.get(name)
    if value is not None:
        del element.attrib[name]
    return value


def _operation(place: Place, text: str) -> Operation:
    if text not in ("merge", "replace", "create", "delete", "remove"):
        message = f'operation "{text}" is none of merge, replace, create, delete, remove'
        raise attribute_fault(place, message, "operation")
    return Operation(text)


def attribute_fault(
    place: Place, message: str, attribute: str, *, tag: str = "bad-attribute", app_tag: str = ""
) -> ConfigError:
    return NamedFaultError(place.path, message, tag=tag, app_tag=app_tag, bad_element=place.name, attribute=attribute)
