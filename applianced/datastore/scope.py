"""What a partial lock covers: nodes of a configuration, each with all below it (RFC 5717 2.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from applianced.datastore import compare, native
from applianced.datastore.native import Kind
from applianced.datastore.tree import Tree
from applianced.datastore.writer import key_leaves
from applianced.errors import ConfigError


class Scope(NamedTuple):
    """Instance paths. nodes: the topmost ones that are covered. above: those that have one of them below."""

    nodes: frozenset[str]
    above: frozenset[str]

    def overlap(self, other: Scope) -> str:
        """The path of a node that both cover, "" when there is none."""
        shared = (self.nodes & other.nodes) or (self.nodes & other.above) or (self.above & other.nodes)
        return min(shared, default="")


def scope_of(nodes: Iterable[native.Node], limit: int) -> Scope:
    """What covers these nodes of one tree. Raises ConfigError "resource-denied" for more than `limit`."""
    chosen = {native.identity(node): node for node in nodes}
    if len(chosen) > limit:
        message = f"the lock would cover {len(chosen)} nodes singly, at most {limit} can be: select what is above them"
        raise ConfigError("", message, tag="resource-denied")
    covered: set[str] = set()
    above: set[str] = set()
    for node in chosen.values():
        ancestors = list(_ancestors(node))
        if not any(native.identity(ancestor) in chosen for ancestor in ancestors):
            _check_name(node, ancestors)
            covered.add(native.path(node))
            above.update(native.path(ancestor) for ancestor in ancestors)
    return Scope(frozenset(covered), frozenset(above))


def altered(running: Tree, candidate: Tree, paths: Iterable[str]) -> Iterator[str]:
    """Those of these instance paths below which somebody configured another thing in the candidate."""
    for path in paths:
        before, after = _at(running, path), _at(candidate, path)
        if compare.differ_at(before, after):
            yield path


def _at(tree: Tree, path: str) -> native.Node:
    return next(iter(tree.find_all(path)), native.NULL)


def _ancestors(node: native.Node) -> Iterator[native.Node]:
    above = native.parent(node)
    while above:
        yield above
        above = native.parent(above)


def _check_name(node: native.Node, ancestors: Iterable[native.Node]) -> None:
    """An instance path has no way to write a value with both kinds of quotes."""
    for each in (node, *ancestors):
        values = [native.value(key) for key in key_leaves(each)]
        if native.kind(native.schema_of(each)) is Kind.LEAF_LIST:
            values.append(native.value(each))
        if any("'" in value and '"' in value for value in values):
            name = native.name(native.schema_of(each))
            message = f'an entry of "{name}" has both kinds of quotes in its name: lock what is above that list'
            raise ConfigError("", message, tag="operation-failed")
