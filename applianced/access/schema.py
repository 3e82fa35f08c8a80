"""The data nodes of the schema as the rules see them: module, place, keys, and what the model denies by default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Kind

ACM = "ietf-netconf-acm"


class Deny(Enum):
    """What is denied to whom no rule permits it (RFC 8341 3.5.2, the extensions)."""

    NOTHING = ""
    WRITE = "default-deny-write"
    ALL = "default-deny-all"


@dataclass(frozen=True, slots=True, eq=False)
class SchemaNode:
    """number: identity of libyang's schema node. above: numbers of the node itself and all above it.

    children: by (module, name); choices and cases are left out. keys: the key leaves of a list.
    """

    schema: native.Schema
    number: int
    module: str
    name: str
    kind: Kind
    deny: Deny
    above: frozenset[int]
    children: dict[tuple[str, str], SchemaNode] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[SchemaNode, ...]:
        return tuple(child for child in self.children.values() if native.is_key(child.schema))

    @property
    def is_bare(self) -> bool:
        """A container that exists for what is in it alone."""
        return self.kind is Kind.CONTAINER and not native.is_presence(self.schema)


class SchemaIndex:
    """Every data node of the modules in force. tops: by (module, name). numbered: by number."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.tops: dict[tuple[str, str], SchemaNode] = {}
        self.numbered: dict[int, SchemaNode] = {}
        for module in models.modules.values():
            self._fill(self.tops, native.data_roots(module.pointer), Deny.NOTHING, frozenset())

    def of(self, node: native.Node) -> SchemaNode:
        """The schema node of an instance."""
        return self.numbered[native.identity(native.schema_of(node))]

    def operation_denied(self, module: str, name: str) -> Deny:
        """What the model says of an RPC or a notification."""
        namespace = self.models.names.get(module, "")
        known = self.models.modules.get(namespace)
        found = native.operation(known.pointer, name) if known else native.NULL
        return _denied(found) if found else Deny.NOTHING

    def _fill(
        self,
        into: dict[tuple[str, str], SchemaNode],
        schemas: Iterable[native.Schema],
        inherited: Deny,
        above: frozenset[int],
    ) -> None:
        for schema in _data_nodes(schemas):
            number, said = native.identity(schema), _denied(schema)
            deny = inherited if inherited is Deny.ALL or said is Deny.NOTHING else said
            module, name = native.module_name(schema), native.name(schema)
            node = SchemaNode(schema, number, module, name, native.kind(schema), deny, above | {number})
            into[module, name] = self.numbered[number] = node
            self._fill(node.children, native.schema_children(schema), deny, node.above)


def _data_nodes(schemas: Iterable[native.Schema]) -> Iterator[native.Schema]:
    for schema in schemas:
        if native.is_data(schema):
            yield schema
        else:
            yield from _data_nodes(native.schema_children(schema))


def _denied(schema: native.Schema) -> Deny:
    said = {name for module, name in native.extensions(schema) if module == ACM}
    return next((deny for deny in (Deny.ALL, Deny.WRITE) if deny.value in said), Deny.NOTHING)
