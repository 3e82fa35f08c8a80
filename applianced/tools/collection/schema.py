"""The schema as the collection needs it: nodes by name, with what a codec has to know of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from xml.etree import ElementTree

import libyang
from _libyang import ffi, lib
from libyang.schema import SContainer, SLeaf, SLeafList, SList, SNode

from applianced.datastore.models import load_context


class Kind(Enum):
    CONTAINER = "container"
    LIST = "list"
    LEAF = "leaf"
    LEAF_LIST = "leaf-list"


class Value(Enum):
    """How a leaf's value stands in JSON (RFC 7951 section 6)."""

    INT = "int"
    LONG = "long"
    BOOL = "bool"
    EMPTY = "empty"
    IDENTITY = "identity"
    MIXED = "mixed"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Node:
    """A data node.

    module: its name. keys: of a list. value: of a leaf or leaf-list. enums: what an enumeration allows.
    cases: (choice, case) that it stands in, innermost first. ordered: the user orders it. units, default: as in YANG.
    """

    name: str
    module: str
    kind: Kind
    description: str = ""
    config: bool = True
    presence: bool = False
    ordered: bool = False
    keys: tuple[str, ...] = ()
    value: Value = Value.STRING
    enums: tuple[str, ...] = ()
    default: str = ""
    units: str = ""
    cases: tuple[tuple[str, str], ...] = ()
    children: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """An RPC: its parameters and what it answers."""

    name: str
    module: str
    description: str
    input: Mapping[str, Node]
    output: Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Schema:
    """namespaces: by module. data: by qualified name (RFC 7951 section 4). identities: modules by identity name."""

    namespaces: Mapping[str, str]
    data: Mapping[str, Node]
    operations: Mapping[str, Operation]
    identities: Mapping[str, tuple[str, ...]]


_DATA = (SContainer, SList, SLeaf, SLeafList)
_YIN = "{urn:ietf:params:xml:ns:yang:yin:1}"
_INTEGERS = {lib.LY_TYPE_INT8, lib.LY_TYPE_INT16, lib.LY_TYPE_INT32}
_INTEGERS |= {lib.LY_TYPE_UINT8, lib.LY_TYPE_UINT16, lib.LY_TYPE_UINT32}
_VALUES = dict.fromkeys(_INTEGERS, Value.INT) | {
    lib.LY_TYPE_INT64: Value.LONG,
    lib.LY_TYPE_UINT64: Value.LONG,
    lib.LY_TYPE_DEC64: Value.LONG,
    lib.LY_TYPE_BOOL: Value.BOOL,
    lib.LY_TYPE_EMPTY: Value.EMPTY,
    lib.LY_TYPE_IDENT: Value.IDENTITY,
}
_SHOWN = ("applianced-", "ietf-interfaces", "ietf-ip", "iana-if-type", "ietf-netconf-acm", "ietf-netconf-monitoring")
"""Modules of whose data the collection knows; of all others it passes XML."""


def load() -> Schema:
    """The schema of the modules in force. Raises ConfigError."""
    context = load_context()
    modules = sorted((module for module in context if module.implemented()), key=lambda module: str(module.name()))
    shown = [module for module in modules if module.name().startswith(_SHOWN)]
    roots = [node for module in shown for node in module.children(types=(SNode.CONTAINER, SNode.LIST))]
    calls = [node for module in shown for node in module.children(types=(SNode.RPC,))]
    return Schema(
        namespaces={module.name(): libyang.util.c2str(module.cdata.ns) for module in modules},
        data={f"{root.module().name()}:{root.name()}": _node(root) for root in roots},
        operations={f"{call.module().name()}:{call.name()}": _operation(call) for call in calls},
        identities=_by_name(pair for module in shown for pair in _identities(module)),
    )


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, module in pairs:
        found[name] = (*found.get(name, ()), module)
    return found


def _identities(module: libyang.Module) -> Iterator[tuple[str, str]]:
    """Identities of a module with its name. The binding has none, so the text is printed as YIN and read."""
    for identity in ElementTree.fromstring(module.print_mem(fmt="yin")).iterfind(f"{_YIN}identity"):  # noqa: S314
        yield str(identity.get("name")), module.name()


def _operation(call: Any) -> Operation:
    given, answered = call.input(), call.output()
    return Operation(
        name=call.name(),
        module=call.module().name(),
        description=_text(call),
        input=_children(given) if given else {},
        output=_children(answered) if answered else {},
    )


def _children(parent: SNode) -> dict[str, Node]:
    """Data nodes below, choices and cases passed through."""
    found = libyang.schema.iter_children(parent.context, parent.cdata)
    return {child.name(): _node(child) for child in found if isinstance(child, _DATA)}


def _cases(node: SNode) -> tuple[tuple[str, str], ...]:
    pairs, above = [], node.cdata.parent
    while above and above.nodetype in (lib.LYS_CASE, lib.LYS_CHOICE):
        if above.nodetype == lib.LYS_CASE:
            pairs.append((libyang.util.c2str(above.parent.name), libyang.util.c2str(above.name)))
        above = above.parent
    return tuple(pairs)


def _node(node: Any) -> Node:
    shared: dict[str, Any] = {
        "name": node.name(),
        "module": node.module().name(),
        "description": _text(node),
        "config": not node.config_false(),
        "cases": _cases(node),
    }
    if isinstance(node, SContainer):
        return Node(**shared, kind=Kind.CONTAINER, presence=node.presence() is not None, children=_children(node))
    if isinstance(node, SList):
        names = tuple(key.name() for key in node.keys())  # noqa: SIM118
        return Node(**shared, kind=Kind.LIST, keys=names, ordered=bool(node.ordered()), children=_children(node))
    many = isinstance(node, SLeafList)
    compiled = node.cdata_leaflist if many else node.cdata_leaf
    value, enums = _value(compiled.type)
    return Node(
        **shared,
        kind=Kind.LEAF_LIST if many else Kind.LEAF,
        ordered=many and bool(node.ordered()),
        value=value,
        enums=enums,
        default="" if many else _default(node),
        units=node.units() or "",
    )


def _default(leaf: SLeaf) -> str:
    # The binding shows booleans and numbers as Python's.
    default = leaf.default()
    return str(default).lower() if isinstance(default, bool) else "" if default is None else str(default)


def _value(compiled: ffi.CData) -> tuple[Value, tuple[str, ...]]:
    """What values of a type look like, and the names of an enumeration."""
    kind = compiled.basetype
    if kind == lib.LY_TYPE_LEAFREF:
        return _value(ffi.cast("struct lysc_type_leafref *", compiled).realtype)
    if kind == lib.LY_TYPE_UNION:
        return _union(compiled), ()
    if kind == lib.LY_TYPE_ENUM:
        enums = _each(ffi.cast("struct lysc_type_enum *", compiled).enums)
        return Value.STRING, tuple(libyang.util.c2str(enum.name) for enum in enums)
    return _VALUES.get(kind, Value.STRING), ()


def _union(compiled: ffi.CData) -> Value:
    members = _each(ffi.cast("struct lysc_type_union *", compiled).types)
    return Value.MIXED if any(_value(member)[0] is Value.INT for member in members) else Value.STRING


def _each(array: ffi.CData) -> Iterator[ffi.CData]:
    found: Iterator[ffi.CData] = libyang.util.ly_array_iter(array)  # type: ignore[no-untyped-call]
    return found


def _text(node: SNode) -> str:
    return " ".join((node.description() or "").split())
