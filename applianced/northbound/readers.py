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


@contextmanager
def closing_aside(tree: Tree) -> Iterator[Tree]:
    """A tree of one reader alone, closed by `close_aside` when the block ends."""
    try:
        yield tree
    finally:
        close_aside(tree)


class Readers:
    """Counts of one event loop's readers; readers never wait."""

    def __init__(self, dispose: Callable[[Tree], None] = Tree.close) -> None:
        """dispose: closes a tree, now or soon."""
        self._dispose = dispose
        self._counts: dict[int, int] = {}
        self._retired: dict[int, Callable[[Tree], None]] = {}

    @contextmanager
    def holding(self, tree: Tree) -> Iterator[Tree]:
        """The tree is not closed as long as the block lasts."""
        self.hold(tree)
        try:
            yield tree
        finally:
            self.let_go(tree)

    def hold(self, tree: Tree) -> None:
        """The tree is not closed until as many calls of `let_go` have been made."""
        self._counts[id(tree)] = self._counts.get(id(tree), 0) + 1

    def _any_of(self, tree: Tree) -> bool:
        return id(tree) in self._counts

    def retire(self, tree: Tree, heir: Callable[[Tree], None] | None = None) -> None:
        """Close a tree that nobody will ask for again, now or when its last reader has gone.

        heir: takes it over instead.
        """
        if self._any_of(tree):
            self._retired[id(tree)] = heir or self._dispose
        else:
            (heir or self._dispose)(tree)

    def let_go(self, tree: Tree) -> None:
        """What ends a `hold`."""
        left = self._counts.pop(id(tree)) - 1
        if left:
            self._counts[id(tree)] = left
        elif id(tree) in self._retired:
            self._retired.pop(id(tree))(tree)
