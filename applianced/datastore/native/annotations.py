"""What libyang knows of a schema beside its shape: extensions, operations, and values in their canonical form."""

from __future__ import annotations

from collections.abc import Iterator

import libyang
from _libyang import ffi, lib

from applianced.datastore.native.data import NULL, Module, Schema, _entry, _text
from applianced.datastore.native.schema import _DATA, top_level

_value_validate = _entry(
    "lyd_value_validate",
    "LY_ERR(*)(struct ly_ctx *, struct lysc_node *, char *, size_t, struct lyd_node *, void *, char **)",
)
_forget_text = _entry("lydict_remove", "LY_ERR(*)(struct ly_ctx *, char *)")
_OPERATIONS = lib.LYS_RPC | lib.LYS_NOTIF


def data_roots(module: Module) -> Iterator[Schema]:
    """Top-level data nodes of a module, choices included."""
    wanted = _DATA | lib.LYS_CHOICE
    return (node for node in top_level(module) if node.nodetype & wanted)


def extensions(schema: Schema) -> Iterator[tuple[str, str]]:
    """(module, name) of the extensions on a schema node. libyang hands those of ietf-netconf-acm down to the nodes
    below by itself."""
    if schema.exts:
        # An array of libyang has its length in front of it.
        for index in range(ffi.cast("uint64_t *", schema.exts)[-1]):
            definition = getattr(schema.exts[index], "def")
            yield _text(definition.module.name), _text(definition.name)


def operation(module: Module, local_name: str) -> Schema:
    """The RPC or notification of that name at the top level of a module, NULL if there is none."""
    raw = local_name.encode()
    keep = ffi.from_buffer(raw + b"\0")
    found = lib.lys_find_child(NULL, module, keep, len(raw), _OPERATIONS, 0)
    return found if found else NULL


def canonical(context: libyang.Context, schema: Schema, text: str) -> str:
    """A leaf's value (identities as module:name) in its canonical form; the text itself when it is no value of it."""
    found = canonical_value(context, schema, text)
    return text if found is None else found


def canonical_value(context: libyang.Context, schema: Schema, text: str) -> str | None:
    """The same; None when it is no value of the leaf."""
    out, raw = ffi.new("char **"), text.encode()
    fault = _value_validate(context.cdata, schema, ffi.from_buffer(raw + b"\0"), len(raw), NULL, NULL, out)
    if fault:
        lib.ly_err_clean(context.cdata, ffi.NULL)
        # Whether what it refers to exists, nobody asked.
        return text if fault == lib.LY_EINCOMPLETE else None
    found = _text(out[0])
    _forget_text(context.cdata, out[0])
    return found
