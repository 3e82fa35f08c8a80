"""libyang's defaults: values in use that nobody set (RFC 7950 7.6.1)."""

from __future__ import annotations

import libyang
from _libyang import ffi, lib

from applianced.datastore.native.data import Node, _entry, _raise, first_child, first_sibling, siblings

_complete_below = _entry("lyd_new_implicit_tree", "LY_ERR(*)(struct lyd_node *, uint32_t, struct lyd_node **)")
_equals_default = _entry("lyd_is_default", "ly_bool(*)(struct lyd_node *)")
_NO_STATE = 1
"""LYD_IMPLICIT_NO_STATE, which the binding leaves out."""


def complete(context: libyang.Context, first: Node) -> Node:
    """Add every default in use to a configuration that may not be valid; the first node afterwards."""
    holder = ffi.new("struct lyd_node **", _without_unfilled(first))
    if lib.lyd_new_implicit_all(holder, context.cdata, _NO_STATE, ffi.NULL):
        _raise(context)
    return first_sibling(holder[0])


def _without_unfilled(first: Node) -> Node:
    """Free empty containers that libyang takes for filled already, since an edit and not validation put them there;
    the first node afterwards."""
    made, pending = lib.LYD_DEFAULT | lib.LYD_NEW, [first]
    while pending:
        for node in siblings(pending.pop()):
            below = first_child(node)
            if below:
                pending.append(below)
            elif node.flags & made == made and node.schema.nodetype == lib.LYS_CONTAINER:
                first = node.next if node == first else first
                lib.lyd_free_tree(node)
    return first


def complete_below(context: libyang.Context, node: Node, *, state: bool = True) -> None:
    """Every default in use below one node. state: also those of state."""
    _without_unfilled(first_child(node))
    if _complete_below(node, 0 if state else _NO_STATE, ffi.NULL):
        _raise(context)


def equals_default(node: Node) -> bool:
    """Whether a leaf's value is its schema's default, whoever put it there."""
    return bool(_equals_default(node))
