"""What has to be done before libyang 2.1.30 merges two trees.

It merges siblings in a time that grows with the square of their number: 100,000 took 20 s where all were new, 12 s
where all were known. And a container stays marked as holding nothing but defaults when a merge gives one of its leaves
a value in place of the default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from applianced.courtesy import unhurried
from applianced.datastore import native
from applianced.datastore.native import Kind

MANY = 500
"""Siblings from which on it matters."""
PIECE = 500
"""Entries that are merged in one go."""


def prepare(target: native.Node, source: native.Node) -> Sequence[native.Node]:
    """Move entries that only the source has from its lists to the target's, as a merge would, and mark as configured
    what the source configures.

    Both are given by a top-level node. What is left of the source is to be merged: first what `pieces` takes from it,
    given the nodes of the source that are returned.
    """
    crowded: list[native.Node] = []
    pending = [(native.NULL, native.first_sibling(target), native.first_sibling(source))]
    while pending:
        parent, theirs, ours = pending.pop()
        # What only shows a default gives way to entries, which is left to libyang.
        many = bool(parent) and _are_many(ours)
        fallbacks = _defaults(theirs) if many else None
        if many:
            crowded.append(native.parent(ours))
        for node in unhurried(native.siblings(ours)):
            other = _counterpart(theirs, node)
            below = native.first_child(node)
            if other and below:
                if not native.is_default(node):
                    native.set_configured(other)
                pending.append((other, native.first_child(other), below))
            elif not other and fallbacks is not None and _is_entry(node, fallbacks):
                native.unlink(node)
                native.insert(parent, node)
    return crowded


def pieces(crowded: Sequence[native.Node]) -> Iterator[native.Node]:
    """Trees that each hold a part of the entries below one of these nodes, which they are taken from; each is to be
    merged before the next is asked for."""
    # Those further down stand behind those that hold them, and are emptied before these are given away.
    for holder in reversed(crowded):
        while _are_many(native.first_child(holder)):
            entries = list(islice(filter(_is_of_a_list, native.children(holder)), PIECE))
            if not entries:
                break
            shell = native.shell(holder)
            for entry in unhurried(entries):
                native.unlink(entry)
                native.insert(shell, entry)
            yield native.root(shell)


def _is_of_a_list(node: native.Node) -> bool:
    return native.kind(native.schema_of(node)) in (Kind.LIST, Kind.LEAF_LIST)


def _is_entry(node: native.Node, fallbacks: frozenset[int]) -> bool:
    return _is_of_a_list(node) and native.identity(native.schema_of(node)) not in fallbacks


def _counterpart(among: native.Node, node: native.Node) -> native.Node:
    return native.first_like(among, node) if among else native.NULL


def _are_many(first: native.Node) -> bool:
    return sum(1 for _ in islice(native.siblings(first), MANY + 1)) > MANY


def _defaults(first: native.Node) -> frozenset[int]:
    """The schema nodes of which there are default instances."""
    return frozenset(
        native.identity(native.schema_of(node)) for node in unhurried(native.siblings(first)) if native.is_default(node)
    )
