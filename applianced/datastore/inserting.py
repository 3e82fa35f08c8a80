"""yang:insert (RFC 7950 7.7.9 and 7.8.6): where an entry of a list that the user orders comes to stand.

No entry is looked for among the others one by one: an edit can move as many as there are.
"""

from __future__ import annotations

from applianced.datastore import native, places
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.orders import Orders, anchor_name, attribute_fault
from applianced.datastore.places import Place
from applianced.datastore.undo import UndoLog


def put(models: Models, undo: UndoLog, place: Place, node: native.Node, orders: Orders, *, is_new: bool) -> None:
    """Move an entry to where its attributes say. is_new: the edit made it, and it is none to insert beside.

    Raises ConfigError.
    """
    first = native.first_sibling(node)
    match orders.insert:
        case "first":
            undo.move(node, native.find(first, place.schema), before=True)
        case "last":
            undo.move_last(node)
        case where:
            anchor = _anchor(models, first, place, orders)
            if not anchor or (is_new and anchor == node):
                message = f"there is no entry {orders.anchor} to insert beside: name one that exists"
                attribute = anchor_name(native.kind(place.schema))
                raise attribute_fault(place, message, attribute, app_tag="missing-instance")
            undo.move(node, anchor, before=where == "before")


def _anchor(models: Models, first: native.Node, place: Place, orders: Orders) -> native.Node:
    """The entry that yang:key or yang:value names, NULL when there is none. first: of the entry's siblings."""
    attribute = anchor_name(native.kind(place.schema))
    if orders.anchor is None:
        message = f'insert "{orders.insert}" needs the attribute yang:{attribute}: name the entry to insert beside'
        raise attribute_fault(place, message, attribute, tag="missing-attribute")
    if native.kind(place.schema) is Kind.LEAF_LIST:
        return places.member(models, first, place.schema, orders.anchor)
    try:
        wanted = dict(places.parse_key_attribute(orders.anchor, place.element.nsmap))
    except ValueError:
        message = f"yang:key {orders.anchor} is not of the form [name='value'], with declared prefixes"
        raise attribute_fault(place, message, attribute) from None
    names = [name for name, _ in place.keys]
    if wanted.keys() != set(names):
        return native.NULL
    return places.entry(models, first, place.schema, tuple((name, wanted[name]) for name in names))
