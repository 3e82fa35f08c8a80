"""Whether a user may make a change: what differs between two trees, judged node by node (RFC 8341 3.2.5, 3.2.8).

Values that nobody configured do not count, nor do containers that exist for what is in them alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.access.decider import Decider, Spot
from applianced.access.rules import Verdict
from applianced.config.nacm import Access
from applianced.datastore import native
from applianced.datastore.compare import longest_rise
from applianced.datastore.native import Kind
from applianced.datastore.pairs import counterpart
from applianced.datastore.places import is_configured
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

_REMEDY = "leave it as it is, or have the rules of nacm changed"


class AccessDeniedError(ConfigError):
    """by: what denies it, a rule or a default."""

    def __init__(self, path: str, message: str, by: str) -> None:
        super().__init__(path, f"{message} is denied by {by}: {_REMEDY}", tag="access-denied")
        self.by = by


def judge(decider: Decider, before: Tree, after: Tree) -> None:
    """Raises AccessDeniedError at the first difference that the user may not make. Changes nothing."""
    first, second = native.first_sibling(before.first), native.first_sibling(after.first)
    _Judge(decider).level(first, second, None)


def denial(path: str, access: Access, verdict: Verdict) -> AccessDeniedError:
    """What to raise for a node at this instance path."""
    return AccessDeniedError(path, f"to {str(access.name).lower()} this", verdict.by)


class _Judge:
    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def level(self, before: native.Node, after: native.Node, above: Spot | None) -> None:
        """Two sets of siblings."""
        for node in _configured(before):
            if not counterpart(after, node):
                self._all(node, self._decider.at(above, node), Access.DELETE)
        ordered: dict[int, native.Schema] = {}
        for node in _configured(after):
            other, schema = counterpart(before, node), native.schema_of(node)
            if not other:
                self._all(node, self._decider.at(above, node), Access.CREATE)
            elif not native.is_same(node, other):
                self._changed(node, other, self._decider.at(above, node))
            if native.is_user_ordered(schema):
                ordered[native.identity(schema)] = schema
        for schema in ordered.values():
            self._moved(before, after, schema, above)

    def _changed(self, node: native.Node, other: native.Node, spot: Spot) -> None:
        if spot.node.kind in (Kind.CONTAINER, Kind.LIST):
            if not self._decider.writes_all(spot):
                self.level(native.first_child(other), native.first_child(node), spot)
        elif native.value(node) != native.value(other):
            self._require(node, spot, Access.UPDATE)

    def _all(self, node: native.Node, spot: Spot, access: Access) -> None:
        """A node that is created or deleted with all below it."""
        if self._decider.everywhere(spot, access):
            return
        if not spot.node.is_bare:
            self._require(node, spot, access)
        for child in _configured(native.first_child(node)):
            self._all(child, self._decider.at(spot, child), access)

    def _moved(self, before: native.Node, after: native.Node, schema: native.Schema, above: Spot | None) -> None:
        """Entries that were moved are updated."""
        wanted = [node for node in native.siblings(after) if native.schema_of(node) == schema]
        place = {native.identity(node): number for number, node in enumerate(wanted)}
        found = [native.first_like(after, node) for node in native.siblings(before) if native.schema_of(node) == schema]
        kept = [place[native.identity(node)] for node in found if node]
        for number in sorted(set(kept) - longest_rise(kept)):
            self._require(wanted[number], self._decider.at(above, wanted[number]), Access.UPDATE)

    def _require(self, node: native.Node, spot: Spot, access: Access) -> None:
        verdict = self._decider.verdict(spot, access)
        if not verdict.permitted:
            raise denial(shown_path(self._decider, node), access, verdict)


def shown_path(decider: Decider, node: native.Node) -> str:
    """The instance path of a node, or of the nearest above it that the user can see; "" when there is none."""
    way = []
    while node:
        way.append(node)
        node = native.parent(node)
    spot, shown = None, native.NULL
    for step in reversed(way):
        spot = decider.at(spot, step)
        if not decider.reads(spot):
            break
        shown = step
    return native.path(shown) if shown else ""


def _configured(first: native.Node) -> Iterator[native.Node]:
    return (node for node in native.siblings(first) if is_configured(node))
