"""Who reads which tree: a tree that is replaced lives until its last reader has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from applianced.datastore.tree import Tree


def close_aside(tree: Tree) -> None:
    """Close a tree without holding up the event loop: that takes a microsecond a node."""
    try:
        asyncio.get_running_loop().run_in_executor(None, tree.close)
    except RuntimeError:
        tree.close()


class Readers:
    """Counts of one event loop's readers; readers never wait."""

    def __init__(self, dispose: Callable[[Tree], None] = Tree.close) -> None:
        """dispose: closes a tree, now or soon."""
        self._dispose = dispose
        self._counts: dict[int, int] = {}
        self._retired: set[int] = set()

    @contextmanager
    def holding(self, tree: Tree) -> Iterator[Tree]:
        """The tree is not closed as long as the block lasts."""
        self._counts[id(tree)] = self._counts.get(id(tree), 0) + 1
        try:
            yield tree
        finally:
            self._let_go(tree)

    def any_of(self, tree: Tree) -> bool:
        """Whether somebody is reading it."""
        return id(tree) in self._counts

    def retire(self, tree: Tree | None) -> None:
        """Close a tree that nobody will ask for again, now or when its last reader has gone."""
        if tree is None:
            return
        if self.any_of(tree):
            self._retired.add(id(tree))
        else:
            self._dispose(tree)

    def _let_go(self, tree: Tree) -> None:
        left = self._counts.pop(id(tree)) - 1
        if left:
            self._counts[id(tree)] = left
        elif id(tree) in self._retired:
            self._retired.remove(id(tree))
            self._dispose(tree)
