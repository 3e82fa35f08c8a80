"""A second copy of the running datastore, so that the first edit of a candidate need not wait for one to be made.

It is the tree that ran before, brought up to what runs by the entries in which the two differ, and compared with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from applianced.datastore import native, rendered
from applianced.datastore.native import Form
from applianced.datastore.rendered import Step
from applianced.datastore.separable import Separable
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

ENTRIES_MAX = 200
"""Entries that a spare is brought up by; with more of them a new copy is as fast."""


class Difference(NamedTuple):
    """That two configurations differ in entries of one list alone."""

    changed: Separable
    step: Step

    @property
    def small(self) -> bool:
        return len(self.step.fresh) + len(self.step.gone) <= ENTRIES_MAX

    @property
    def ordered(self) -> bool:
        """Whether the order of the entries is a difference as well."""
        return native.is_user_ordered(self.changed.line[-1])


class _Kept(NamedTuple):
    """behind: what leads from `tree` to `running`."""

    tree: Tree
    behind: Difference
    running: Tree


class Spare:
    """At most one tree. May be used by several threads."""

    def __init__(self, dispose: Callable[[Tree], None] = Tree.close) -> None:
        """dispose: closes a tree, now or soon."""
        self._dispose = dispose
        self._taking = threading.Lock()
        self._kept: _Kept | None = None

    def offer(self, tree: Tree, behind: Difference, running: Tree) -> None:
        """Take over a tree that nobody reads any more; behind: what leads from it to `running`, which runs."""
        self.close()
        tree.texts = None
        with self._taking:
            self._kept = _Kept(tree, behind, running)

    def copy(self, base: Tree) -> Tree:
        """A tree that equals `base`, for the caller to own."""
        kept = self._take(base)
        if kept:
            if _brought_up(kept.tree, base, kept.behind) and native.equal(kept.tree.first, base.first):
                return kept.tree
            self._dispose(kept.tree)
        return base.duplicate()

    def _take(self, base: Tree) -> _Kept | None:
        """What leads to any other tree stays for whoever asks for that one."""
        with self._taking:
            kept = self._kept
            if kept and kept.running is base:
                self._kept = None
                return kept
            return None

    def close(self) -> None:
        """Free it."""
        with self._taking:
            kept, self._kept = self._kept, None
        if kept:
            self._dispose(kept.tree)


def _brought_up(tree: Tree, running: Tree, behind: Difference) -> bool:
    """Make a tree what runs; False when it cannot be told how."""
    changed, step = behind
    holder, model = changed.holder(tree.first), changed.holder(running.first)
    if not holder or not model:
        return False
    try:
        with (
            Tree.parse(tree.models, rendered.fragment(step.members, step.gone), Form.JSON) as gone,
            Tree.parse(tree.models, rendered.fragment(step.members, step.fresh), Form.JSON) as fresh,
        ):
            for entry in _entries(gone, changed):
                if not native.first_like(native.first_child(model), entry):
                    native.free_subtree(native.first_like(native.first_child(holder), entry))
            for entry in _entries(fresh, changed):
                _copy_entry(tree, holder, native.first_like(native.first_child(model), entry))
    except (ConfigError, native.NativeError):
        return False
    return True


def _entries(tree: Tree, changed: Separable) -> Iterator[native.Node]:
    holder = changed.holder(tree.first)
    return native.children(holder) if holder else iter(())


def _copy_entry(tree: Tree, holder: native.Node, entry: native.Node) -> None:
    """Have an entry in a tree as it is in another one, where the old one is if there is one."""
    context = tree.models.context
    old = native.first_like(native.first_child(holder), entry)
    if not old:
        native.insert(holder, native.duplicate(context, entry, siblings=False))
        return
    for child in native.children(old):
        if not native.is_key(native.schema_of(child)):
            native.free_subtree(child)
    for child in native.children(entry):
        if not native.is_key(native.schema_of(child)):
            native.insert(old, native.duplicate(context, child, siblings=False))
