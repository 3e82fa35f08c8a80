"""Whether one node breaks what the schema demands, and in libyang's words: its validation stops at the first fault."""

from __future__ import annotations

from collections.abc import Iterator

import libyang
from _libyang import ffi, lib

from applianced.datastore.native.constraints import _UNBOUNDED, _array, references
from applianced.datastore.native.data import Fault, NativeError, Node, Schema, _entry, _raise, _text, path
from applianced.datastore.native.schema import name

_holds = _entry(
    "lyd_eval_xpath3",
    "LY_ERR(*)(struct lyd_node *, struct lys_module *, char *, LY_VALUE_FORMAT, void *, void *, ly_bool *)",
)
_ENTRIES = lib.LYS_LIST | lib.LYS_LEAFLIST
_SINGLE = lib.LYS_LEAF | lib.LYS_ANYDATA | lib.LYS_ANYXML


def broken_musts(node: Node) -> Iterator[Fault]:
    """Every `must` of a node that does not hold there."""
    result = ffi.new("ly_bool *")
    for must in _array(lib.lysc_node_musts(node.schema)):
        text, form = lib.lyxp_get_expr(must.cond), lib.LY_VALUE_SCHEMA_RESOLVED
        if _holds(node, node.schema.module, text, form, must.prefixes, ffi.NULL, result) or result[0]:
            continue
        said = _text(must.emsg) or f'Must condition "{_text(text)}" not satisfied.'
        yield Fault(said, path(node), "", _text(must.eapptag) or "must-violation")


def dangling(context: libyang.Context, node: Node) -> Iterator[Fault]:
    """The reference that a leaf or an entry of a leaf-list is, when what it needs is not there."""
    text = lib.lyd_get_value(node)
    if not lib.lyd_value_validate(context.cdata, node.schema, text, len(ffi.string(text)), node, ffi.NULL, ffi.NULL):
        return
    try:
        _raise(context)
    except NativeError as error:
        yield error.fault._replace(path=path(node), schema_path="")


def missed(schema: Schema) -> Fault | None:
    """What is said where a node that has to be there is not; None for one that does not have to."""
    if schema.nodetype & _ENTRIES:
        few = f'Too few "{name(schema)}" instances.'
        return Fault(few, "", "", "too-few-elements") if _bounds(schema).min else None
    if not schema.flags & lib.LYS_MAND_TRUE:
        return None
    if schema.nodetype == lib.LYS_CHOICE:
        return Fault(f'Mandatory choice "{name(schema)}" data do not exist.', "", "", "missing-choice")
    # A container without presence is there always, whatever it has to hold.
    said = f'Mandatory node "{name(schema)}" instance does not exist.'
    return Fault(said, "", "", "") if schema.nodetype & _SINGLE else None


def most(schema: Schema) -> int:
    """Entries that a list or leaf-list may have, 0 for any number."""
    bound = _bounds(schema).max if schema.nodetype & _ENTRIES else 0
    return 0 if bound == _UNBOUNDED else int(bound)


def beyond_most(schema: Schema, node: Node) -> Fault:
    """What is said of an entry with which there are more than `most`."""
    return Fault(f'Too many "{name(schema)}" instances.', path(node), "", "too-many-elements")


def is_bound(schema: Schema) -> bool:
    """Whether a node has a `must`, or refers to another that has to be there."""
    return bool(lib.lysc_node_musts(schema)) or bool(references(schema))


def is_conditional(schema: Schema) -> bool:
    """Whether a `when` says whether a node exists."""
    return bool(lib.lysc_node_when(schema))


def _bounds(schema: Schema) -> Schema:
    kind_of = "struct lysc_node_list *" if schema.nodetype == lib.LYS_LIST else "struct lysc_node_leaflist *"
    return ffi.cast(kind_of, schema)
