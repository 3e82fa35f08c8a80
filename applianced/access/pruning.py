"""Taking out of a tree what a user may not read (RFC 8341 3.2.4).

What is left is all that operations for that user ever look at: no filter and no error can then tell what was there.
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.access.decider import Decider, Spot
from applianced.access.rules import Keys
from applianced.access.schema import SchemaNode
from applianced.config.nacm import Access
from applianced.datastore import native, places
from applianced.datastore.native import Kind
from applianced.datastore.tree import Tree


def sees_all(decider: Decider, tree: Tree) -> bool:
    """Whether there can be nothing in the tree that has to be taken out; looks at its top-level nodes only."""
    uneven = decider.uneven(None)
    return not uneven or all(decider.index.of(root) not in uneven for root in tree.roots())


def shown_whole(decider: Decider, tree: Tree) -> list[native.Node]:
    """The top-level nodes in which there can be nothing that has to be taken out."""
    uneven = decider.uneven(None)
    return [root for root in tree.roots() if decider.index.of(root) not in uneven]


def pruned_copy(decider: Decider, tree: Tree, *, whole: bool = True) -> Tree:
    """A copy without what may not be read; the tree itself is not touched. Takes about as long as a copy.

    whole: with what is `shown_whole`, too.
    """
    spared = set() if whole else {native.identity(root) for root in shown_whole(decider, tree)}
    roots = (root for root in tree.roots() if native.identity(root) not in spared)
    copy = Tree(tree.models)
    copy.adopt([root for root in roots if decider.reads(decider.at(None, root))])
    prune(decider, copy)
    return copy


def prune(decider: Decider, tree: Tree) -> None:
    """Take out what may not be read."""
    _Pruning(decider, tree).below(native.NULL, None)


class _Pruning:
    def __init__(self, decider: Decider, tree: Tree) -> None:
        self._decider = decider
        self._tree = tree

    def below(self, parent: native.Node, above: Spot | None) -> None:
        """All below one node; NULL for the top."""
        for child in self._decider.uneven(above):
            first = native.first_child(parent) if parent else native.first_sibling(self._tree.first)
            if first:
                self._level(first, child, above)

    def _level(self, first: native.Node, child: SchemaNode, above: Spot | None) -> None:
        """The instances of one schema node among siblings."""
        decider, others = self._decider, self._decider.enter(above, child, {})
        apart = {native.identity(node): node for node in self._apart(first, child)}
        # Where the others need no look, those that rules name are looked up.
        even = decider.everywhere(others, Access.READ)
        for node in list(apart.values()) if even else list(_instances(first, child)):
            spot = decider.at(above, node) if native.identity(node) in apart else others
            if not self._shown(node, spot):
                self._tree.detach(node)
                native.free_subtree(node)

    def _apart(self, first: native.Node, child: SchemaNode) -> Iterator[native.Node]:
        """The instances that rules may tell apart from the others."""
        named = self._decider.keyed(child)
        if named is None:
            return _instances(first, child)
        return (node for keys in named if (node := self._entry(first, child, keys)))

    def _entry(self, first: native.Node, child: SchemaNode, keys: Keys) -> native.Node:
        if child.kind is Kind.LEAF_LIST:
            return native.find(first, child.schema, keys["."])
        ordered = tuple((key.name, keys[key.name]) for key in child.keys)
        return places.entry(self._tree.models, first, child.schema, ordered)

    def _shown(self, node: native.Node, spot: Spot) -> bool:
        """Whether a node stays; what is below it is pruned then."""
        if not self._decider.reads(spot):
            return False
        held = bool(native.first_child(node))
        self.below(node, spot)
        # That a container exists would say that something is in it.
        return not (held and spot.node.is_bare and not native.first_child(node))


def _instances(first: native.Node, child: SchemaNode) -> Iterator[native.Node]:
    if child.kind is Kind.LEAF_LIST:
        return (node for node in native.siblings(first) if native.schema_of(node) == child.schema)
    return _run(native.find(first, child.schema), child)


def _run(node: native.Node, child: SchemaNode) -> Iterator[native.Node]:
    """Instances of a schema node stand together."""
    while node and native.schema_of(node) == child.schema:
        yield node
        node = native.following(node)
