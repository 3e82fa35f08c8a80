"""What an edit asks for, judged before it is tried: an answer must not tell whether something hidden exists.

What can be seen is judged by what the edit changed (access.changes). An element that names something the user may not
read needs the right to whatever the edit could do there, be it there or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from applianced.access.changes import denial
from applianced.access.decider import Decider, Spot
from applianced.access.rules import Keys
from applianced.access.schema import SchemaNode
from applianced.config.nacm import Access
from applianced.datastore import native, places
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.datastore.orders import NETCONF_NS, YANG_NS, anchor_name
from applianced.datastore.places import Element
from applianced.datastore.selector import Selector
from applianced.datastore.txids import NAMESPACE as TXID_NS

_ANCHORS = Selector("(descendant::*[@yang:key or @yang:value])[1]", {"yang": YANG_NS})
_IDS = f"{{{TXID_NS}}}"
_NEEDED = {
    "create": (Access.CREATE,),
    "delete": (Access.DELETE,),
    "remove": (Access.DELETE,),
    "none": (Access.UPDATE,),
    "merge": (Access.CREATE, Access.UPDATE),
    "replace": (Access.CREATE, Access.UPDATE, Access.DELETE),
}
"""By operation, for what cannot be seen."""
_TELLING = ("create", "delete", "remove", "replace")
"""Operations whose answer depends on whether there is something in a container that stands for nothing itself."""


def writes_all(decider: Decider, elements: Sequence[Element]) -> bool:
    """Whether the user may do whatever he likes with all that the edit can touch."""
    nodes = [decider.index.tops.get(_name(decider, element)) for element in elements]
    return all(node is None or decider.writes_all(decider.enter(None, node, {})) for node in nodes) and not any(
        decider.told_apart(node) for node in nodes if node is not None
    )


def check_edit(decider: Decider, elements: Sequence[Element], default_operation: str) -> None:
    """The children of <config>, which are left as they are. What is wrong with them is for the edit itself to say.

    Raises AccessDeniedError.
    """
    for element in elements:
        node = decider.index.tops.get(_name(decider, element))
        if node is not None:
            _Request(decider).one(element, node, None, default_operation, "")


def _name(decider: Decider, element: Element) -> tuple[str, str]:
    """(module, name)."""
    name = etree.QName(element)
    module = decider.index.models.modules.get(name.namespace or "")
    return (module.name if module else "", name.localname)


class _Request:
    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._hidden = False

    def one(self, element: Element, node: SchemaNode, above: Spot | None, inherited: str, path: str) -> None:
        """An element, and what stands in it. path: of what is above it."""
        operation = element.get(f"{{{NETCONF_NS}}}operation", inherited)
        keys = self._keys(element, node)
        spot = self._decider.enter(above, node, keys)
        path = f"{path}/{_step(node, above)}{_predicate(node, keys)}"
        hidden_above = self._hidden
        self._hidden = hidden_above or not self._decider.reads(spot)
        if self._hidden:
            self._require(spot, _needed(element, node, operation), path)
        self._check_anchor(element, node, above, path)
        if self._harmless(element, spot):
            self._hidden = hidden_above
            return
        for child in element:
            below = node.children.get(_name(self._decider, child))
            if below is not None and below not in node.keys:
                self.one(child, below, spot, operation, path)
        self._hidden = hidden_above

    def _harmless(self, element: Element, spot: Spot) -> bool:
        """Nothing below can be hidden, or all of it may be written and nothing is placed beside something else."""
        if not self._hidden and self._decider.everywhere(spot, Access.READ):
            return True
        return self._decider.writes_all(spot) and not _ANCHORS(element)

    def _require(self, spot: Spot, needed: Sequence[Access], path: str) -> None:
        for access in needed:
            verdict = self._decider.verdict(spot, access)
            if not verdict.permitted:
                raise denial(path, access, verdict)

    def _check_anchor(self, element: Element, node: SchemaNode, above: Spot | None, path: str) -> None:
        """yang:key and yang:value name an entry to insert beside: one that can be seen."""
        anchor = element.get(f"{{{YANG_NS}}}{anchor_name(node.kind)}")
        if anchor is None or not self._decider.told_apart(node):
            return
        try:
            given = dict(places.parse_key_attribute(anchor, element.nsmap)) if node.kind is Kind.LIST else {".": anchor}
        except ValueError:
            return
        spot = self._decider.enter(above, node, self._canonical(node, given))
        if not self._decider.reads(spot):
            raise denial(path, Access.READ, self._decider.verdict(spot, Access.READ))

    def _keys(self, element: Element, node: SchemaNode) -> Keys:
        """Of an entry, as the element says them."""
        models = self._decider.index.models
        if node.kind is Kind.LEAF_LIST:
            return self._canonical(node, {".": _said(models, node, element)})
        if node.kind is not Kind.LIST:
            return {}
        given: Keys = {}
        for key in node.keys:
            found = element.find(f"{{{native.namespace(key.schema)}}}{key.name}")
            if found is not None:
                given[key.name] = _said(models, key, found)
        return self._canonical(node, given)

    def _canonical(self, node: SchemaNode, given: Keys) -> Keys:
        """Values as the rules have them."""
        if not self._decider.told_apart(node):
            return given
        schemas = {key.name: key.schema for key in node.keys} | {".": node.schema}
        context = self._decider.index.models.context
        return {name: native.canonical(context, schemas[name], text) for name, text in given.items() if name in schemas}


def _said(models: Models, node: SchemaNode, element: Element) -> str:
    """A value, also one that is none of its type."""
    return places.json_value(models, node.schema, element) or element.text or ""


def _needed(element: Element, node: SchemaNode, operation: str) -> Sequence[Access]:
    """The rights that an element in what cannot be seen takes."""
    # An id that a node is to have asks about it, whatever the operation is.
    asked = (Access.UPDATE,) if any(name.startswith(_IDS) for name in map(str, element.attrib)) else ()
    if node.is_bare and operation not in _TELLING:
        return asked
    return (*_NEEDED.get(operation, ()), *asked)


def _step(node: SchemaNode, above: Spot | None) -> str:
    return node.name if above and above.node.module == node.module else f"{node.module}:{node.name}"


def _predicate(node: SchemaNode, keys: Keys) -> str:
    return places.predicate(tuple(keys.items())) if node.kind is Kind.LIST else ""
