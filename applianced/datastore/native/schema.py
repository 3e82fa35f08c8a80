"""libyang's schema: what a node is, which modules there are."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import takewhile
from typing import Any, NamedTuple

import libyang
from _libyang import ffi, lib

from applianced.datastore.native.data import (
    Module,
    Schema,
    _number,
    _raise,
    _raise_plain,
    _release,
    _text,
    siblings,
)


class Kind(IntEnum):
    """Kinds of schema nodes that hold data."""

    CONTAINER = lib.LYS_CONTAINER
    LIST = lib.LYS_LIST
    LEAF = lib.LYS_LEAF
    LEAF_LIST = lib.LYS_LEAFLIST
    ANY = lib.LYS_ANYDATA
    OTHER = 0


_YANG_1_1 = 2
"""LYS_VERSION_1_1, which the binding leaves out."""
_KINDS = {int(kind): kind for kind in Kind}


def kind(schema: Schema) -> Kind:
    return _KINDS.get(schema.nodetype, Kind.OTHER)


def name(schema: Schema) -> str:
    return _text(schema.name)


def module_name(schema: Schema) -> str:
    return _text(schema.module.name)


def namespace(schema: Schema) -> str:
    return _text(schema.module.ns)


def is_config(schema: Schema) -> bool:
    return bool(schema.flags & lib.LYS_CONFIG_W)


def is_user_ordered(schema: Schema) -> bool:
    return schema.nodetype in (lib.LYS_LIST, lib.LYS_LEAFLIST) and bool(schema.flags & lib.LYS_ORDBY_USER)


def is_presence(schema: Schema) -> bool:
    return bool(schema.nodetype == lib.LYS_CONTAINER and schema.flags & lib.LYS_PRESENCE)


def is_term(schema: Schema) -> bool:
    """A leaf or a leaf-list."""
    return schema.nodetype in (lib.LYS_LEAF, lib.LYS_LEAFLIST)


def is_identity(schema: Schema) -> bool:
    """A leaf or leaf-list whose values are identities, which are written with a prefix."""
    leaf = ffi.cast("struct lysc_node_leaf *", schema)
    return bool(leaf.type.basetype == lib.LY_TYPE_IDENT)


def is_empty(schema: Schema) -> bool:
    """A leaf of type empty, which is there or not and has no value."""
    leaf = ffi.cast("struct lysc_node_leaf *", schema)
    return bool(schema.nodetype == lib.LYS_LEAF and leaf.type.basetype == lib.LY_TYPE_EMPTY)


def is_key(schema: Schema) -> bool:
    return bool(schema.nodetype == lib.LYS_LEAF and schema.flags & lib.LYS_KEY)


def keys(schema: Schema) -> list[str]:
    """Names of a list's keys, in order."""
    # libyang puts them before all else.
    return [name(child) for child in takewhile(is_key, siblings(lib.lysc_node_child(schema)))]


def cases(schema: Schema) -> list[tuple[Any, Any]]:
    """(choice, case) pairs that a data node stands in, innermost first, as comparable numbers."""
    pairs = []
    above = schema.parent
    while above and above.nodetype in (lib.LYS_CASE, lib.LYS_CHOICE):
        if above.nodetype == lib.LYS_CASE:
            pairs.append((_number(above.parent), _number(above)))
        above = above.parent
    return pairs


def rivals(schema: Schema) -> list[Schema]:
    """Data nodes that cannot be beside this one: those in other cases of the choices that it stands in."""
    found: list[Schema] = []
    above = schema.parent
    while above and above.nodetype in (lib.LYS_CASE, lib.LYS_CHOICE):
        if above.nodetype == lib.LYS_CASE:
            for case in schema_children(above.parent):
                if case != above:
                    found += _in_case(case)
        above = above.parent
    return found


def _in_case(case: Schema) -> Iterator[Schema]:
    """Data nodes that stand in a case, or in a case of a choice in it."""
    for node in schema_children(case):
        if is_data(node):
            yield node
        else:
            yield from _in_case(node)


def in_choice(schema: Schema) -> bool:
    """Whether a data node stands in a case, so that `cases` names at least one."""
    return bool(schema.parent and schema.parent.nodetype == lib.LYS_CASE)


def is_data(schema: Schema) -> bool:
    """Whether instances exist, as they do not of choices and cases."""
    return schema.nodetype not in (lib.LYS_CHOICE, lib.LYS_CASE)


def schema_children(schema: Schema) -> Iterator[Schema]:
    """What stands directly below, choices and cases included."""
    return siblings(lib.lysc_node_child(schema))


def child_named(parent_schema: Schema, local_name: str) -> Schema:
    """Child by name, choices included, whatever choices and cases stand between; NULL if there is none."""
    pending = list(siblings(lib.lysc_node_child(parent_schema)))
    while pending:
        node = pending.pop(0)
        if node.nodetype != lib.LYS_CASE and name(node) == local_name:
            return node
        if node.nodetype in (lib.LYS_CASE, lib.LYS_CHOICE):
            pending.extend(siblings(lib.lysc_node_child(node)))
    return ffi.NULL


def fulfils(wanted: Schema, shown: list[Schema]) -> bool:
    """Whether children of these schema nodes have what `wanted` demands: a node, a case, min-elements."""
    if wanted.nodetype == lib.LYS_CHOICE:
        return any(_number(wanted) in dict(cases(schema)) for schema in shown)
    least = 1
    if wanted.nodetype == lib.LYS_LIST:
        least = ffi.cast("struct lysc_node_list *", wanted).min
    elif wanted.nodetype == lib.LYS_LEAFLIST:
        least = ffi.cast("struct lysc_node_leaflist *", wanted).min
    return sum(1 for schema in shown if schema == wanted) >= least


def find_schema(parent_schema: Schema, module: Module, local_name: str) -> Schema:
    """Child data node by module and name; under NULL a top-level one. NULL if there is none."""
    raw = local_name.encode()
    return lib.lys_find_child(parent_schema, module, ffi.from_buffer(raw + b"\0"), len(raw), _DATA, 0)


_DATA = lib.LYS_CONTAINER | lib.LYS_LIST | lib.LYS_LEAF | lib.LYS_LEAFLIST | lib.LYS_ANYDATA | lib.LYS_ANYXML


def has_rpc(module: Module, local_name: str) -> bool:
    """Whether a module defines this RPC."""
    return bool(find_rpc(module, local_name))


def find_rpc(module: Module, local_name: str) -> Schema:
    """A module's RPC, below which `find_schema` finds what its input holds; NULL if there is none."""
    raw = local_name.encode()
    return lib.lys_find_child(ffi.NULL, module, ffi.from_buffer(raw + b"\0"), len(raw), lib.LYS_RPC, 0)


def find_notification(module: Module, local_name: str) -> Schema:
    """A module's notification, NULL if there is none."""
    raw = local_name.encode()
    return lib.lys_find_child(ffi.NULL, module, ffi.from_buffer(raw + b"\0"), len(raw), lib.LYS_NOTIF, 0)


def choice_members(module: Module) -> Iterator[Schema]:
    """Every data node of a module's tree that stands directly in a case."""
    pending = list(top_level(module))
    while pending:
        node = pending.pop()
        if node.parent and node.parent.nodetype == lib.LYS_CASE:
            yield node
        pending.extend(siblings(lib.lysc_node_child(node)))


def top_level(module: Module) -> Iterator[Schema]:
    """What a module has at the top: data, choices, RPCs, notifications."""
    last = ffi.NULL
    while module.compiled:
        last = lib.lys_getnext(last, ffi.NULL, module.compiled, lib.LYS_GETNEXT_WITHCHOICE)
        if not last:
            return
        yield last


# --- modules ----------------------------------------------------------------------------------------------------


def load_module(context: libyang.Context, module: str, revision: str | None, features: tuple[str, ...]) -> None:
    """Load and implement a module from the search path with these features on. Raises NativeError."""
    names = [ffi.new("char[]", feature.encode()) for feature in features]
    wanted = ffi.new("char *[]", [*names, ffi.NULL])
    chosen = ffi.new("char[]", revision.encode()) if revision else ffi.NULL
    if not lib.ly_ctx_load_module(context.cdata, ffi.new("char[]", module.encode()), chosen, wanted):
        _raise(context)


class ModuleInfo(NamedTuple):
    """A module of the context. implemented: not just imported."""

    name: str
    revision: str
    namespace: str
    implemented: bool
    pointer: Module


def modules(context: libyang.Context) -> list[ModuleInfo]:
    """Every module of the context, libyang's own included."""
    index, found = ffi.new("uint32_t *"), []
    while module := lib.ly_ctx_get_module_iter(context.cdata, index):
        found.append(
            ModuleInfo(_text(module.name), _text(module.revision), _text(module.ns), bool(module.implemented), module)
        )
    return found


def is_yang_1(module: Module) -> bool:
    """Written in YANG 1 (RFC 6020), not in 1.1."""
    return bool(module.parsed.version < _YANG_1_1)


def features_on(module: Module) -> list[str]:
    """Names of a module's features that are switched on."""
    names, feature, index = [], ffi.NULL, ffi.new("uint32_t *")
    while feature := lib.lysp_feature_next(feature, module.parsed, index):
        if feature.flags & lib.LYS_FENABLED:
            names.append(_text(feature.name))
    return names


def source(module: Module) -> str:
    """The file that a module was read from, "" when libyang brought it along."""
    return _text(module.filepath)


def written(module: Module) -> bytes:
    """A module as YANG, written anew: what it says, in libyang's layout. Raises NativeError."""
    out = ffi.new("char **")
    if lib.lys_print_mem(out, module, lib.LYS_OUT_YANG, 0):
        _raise_plain(f"the module {_text(module.name)} cannot be printed")
    try:
        return bytes(ffi.string(out[0]))
    finally:
        _release(int(ffi.cast("uintptr_t", out[0])))
