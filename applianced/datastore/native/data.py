"""libyang's data trees: nodes in, nodes out, errors as values."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import libyang
from _libyang import ffi, lib

Node = Any
Schema = Any
Module = Any
NULL: Node = ffi.NULL

# The binding leaves instance paths out of errors; without them an operator cannot find the fault.
lib.ly_set_log_clb(ffi.NULL, True)

_SHARED = ctypes.CDLL("libyang.so.2")


def _entry(name: str, signature: str) -> Any:
    address = ctypes.cast(getattr(_SHARED, name), ctypes.c_void_p).value
    return ffi.cast(signature, address)


_unlink = _entry("lyd_unlink_tree", "void(*)(struct lyd_node *)")
_insert_sibling = _entry("lyd_insert_sibling", "LY_ERR(*)(struct lyd_node *, struct lyd_node *, struct lyd_node **)")
_insert_before = _entry("lyd_insert_before", "LY_ERR(*)(struct lyd_node *, struct lyd_node *)")
_insert_after = _entry("lyd_insert_after", "LY_ERR(*)(struct lyd_node *, struct lyd_node *)")
_find_sibling = _entry(
    "lyd_find_sibling_val",
    "LY_ERR(*)(struct lyd_node *, struct lysc_node *, char *, size_t, struct lyd_node **)",
)
_find_like = _entry("lyd_find_sibling_first", "LY_ERR(*)(struct lyd_node *, struct lyd_node *, struct lyd_node **)")
_compare_siblings = _entry("lyd_compare_siblings", "LY_ERR(*)(struct lyd_node *, struct lyd_node *, uint32_t)")
_compare_single = _entry("lyd_compare_single", "LY_ERR(*)(struct lyd_node *, struct lyd_node *, uint32_t)")
_COMPARE_ALL = 0x01 | 0x02
"""LYD_COMPARE_FULL_RECURSION, LYD_COMPARE_DEFAULTS."""
_INNER = lib.LYS_CONTAINER | lib.LYS_LIST
_release = ctypes.CDLL(None).free
_release.argtypes = [ctypes.c_void_p]
_release.restype = None


class Form(IntEnum):
    """How data is written down."""

    XML = lib.LYD_XML
    JSON = lib.LYD_JSON


class Defaults(IntEnum):
    """Which values that equal their schema's default are printed (RFC 6243 section 3)."""

    EXPLICIT = lib.LYD_PRINT_WD_EXPLICIT
    TRIM = lib.LYD_PRINT_WD_TRIM
    ALL = lib.LYD_PRINT_WD_ALL
    TAGGED = lib.LYD_PRINT_WD_ALL_TAG


class Fault(NamedTuple):
    """What libyang found wrong. path: data path or "". schema_path: or "". app_tag: error-app-tag or ""."""

    message: str
    path: str
    schema_path: str
    app_tag: str


class NativeError(Exception):
    """libyang refused; `fault` says what. Stays inside the datastore package."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


_MESSAGE_MAX = 4096
"""Octets of a message from libyang; it may quote a value of megabytes."""


def _message(pointer: Any) -> str:
    """The middle of a quoted value is left out, not what is said about it."""
    raw = ffi.string(pointer) if pointer else b""
    if len(raw) > _MESSAGE_MAX:
        raw = raw[: _MESSAGE_MAX // 2] + raw[-_MESSAGE_MAX // 2 :]
    return str(raw.decode("utf-8", "replace"))


def _text(pointer: Any) -> str:
    return ffi.string(pointer).decode("utf-8", "replace") if pointer else ""


def _split_location(location: str) -> tuple[str, str]:
    """(data path, schema path) out of `Schema location "/s", data location "/d", line number 1.`"""
    data = schema = ""
    for mark, quoted in _quoted_after(location):
        if mark.lower().endswith("data location "):
            data = quoted
        elif mark.lower().endswith("schema location "):
            schema = quoted
    if not data and not schema and location.startswith("/"):
        data = location
    return data, schema


def _quoted_after(location: str) -> Iterator[tuple[str, str]]:
    # A data path quotes its keys with single quotes, and with double ones only when a key holds a single quote:
    # the closing mark is the one followed by the next part or the end.
    rest = location
    while '"' in rest:
        mark, _, rest = rest.partition('"')
        ends = [
            at
            for part in ('", data location', '", line number', '".', '", Schema', '", schema')
            if (at := rest.find(part)) >= 0
        ]
        end = min(ends, default=len(rest.rstrip('".')))
        yield mark, rest[:end]
        rest = rest[end + 1 :]


def _raise(context: libyang.Context) -> None:
    error = lib.ly_err_first(context.cdata)
    if not error:
        raise NativeError(Fault("the data cannot be read", "", "", ""))
    data, schema = _split_location(_text(error.path))
    fault = Fault(_message(error.msg), data, schema, _text(error.apptag))
    lib.ly_err_clean(context.cdata, ffi.NULL)
    raise NativeError(fault)


def parse(context: libyang.Context, text: bytes, form: Form, *, state: bool = False) -> Node:
    """Top-level data, checked against the schema node by node but not validated. Raises NativeError."""
    flags = lib.LYD_PARSE_ONLY | lib.LYD_PARSE_STRICT | (0 if state else lib.LYD_PARSE_NO_STATE)
    out = ffi.new("struct lyd_node **")
    if lib.lyd_parse_data_mem(context.cdata, ffi.from_buffer(text + b"\0"), form, flags, 0, out):
        _raise(context)
    return out[0]


def parse_under(context: libyang.Context, parent: Node, text: bytes) -> None:
    """Parse one XML element as a child of `parent`. Raises NativeError, and then `parent` is as before."""
    source, keep = ffi.new("struct ly_in **"), ffi.from_buffer(text + b"\0")
    if lib.ly_in_new_memory(keep, source):
        _raise(context)
    flags = lib.LYD_PARSE_ONLY | lib.LYD_PARSE_STRICT | lib.LYD_PARSE_NO_STATE
    try:
        if lib.lyd_parse_data(context.cdata, parent, source[0], lib.LYD_XML, flags, 0, ffi.NULL):
            _raise(context)
    finally:
        lib.ly_in_free(source[0], 0)


def parse_rpc(context: libyang.Context, text: bytes) -> Node:
    """The input of an RPC (XML), validated; the caller frees it with `free`. Raises NativeError."""
    tree = _parse_operation(context, text, Form.XML, lib.LYD_TYPE_RPC_YANG)
    if lib.lyd_validate_op(tree, ffi.NULL, lib.LYD_TYPE_RPC_YANG, ffi.NULL):
        free(tree)
        _raise(context)
    return tree


def parse_rpc_output(context: libyang.Context, text: bytes) -> Node:
    """The output of an RPC (JSON); the caller frees it with `free`. Raises NativeError."""
    return _parse_operation(context, text, Form.JSON, lib.LYD_TYPE_REPLY_YANG)


def parse_notification(context: libyang.Context, text: bytes, form: Form) -> Node:
    """A notification, its types and names checked; the caller frees it with `free`. Raises NativeError."""
    return _parse_operation(context, text, form, lib.LYD_TYPE_NOTIF_YANG)


def _parse_operation(context: libyang.Context, text: bytes, form: Form, kind_of: int) -> Node:
    source, keep = ffi.new("struct ly_in **"), ffi.from_buffer(text + b"\0")
    if lib.ly_in_new_memory(keep, source):
        _raise(context)
    tree, operation = ffi.new("struct lyd_node **"), ffi.new("struct lyd_node **")
    try:
        if lib.lyd_parse_op(context.cdata, ffi.NULL, source[0], form, kind_of, tree, operation):
            _raise(context)
    finally:
        lib.ly_in_free(source[0], 0)
    return tree[0]


def validate(context: libyang.Context, first: Node) -> Node:
    """Validate a whole datastore, add its defaults; the first node afterwards.

    Raises NativeError with the first fault; the new first node is then `moved` of the error.
    """
    holder = ffi.new("struct lyd_node **", first)
    if lib.lyd_validate_all(holder, context.cdata, lib.LYD_VALIDATE_NO_STATE, ffi.NULL):
        try:
            _raise(context)
        except NativeError as error:
            raise ValidationError(error.fault, holder[0]) from None
    return holder[0]


class ValidationError(NativeError):
    """Validation found a fault; it may have changed which node comes first all the same."""

    def __init__(self, fault: Fault, moved: Node) -> None:
        super().__init__(fault)
        self.moved = moved


def merge(context: libyang.Context, target: Node, source: Node) -> Node:
    """Merge `source` into `target`, both with siblings; consumes `source`; the first node afterwards."""
    holder = ffi.new("struct lyd_node **", target)
    if lib.lyd_merge_siblings(holder, source, lib.LYD_MERGE_DESTRUCT):
        _raise(context)
    return first_sibling(holder[0])


def duplicate(context: libyang.Context, first: Node, *, siblings: bool = True) -> Node:
    """A deep copy of a node, or of it and all that follow it."""
    out = ffi.new("struct lyd_node **")
    function = lib.lyd_dup_siblings if siblings else lib.lyd_dup_single
    if first and function(first, ffi.NULL, lib.LYD_DUP_RECURSIVE | lib.LYD_DUP_WITH_FLAGS, out):
        _raise(context)
    return out[0]


def shell(node: Node) -> Node:
    """A copy of a node with its keys, and of those above it, that holds nothing else."""
    out = ffi.new("struct lyd_node **")
    if lib.lyd_dup_single(node, ffi.NULL, lib.LYD_DUP_WITH_PARENTS | lib.LYD_DUP_WITH_FLAGS, out):
        _raise_plain("the node cannot be copied")
    return out[0]


def root(node: Node) -> Node:
    """The top-level node that holds this one."""
    while above := parent(node):
        node = above
    return node


def render(
    node: Node, form: Form, *, defaults: Defaults = Defaults.EXPLICIT, siblings: bool = False, empty: bool = False
) -> bytes:
    """A subtree as text without insignificant space; b"" for nothing. siblings: everything beside it as well.
    empty: with containers that mean nothing and hold nothing."""
    if not node:
        return b"{}" if form is Form.JSON else b""
    flags = lib.LYD_PRINT_SHRINK | defaults | (lib.LYD_PRINT_WITHSIBLINGS if siblings else 0)
    out = ffi.new("char **")
    if lib.lyd_print_mem(out, node, form, flags | (lib.LYD_PRINT_KEEPEMPTYCONT if empty else 0)):
        _raise_plain("the data cannot be printed")
    if not out[0]:
        return b"{}" if form is Form.JSON else b""
    try:
        return bytes(ffi.string(out[0]))
    finally:
        _release(int(ffi.cast("uintptr_t", out[0])))


def _raise_plain(message: str) -> None:
    raise NativeError(Fault(message, "", "", ""))


def free(node: Node) -> None:
    """Free a whole tree, given any of its nodes."""
    lib.lyd_free_all(node)


def free_subtree(node: Node) -> None:
    """Unlink and free one node with all below it."""
    lib.lyd_free_tree(node)


def unlink(node: Node) -> None:
    """Take a node out of its tree; the caller owns it from now on."""
    _unlink(node)


def insert(parent: Node, node: Node) -> None:
    """Put a free node under `parent`, after the other instances of its schema node."""
    if lib.lyd_insert_child(parent, node):
        _raise_plain("the node cannot be inserted")


def insert_beside(sibling: Node, node: Node) -> Node:
    """Put a free top-level node beside `sibling` (may be NULL); the first node afterwards."""
    out = ffi.new("struct lyd_node **")
    if _insert_sibling(sibling, node, out):
        _raise_plain("the node cannot be inserted")
    return out[0]


def insert_before(anchor: Node, node: Node) -> None:
    """Put or move a node of a user-ordered list before another instance."""
    if _insert_before(anchor, node):
        _raise_plain("the node cannot be inserted")


def insert_after(anchor: Node, node: Node) -> None:
    """Put or move a node of a user-ordered list after another instance."""
    if _insert_after(anchor, node):
        _raise_plain("the node cannot be inserted")


def find(first: Node, schema: Schema, key: str | None = None) -> Node:
    """The instance of `schema` among siblings, NULL if none. key: "[name='x']" of a list, the value of a leaf-list,
    which may be ""; without it the first of them."""
    out = ffi.new("struct lyd_node **")
    raw = b"" if key is None else key.encode()
    code = _find_sibling(first, schema, ffi.NULL if key is None else ffi.from_buffer(raw + b"\0"), len(raw), out)
    return NULL if code else out[0]


def first_like(first: Node, node: Node) -> Node:
    """The first among siblings that is the same instance as `node`: for a list entry, the one with its keys."""
    out = ffi.new("struct lyd_node **")
    return NULL if _find_like(first, node, out) else out[0]


def equal(first: Node, other: Node) -> bool:
    """Whether two trees, each given by its first node, hold the same in the same order, defaults told apart."""
    return not _compare_siblings(first_sibling(first), first_sibling(other), _COMPARE_ALL)


def find_all(context: libyang.Context, first: Node, xpath: str) -> list[Node]:
    """Nodes that an XPath (prefixes are module names) selects. Raises NativeError."""
    if not first:
        return []
    found = ffi.new("struct ly_set **")
    if lib.lyd_find_xpath(first, xpath.encode(), found):
        _raise(context)
    nodes = [found[0].dnodes[index] for index in range(found[0].count)]
    lib.ly_set_free(found[0], ffi.NULL)
    return nodes


def clean_errors(context: libyang.Context) -> None:
    """Forget errors of calls whose failure was an answer."""
    lib.ly_err_clean(context.cdata, ffi.NULL)


def path(node: Node) -> str:
    """Instance path: "/module:container/list[key='x']/leaf"."""
    pointer = lib.lyd_path(node, lib.LYD_PATH_STD, ffi.NULL, 0)
    try:
        return _text(pointer)
    finally:
        _release(int(ffi.cast("uintptr_t", pointer)))


def value(node: Node) -> str:
    """Canonical value of a leaf or leaf-list entry (identities as module:name)."""
    return _text(lib.lyd_get_value(node))


def siblings(first: Node) -> Iterator[Node]:
    """A node and those that follow it; safe against removal of the one just yielded."""
    node = first
    while node:
        following = node.next
        yield node
        node = following


def instances(first: Node, schema: Schema) -> Iterator[Node]:
    """Those of `schema` among siblings, in their order; safe against removal of the one just yielded."""
    node = find(first, schema)
    while node and node.schema == schema:
        following = node.next
        yield node
        node = following


def children(node: Node) -> Iterator[Node]:
    return siblings(lib.lyd_child(node))


def first_child(node: Node) -> Node:
    return lib.lyd_child(node)


def first_sibling(node: Node) -> Node:
    return lib.lyd_first_sibling(node) if node else NULL


def is_inner(node: Node) -> bool:
    """Whether it may have others below it, told without a call of libyang."""
    return bool(node.schema) and node.schema.nodetype & _INNER != 0


def following(node: Node) -> Node:
    return node.next


def parent(node: Node) -> Node:
    return ffi.cast("struct lyd_node *", node.parent)


def identity(node: Node) -> int:
    """Equal for equal nodes, while both live."""
    return _number(node)


def schema_of(node: Node) -> Schema:
    return node.schema


def is_default(node: Node) -> bool:
    """Put there by validation, not by anybody's edit."""
    return bool(node.flags & lib.LYD_DEFAULT)


def set_configured(node: Node) -> None:
    """Note that somebody put something into a container that was there for its defaults alone."""
    node.flags &= ~lib.LYD_DEFAULT


def is_same(node: Node, other: Node) -> bool:
    """Whether two nodes and all below them are the same, told quickly; False may be said of what only looks
    different."""
    return not _compare_single(node, other, _COMPARE_ALL)


def yang_library(context: libyang.Context, content_id: str) -> Node:
    """RFC 8525 data of the context, owned by the caller."""
    out = ffi.new("struct lyd_node **")
    if lib.ly_ctx_get_yanglib_data(context.cdata, out, b"%s", ffi.new("char[]", content_id.encode())):
        _raise(context)
    return out[0]


def _number(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))
