"""Subtree filters (RFC 6241 section 6), answered by printing the selected parts where they stand: nothing is copied.

A list entry whose keys are all matched is looked up, not searched. An element without a namespace, or in NETCONF's
own (which is what a filter without xmlns inherits), matches in every namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lxml import etree

from applianced.datastore import native, places
from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.places import Element
from applianced.datastore.writer import Writer
from applianced.errors import ConfigError

LOOKS_MAX = 1_000_000
"""Of one answer: elements of a filter, times entries of the lists that they search without naming all keys."""


class TooManyLooksError(ConfigError):
    """A filter that searches for longer than it may."""


def select(
    models: Models,
    roots: Sequence[native.Node],
    filters: Sequence[Element],
    writer: Writer,
    looks: int = 0,
) -> bytes:
    """The data below `roots` (top-level nodes, of one tree or several) that the children of <filter> select, as XML.

    looks: nodes that may be looked at, which takes some 3 µs each; 0 for LOOKS_MAX.

    Raises TooManyLooksError "resource-denied".
    """
    return Selection(models, writer, looks or LOOKS_MAX).level(native.NULL, roots, filters, "")


class Pick(NamedTuple):
    """A node and the filter elements that selected it."""

    node: native.Node
    filters: list[Element]


class Selection:
    def __init__(self, models: Models, writer: Writer, looks: int = LOOKS_MAX) -> None:
        self.models = models
        self.writer = writer
        self._left = looks

    def level(
        self, parent: native.Node, nodes: Sequence[native.Node] | None, filters: Sequence[Element], above: str
    ) -> bytes:
        """One level of siblings. nodes: the top-level ones, None for the children of `parent`. above: XML namespace."""
        picks: dict[int, Pick] = {}
        for element in filters:
            for node in self.matching(parent, nodes, element):
                picks.setdefault(native.identity(node), Pick(node, [])).filters.append(element)
        return b"".join(self.pick(pick, above) for pick in self.ordered(picks, parent, nodes, filters))

    def ordered(
        self,
        picks: dict[int, Pick],
        parent: native.Node,
        nodes: Sequence[native.Node] | None,
        filters: Sequence[Element],
    ) -> Iterable[Pick]:
        """Several filters may find entries of one list in another order than the list's."""
        if len(filters) < 2 or not any(native.is_user_ordered(native.schema_of(pick.node)) for pick in picks.values()):
            return picks.values()
        everything = native.children(parent) if nodes is None else iter(nodes)
        return (picks[native.identity(node)] for node in everything if native.identity(node) in picks)

    def pick(self, pick: Pick, above: str) -> bytes:
        """A selected node: whole, or as much of it as its filters select."""
        schema = native.schema_of(pick.node)
        wanted: list[Element] = []
        for element in pick.filters:
            inner = list(element)
            contents = [child for child in inner if _is_content(child)]
            if not inner or len(contents) == len(inner):
                return self.writer.whole(pick.node, above)
            wanted.extend(inner)
        named = native.keys(schema) if native.kind(schema) is Kind.LIST else []
        others = [element for element in wanted if etree.QName(element).localname not in named]
        body = self.level(pick.node, None, others, native.namespace(schema))
        if not body and (len(others) == len(wanted) or not self.writer.keeps(pick.node)):
            return b""
        return self.writer.part(pick.node, above, body)

    def matching(
        self, parent: native.Node, nodes: Sequence[native.Node] | None, element: Element
    ) -> Iterator[native.Node]:
        """Nodes of this level that one filter element matches, its content matches included."""
        # Attribute match expressions (6.2.2) compare XML attributes; the datastores' data has none.
        if element.attrib:
            return
        for schema in self.schemas(parent, element):
            for node in self.instances(parent, nodes, schema, element):
                self.look()
                if self.matches(node, schema, element):
                    yield node

    def look(self) -> None:
        """Count a node or a module that is looked at. Raises TooManyLooksError."""
        self._left -= 1
        if self._left < 0:
            message = (
                f"the filter looks at more than {LOOKS_MAX} nodes: name entries by all their keys, give each element "
                "its namespace, or ask in several requests"
            )
            raise TooManyLooksError("", message, tag="resource-denied")

    def schemas(self, parent: native.Node, element: Element) -> Iterator[native.Schema]:
        name = etree.QName(element)
        above = native.schema_of(parent) if parent else native.NULL
        wildcard = name.namespace in (None, NETCONF_NS)
        module = self.models.modules.get(name.namespace or "")
        for candidate in self.models.modules.values() if wildcard else [module] if module else []:
            self.look()
            schema = native.find_schema(above, candidate.pointer, name.localname)
            if not schema and not parent:
                # RFC 5277 3.6: what a subscription filters is one notification.
                schema = native.find_notification(candidate.pointer, name.localname)
            if schema:
                yield schema

    def instances(
        self, parent: native.Node, nodes: Sequence[native.Node] | None, schema: native.Schema, element: Element
    ) -> Iterator[native.Node]:
        if nodes is not None:
            yield from (node for node in nodes if native.schema_of(node) == schema)
            return
        first = native.first_child(parent)
        match native.kind(schema):
            case Kind.LIST if keys := _all_keys(schema, element):
                node = places.entry(self.models, first, schema, keys)
                if node:
                    yield node
            case Kind.LIST | Kind.LEAF_LIST:
                yield from (node for node in native.siblings(first) if native.schema_of(node) == schema)
            case _:
                node = native.find(first, schema)
                if node:
                    yield node

    def matches(self, node: native.Node, schema: native.Schema, element: Element) -> bool:
        """Its own value when it is a leaf, the content matches among its children otherwise (6.2.5)."""
        if native.kind(schema) in (Kind.LEAF, Kind.LEAF_LIST):
            text = places.json_value(self.models, schema, element)
            if text is None or len(element):
                return False
            return not text.strip() or native.value(node) == text.strip()
        if _is_content(element):
            return False  # Nothing that holds elements has the text.
        contents = [child for child in element if _is_content(child)]
        return all(any(True for _ in self.matching(node, None, child)) for child in contents)


def _is_content(element: Element) -> bool:
    """A content match node: text and nothing else."""
    return len(element) == 0 and bool(element.text and element.text.strip())


def _all_keys(schema: native.Schema, element: Element) -> tuple[tuple[str, str], ...]:
    """Key names and values when the filter matches all of a list's keys, () otherwise."""
    texts = {etree.QName(child).localname: (child.text or "").strip() for child in element if _is_content(child)}
    names = native.keys(schema)
    return tuple((name, texts[name]) for name in names) if names and all(name in texts for name in names) else ()
