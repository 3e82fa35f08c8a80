"""libyang's answers to questions about data: XPath as XML writes it."""

from __future__ import annotations

from collections.abc import Mapping

import libyang
from _libyang import ffi, lib

from applianced.datastore.native.data import Node, _entry, _raise

_find_xpath = _entry(
    "lyd_find_xpath4",
    "LY_ERR(*)(struct lyd_node *, struct lyd_node *, char *, LY_VALUE_FORMAT, void *, void *, struct ly_set **)",
)


def find_xml(context: libyang.Context, first: Node, xpath: str, namespaces: Mapping[str, str]) -> list[Node]:
    """Nodes that an XPath selects, in document order; prefixes stand for the namespaces that XML gave them, in names
    as in values. Raises NativeError."""
    # An lyxml_ns of libyang: prefix, namespace, depth. `kept` holds what the pointers in them lead to.
    kept = [(ffi.new("char[]", prefix.encode()), ffi.new("char[]", uri.encode())) for prefix, uri in namespaces.items()]
    declared = [ffi.new("void *[3]", [prefix, uri, ffi.NULL]) for prefix, uri in kept]
    pointers = ffi.new("struct lyd_node *[]", [ffi.cast("struct lyd_node *", one) for one in declared])
    known = ffi.new("struct ly_set *")
    known.size = known.count = len(declared)
    known.dnodes = pointers
    found = ffi.new("struct ly_set **")
    text = ffi.new("char[]", xpath.encode())
    if _find_xpath(ffi.NULL, first, text, lib.LY_VALUE_XML, known, ffi.NULL, found):
        _raise(context)
    nodes = [found[0].dnodes[index] for index in range(found[0].count)]
    lib.ly_set_free(found[0], ffi.NULL)
    return nodes
