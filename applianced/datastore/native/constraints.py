"""What a schema node demands of the data besides its own type: XPath conditions, references, numbers of entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from _libyang import ffi, lib

from applianced.datastore.native.data import Schema, _text
from applianced.datastore.native.schema import is_term

_UNBOUNDED = 0xFFFFFFFF


def musts(schema: Schema) -> list[str]:
    """XPaths that must hold; each is evaluated at the node itself."""
    return [_text(lib.lyxp_get_expr(must.cond)) for must in _array(lib.lysc_node_musts(schema))]


def whens(schema: Schema) -> list[tuple[str, Schema]]:
    """XPaths that say when the node exists, each with the node that it is evaluated at: this one or one above it."""
    return [(_text(lib.lyxp_get_expr(when.cond)), when.context) for when in _array(lib.lysc_node_when(schema))]


def references(schema: Schema) -> list[str]:
    """Paths of leafrefs that need their target; "" stands for an instance-identifier that does."""
    if not is_term(schema):
        return []
    return list(_references(ffi.cast("struct lysc_node_leaf *", schema).type))


def counts_entries(schema: Schema) -> bool:
    """Whether a list says how many entries it has, or compares them with one another."""
    entries = ffi.cast("struct lysc_node_list *", schema)
    return bool(entries.min or entries.max not in (0, _UNBOUNDED) or entries.uniques)


def _references(kind: Any) -> Iterator[str]:
    if kind.basetype == lib.LY_TYPE_LEAFREF:
        leafref = ffi.cast("struct lysc_type_leafref *", kind)
        if leafref.require_instance:
            yield _text(lib.lyxp_get_expr(leafref.path))
        yield from _references(leafref.realtype)
    elif kind.basetype == lib.LY_TYPE_INST:
        if ffi.cast("struct lysc_type_instanceid *", kind).require_instance:
            yield ""
    elif kind.basetype == lib.LY_TYPE_UNION:
        for member in _array(ffi.cast("struct lysc_type_union *", kind).types):
            yield from _references(member)


def _array(pointer: Any) -> Iterator[Any]:
    """libyang's sized arrays hold their length before their first member."""
    for number in range(int(ffi.cast("uint64_t *", pointer)[-1]) if pointer else 0):
        yield pointer[number]
