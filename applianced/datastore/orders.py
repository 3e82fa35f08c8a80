"""What an edit says by attributes: operation (RFC 6241 7.2), insert (RFC 7950 7.8.6), default (RFC 6243 6)."""

from __future__ import annotations

from collections.abc import Mapping
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
    anchors = {name: _take(element, f"{{{YANG_NS}}}{name}") for name in ("key", "value")}
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
        _anchor(place, insert, anchors),
        to_default,
    )


def anchor_name(kind: Kind) -> str:
    """The attribute that names an entry to insert beside (RFC 7950 7.7.9 and 7.8.6)."""
    return "key" if kind is Kind.LIST else "value"


def _anchor(place: Place, insert: str, given: Mapping[str, str | None]) -> str | None:
    """given: yang:key and yang:value, by their local names. Raises ConfigError."""
    for name, text in given.items():
        if text is None:
            continue
        if not native.is_user_ordered(place.schema):
            message = f"yang:{name} is for lists that are ordered by the user, and <{place.name}> is none: remove it"
            raise attribute_fault(place, message, name, tag="unknown-attribute")
        wanted = anchor_name(native.kind(place.schema))
        if name != wanted:
            message = f"entries of <{place.name}> are named by yang:{wanted}, not by yang:{name}"
            raise attribute_fault(place, message, name, tag="unknown-attribute")
        if insert not in ("before", "after"):
            message = f'yang:{name} goes with insert "before" or "after": say one of them, or remove yang:{name}'
            raise attribute_fault(place, message, name)
        return text
    return None


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
