"""libyang's schema: which nodes carry an extension of YANG, such as those of NACM."""

from __future__ import annotations

from collections.abc import Iterator

from _libyang import ffi, lib

from applianced.datastore.native.data import Module, Schema, _text, siblings
from applianced.datastore.native.schema import is_data, module_name, name, top_level

Way = tuple[str, ...]
"""Names of nodes from the top down as RFC 7951 writes them: with the module where that differs from the node above."""


def carries(schema: Schema, module: str, extension: str) -> bool:
    """Whether a schema node has this extension; NACM's are inherited by all below."""
    if not schema.exts:
        return False
    count = int(ffi.cast("uint64_t *", schema.exts)[-1])
    definitions = (getattr(schema.exts[place], "def") for place in range(count))
    return any(_text(one.name) == extension and _text(one.module.name) == module for one in definitions)


def carriers(module: Module, of: str, extension: str) -> Iterator[Way]:
    """The topmost data nodes below a module's top level that carry extension `extension` of module `of`."""
    pending: list[tuple[Schema, Way, str]] = [(top, (), "") for top in top_level(module)]
    while pending:
        schema, above, module_above = pending.pop()
        way, home = above, module_above
        if is_data(schema):
            home = module_name(schema)
            way = (*above, name(schema) if home == module_above else f"{home}:{name(schema)}")
            if carries(schema, of, extension):
                yield way
                continue
        pending += [(child, way, home) for child in siblings(lib.lysc_node_child(schema))]
