"""What an edit demands of running: that nodes are as they were when the edit was computed
(draft-ietf-netconf-transaction-id)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from applianced.datastore import native, places, txids
from applianced.datastore.faults import NamedFaultError
from applianced.datastore.native import Kind
from applianced.datastore.places import Element
from applianced.datastore.selector import Selector
from applianced.datastore.tree import Tree
from applianced.datastore.txids import ASK, MATCH, UNKNOWN, Found, Mechanism, Table
from applianced.errors import ConfigError

ATTRIBUTES = {f"{{{txids.NAMESPACE}}}{mechanism.value}": mechanism for mechanism in Mechanism}
CONDITIONS_MAX = 10_000
"""Nodes that the edits of one candidate may make demands of, and that one request may carry ids of."""
_MARKED = Selector(
    f"(descendant-or-self::*[@t:etag or @t:last-modified])[position() <= {CONDITIONS_MAX + 1}]",
    {"t": txids.NAMESPACE},
)
LENGTH_MAX = 256
"""Characters of an id that a client sends."""


class Given(NamedTuple):
    """An id that a client sends with a node."""

    mechanism: Mechanism
    text: str


class Step(NamedTuple):
    """One node of the way from the root, outermost first. keys: of an entry, as places.entry takes them."""

    module: str
    name: str
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """way: to the node, () for the root. path: to be shown."""

    way: tuple[Step, ...]
    path: str
    given: Given


class MismatchError(ConfigError):
    """A node of running is not as an edit demands. current: its id."""

    def __init__(self, condition: Condition, current: str) -> None:
        name = condition.given.mechanism.value
        message = (
            f"{condition.path or 'the configuration'} has changed since {name} {condition.given.text}: its {name} is "
            f"{current}; read it again, and send the edit anew with that {name}, or <discard-changes>"
        )
        super().__init__(condition.path, message, tag="operation-failed", app_tag="txid-mismatch")
        self.mechanism = condition.given.mechanism
        self.current = current


def marked(element: Element) -> list[Element]:
    """Those at or below an element that carry an id, outermost first. Raises ConfigError when they are too many."""
    found = _MARKED(element)
    if len(found) > CONDITIONS_MAX:
        message = f"more than {CONDITIONS_MAX} nodes carry ids: let a container around them carry one"
        raise ConfigError("", message, tag="too-big")
    return found


def take(element: Element) -> Given | None:
    """The id on an element, taken off. Raises NamedFaultError."""
    found = [(name, mechanism) for name, mechanism in ATTRIBUTES.items() if name in element.attrib]
    if not found:
        return None
    name, mechanism = found[0]
    if len(found) > 1:
        raise _refused(element, mechanism, "send etag or last-modified, not both")
    text = str(element.attrib.pop(name)).strip()
    if not text or len(text) > LENGTH_MAX:
        raise _refused(element, mechanism, f"an id has 1 to {LENGTH_MAX} characters, this one has {len(text)}")
    return Given(mechanism, text)


class Demanded:
    """The conditions of one edit; made before the edit, which wants elements without such attributes."""

    def __init__(self, elements: Sequence[Element]) -> None:
        """elements: the children of <config>, which may carry the id of the root. Raises NamedFaultError."""
        self.conditions: dict[str, Condition] = {}
        self._tops = frozenset(elements)
        self._open = [(node, _demand(node)) for element in elements for node in marked(element)]
        holder = elements[0].getparent() if elements else None
        if holder is not None and any(name in holder.attrib for name in ATTRIBUTES):
            self.conditions[""] = Condition(way=(), path="", given=_demand(holder))

    def require_room(self, already: int) -> None:
        """already: conditions that the candidate has. Raises ConfigError."""
        if already + len(self._open) > CONDITIONS_MAX:
            message = (
                f"the edits of this candidate demand the ids of more than {CONDITIONS_MAX} nodes: demand that of a "
                "container around them, or commit what there is first"
            )
            raise ConfigError("", message, tag="too-big")

    def resolve(self, tree: Tree) -> None:
        """Find the nodes in a tree. Those that are there only before the edit, or only after it, are found then."""
        left = []
        for element, given in self._open:
            node = self._instance(tree, element)
            if not node:
                left.append((element, given))
                continue
            path = native.path(node)
            self.conditions[path] = Condition(way=_way(node), path=path, given=given)
        self._open = left

    def _instance(self, tree: Tree, element: Element) -> native.Node:
        """The node that an element stands for; NULL when there is none, or the edit will say what is wrong."""
        chain, each = [element], element
        while each not in self._tops and (above := each.getparent()) is not None:
            each = above
            chain.append(each)
        parent = native.NULL
        try:
            for each in reversed(chain):
                place = places.resolve(tree.models, parent, each)
                first = native.first_child(parent) if parent else native.first_sibling(tree.first)
                parent = places.instance(tree.models, first, place)
                if not parent:
                    return native.NULL
        except ConfigError:
            return native.NULL
        return parent


def unmet(conditions: Sequence[Condition], running: Tree, table: Table) -> list[MismatchError]:
    """What running, whose table this is, does not fulfil, in the order of the conditions.

    Of a node that is not there, that which is and would hold it must be as known: it may have been there.
    """
    errors = []
    for condition in conditions:
        found = _located(condition.way, running, table)
        if table.numbered(condition.given.text) < table.number(found):
            errors.append(MismatchError(condition, table.text(found, condition.given.mechanism)))
    return errors


def _located(way: Sequence[Step], tree: Tree, table: Table) -> Found:
    found, above, first = table.root(), native.NULL, native.first_sibling(tree.first)
    for step in way:
        module = tree.models.modules.get(tree.models.names.get(step.module, ""))
        schema = native.find_schema(above, module.pointer, step.name) if module else native.NULL
        if not (schema and first):
            break
        is_list = native.kind(schema) is Kind.LIST
        node = places.entry(tree.models, first, schema, step.keys) if is_list else native.find(first, schema)
        if not node or native.kind(schema) not in (Kind.CONTAINER, Kind.LIST):
            break
        found, above, first = table.below(found, node), schema, native.first_child(node)
    return found


def _demand(element: Element) -> Given:
    """Raises NamedFaultError."""
    given = take(element)
    assert given is not None
    if given.text in (ASK, MATCH, UNKNOWN):
        raise _refused(element, given.mechanism, f'"{given.text}" demands nothing: send an id that was read')
    return given


def _way(node: native.Node) -> tuple[Step, ...]:
    steps = []
    while node:
        schema = native.schema_of(node)
        names = native.keys(schema) if native.kind(schema) is Kind.LIST else []
        values = [native.value(child) for child in native.children(node) if native.is_key(native.schema_of(child))]
        steps.append(Step(native.module_name(schema), native.name(schema), tuple(zip(names, values, strict=True))))
        node = native.parent(node)
    return tuple(reversed(steps))


def _refused(element: Element, mechanism: Mechanism, message: str) -> NamedFaultError:
    name = etree.QName(element).localname
    text = f"the attribute {mechanism.value} of <{name}>: {message}"
    return NamedFaultError("", text, tag="bad-attribute", bad_element=name, attribute=mechanism.value)
