"""What has to be done before libyang 2.1.30 merges two trees.

It merges siblings in a time that grows with the square of those that are new: 100,000 took 20 s. And a container stays
marked as holding nothing but defaults when a merge gives one of its leaves a value in place of the default.
"""

from __future__ import annotations

from itertools import islice

from applianced.datastore import native
from applianced.datastore.native import Kind

MANY = 500
"""Siblings from which on it matters."""


def prepare(target: native.Node, source: native.Node) -> None:
    """Move entries that only the source has from its lists to the target's, as a merge would, and mark as configured
    what the source configures.

    Both are given by a top-level node. What is left of the source is to be merged.
    """
    pending = [(native.NULL, native.first_sibling(target), native.first_sibling(source))]
    while pending:
        parent, theirs, ours = pending.pop()
        # What only shows a default gives way to entries, which is left to libyang.
        fallbacks = _defaults(theirs) if parent and _are_many(ours) else None
        for node in native.siblings(ours):
            other = _counterpart(theirs, node)
            below = native.first_child(node)
            if other and below:
                if not native.is_default(node):
                    native.set_configured(other)
                pending.append((other, native.first_child(other), below))
            elif not other and fallbacks is not None and _is_entry(node, fallbacks):
                native.unlink(node)
                native.insert(parent, node)


def _is_entry(node: native.Node, fallbacks: frozenset[int]) -> bool:
    schema = native.schema_of(node)
    return native.kind(schema) in (Kind.LIST, Kind.LEAF_LIST) and native.identity(schema) not in fallbacks


def _counterpart(among: native.Node, node: native.Node) -> native.Node:
    return native.first_like(among, node) if among else native.NULL


def _are_many(first: native.Node) -> bool:
    return sum(1 for _ in islice(native.siblings(first), MANY + 1)) > MANY


def _defaults(first: native.Node) -> frozenset[int]:
    """The schema nodes of which there are default instances."""
    return frozenset(
        native.identity(native.schema_of(node)) for node in native.siblings(first) if native.is_default(node)
    )
