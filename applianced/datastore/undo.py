"""What an edit did to a tree, so that it can be taken back without having copied the tree first."""

from __future__ import annotations

from collections.abc import Callable

from applianced.datastore import native
from applianced.datastore.tree import Tree


class UndoLog:
    """Changes of one edit. Either `keep` or `back_to(0)` ends it; nodes taken out live until then."""

    __slots__ = ("_removed", "_steps", "_tree")

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._steps: list[Callable[[], None]] = []
        self._removed: dict[int, native.Node] = {}

    def __len__(self) -> int:
        return len(self._steps)

    def created(self, node: native.Node) -> None:
        """A node has just been put into the tree."""
        tree = self._tree

        def step() -> None:
            tree.detach(node)
            native.free_subtree(node)

        self._steps.append(step)

    def remove(self, node: native.Node) -> None:
        """Take a node out of the tree."""
        tree, parent, anchor = self._tree, native.parent(node), _next_instance(node)
        number = len(self._steps)
        tree.detach(node)
        self._removed[number] = node

        def step() -> None:
            del self._removed[number]
            if anchor:
                native.insert_before(anchor, node)
            else:
                tree.attach(parent, node)

        self._steps.append(step)

    def move(self, node: native.Node, anchor: native.Node, *, before: bool) -> None:
        """Move an entry of a user-ordered list next to another one."""
        if node == anchor:
            return
        old = _next_instance(node)
        place = native.insert_before if before else native.insert_after
        place(anchor, node)
        self._moved(node, old)

    def move_last(self, node: native.Node) -> None:
        """Move an entry of a user-ordered list behind all others."""
        old = _next_instance(node)
        if old:
            self._put_last(node)
            self._moved(node, old)

    def _put_last(self, node: native.Node) -> None:
        # libyang puts a free node behind the other instances without a look at each of them.
        parent = native.parent(node)
        self._tree.detach(node)
        self._tree.attach(parent, node)

    def _moved(self, node: native.Node, old: native.Node) -> None:
        """old: what was the next entry."""

        def step() -> None:
            if old:
                native.insert_before(old, node)
            else:
                self._put_last(node)

        self._steps.append(step)
        self._tree.first = native.first_sibling(self._tree.first)

    def back_to(self, mark: int) -> None:
        """Take back every change after the first `mark` ones."""
        while len(self._steps) > mark:
            self._steps.pop()()
        self._tree.first = native.first_sibling(self._tree.first)

    def keep(self) -> None:
        """The changes stay: let go of what they took out."""
        self._steps.clear()
        for node in self._removed.values():
            native.free_subtree(node)
        self._removed.clear()


def _next_instance(node: native.Node) -> native.Node:
    """The entry after this one in a user-ordered list; NULL for the last, or when order means nothing."""
    following = native.following(node)
    schema = native.schema_of(node)
    if following and native.is_user_ordered(schema) and native.schema_of(following) == schema:
        return following
    return native.NULL
