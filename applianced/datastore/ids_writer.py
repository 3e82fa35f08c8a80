"""Parts of a tree as XML with the transaction ids of their nodes, without what the client knows
(draft-ietf-netconf-transaction-id, the rules for pruning)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from applianced.datastore import native
from applianced.datastore.conditions import Given
from applianced.datastore.models import Models
from applianced.datastore.native import Defaults, Kind
from applianced.datastore.places import Element, is_configured
from applianced.datastore.subtree import Pick, Selection
from applianced.datastore.txids import MATCH, Found, Table
from applianced.datastore.writer import Writer, is_key_leaf, key_leaves


class IdsWriter(Writer):
    """A Writer for one client. The prefix txid must be declared around what it writes."""

    def __init__(self, defaults: Defaults, table: Table, given: Given | None) -> None:
        """given: the id that the client sent for everything, None when for parts alone."""
        super().__init__(defaults)
        self._table = table
        self._given = given
        self._flat: dict[int, bool] = {}
        """By schema node: whether no versioned node can be in it."""

    @contextmanager
    def within(self, given: Given | None) -> Iterator[None]:
        """Inside the block, what is written is what the client sent this id for; None leaves it as it is around."""
        before = self._given
        self._given = given or before
        try:
            yield
        finally:
            self._given = before

    def root(self) -> str:
        """The attribute of the root, "" when the client did not ask for it."""
        return self._attribute(self._given, self._table.root()) if self._given else ""

    def knows_all(self) -> bool:
        """Whether the client has everything as it is."""
        return self._given is not None and self._known(self._given, self._table.root())

    def knows(self, node: native.Node) -> bool:
        """Whether the client has this node as it is."""
        return self._given is not None and self._known(self._given, self._table.find(node))

    def whole(self, node: native.Node, above: str) -> bytes:
        if self._given is None:
            return super().whole(node, above)
        if native.kind(native.schema_of(node)) in (Kind.CONTAINER, Kind.LIST):
            return self._node(self._given, node, above, self._table.find(node))
        return self.pruned(node, above) if self.knows(node) else super().whole(node, above)

    def part(self, node: native.Node, above: str, body: bytes) -> bytes:
        if self._given is None:
            return super().part(node, above, body)
        found = self._table.find(node)
        if self._known(self._given, found):
            return self.pruned(node, above)
        return _marked(node, super().part(node, above, body), self._attribute(self._given, found))

    def pruned(self, node: native.Node, above: str) -> bytes:
        """A node that the client knows, with nothing but its keys."""
        assert self._given is not None
        return _marked(node, super().part(node, above, b""), f' txid:{self._given.mechanism.value}="{MATCH}"')

    def _node(self, given: Given, node: native.Node, above: str, found: Found) -> bytes:
        """A container or an entry."""
        if self._known(given, found):
            return self.pruned(node, above) if self.defaults is not Defaults.EXPLICIT or is_configured(node) else b""
        schema = native.schema_of(node)
        if self._is_flat(schema):
            text = super().whole(node, above)
            return _marked(node, text, self._attribute(given, found)) if text else b""
        namespace = native.namespace(schema)
        parts = []
        for child in native.children(node):
            if is_key_leaf(child):
                continue
            if native.kind(native.schema_of(child)) in (Kind.CONTAINER, Kind.LIST):
                parts.append(self._node(given, child, namespace, self._table.below(found, child)))
            else:
                parts.append(super().whole(child, namespace))
        body = b"".join(parts)
        if not (body or native.is_presence(schema) or key_leaves(node)):
            return b""
        return _marked(node, super().part(node, above, body), self._attribute(given, found))

    def _is_flat(self, schema: native.Schema) -> bool:
        number = native.identity(schema)
        if number not in self._flat:
            self._flat[number] = not any(map(_holds_versioned, native.schema_children(schema)))
        return self._flat[number]

    def _known(self, given: Given, found: Found) -> bool:
        return self._table.numbered(given.text) >= self._table.number(found)

    def _attribute(self, given: Given, found: Found) -> str:
        text = MATCH if self._known(given, found) else self._table.text(found, given.mechanism)
        return f' txid:{given.mechanism.value}="{text}"'


def select(
    models: Models,
    roots: Sequence[native.Node],
    filters: Sequence[Element],
    writer: IdsWriter,
    given: Mapping[Element, Given],
) -> bytes:
    """As subtree.select; given: the ids that elements of the filter carried, of which they are rid."""
    return _IdsSelection(models, writer, given).level(native.NULL, roots, filters, "")


class _IdsSelection(Selection):
    def __init__(self, models: Models, writer: IdsWriter, given: Mapping[Element, Given]) -> None:
        super().__init__(models, writer)
        self._ids = writer
        self._given = given

    def pick(self, pick: Pick, above: str) -> bytes:
        with self._ids.within(next((self._given[each] for each in pick.filters if each in self._given), None)):
            # What is known need not be searched.
            return self._ids.pruned(pick.node, above) if self._ids.knows(pick.node) else super().pick(pick, above)


def _holds_versioned(schema: native.Schema) -> bool:
    """Whether a schema node is that of a versioned node, or a choice or case of one."""
    if native.is_data(schema):
        return native.kind(schema) in (Kind.CONTAINER, Kind.LIST)
    return any(map(_holds_versioned, native.schema_children(schema)))


def _marked(node: native.Node, text: bytes, attribute: str) -> bytes:
    name = f"<{native.name(native.schema_of(node))}".encode()
    return name + attribute.encode() + text[len(name) :]
