"""Copies of the running datastore as users may see it, made once for all who see the same.

Those who look at top-level nodes one by one share what is shown whole, and need copies of the others alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from applianced.access.decider import Decider
from applianced.access.pruning import pruned_copy, shown_whole
from applianced.datastore import native
from applianced.datastore.tree import Tree
from applianced.datastore.writer import JointTexts, Texts
from applianced.northbound.access import UserAccess
from applianced.northbound.readers import Readers
from applianced.northbound.threads import in_thread

VIEWS_MAX = 8
"""Copies kept at once; each takes as much memory as what it shows of the datastore."""


_Key = tuple[int, bool]
"""Identity of a Decider; whether the copy has what is shown whole, too."""


class Shown(NamedTuple):
    """Top-level nodes. texts: what was printed of the trees that they are of, if that is kept."""

    roots: Sequence[native.Node]
    texts: Texts | None


class Views:
    """Of one tree at a time; the copies that were used last are kept."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._kept: OrderedDict[_Key, tuple[Decider, Tree]] = OrderedDict()
        self._generation = 0
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def seen(self, tree: Tree, access: UserAccess | None) -> AsyncIterator[Tree]:
        """The running tree, which must be held meanwhile, without what may not be read. None may read everything."""
        if access is None or access.decider is None or access.sees_all(tree):
            yield tree
            return
        async with self.holding(tree, access.decider, whole=True) as view:
            yield view

    @asynccontextmanager
    async def roots(self, tree: Tree, access: UserAccess) -> AsyncIterator[Shown]:
        """The top-level nodes of `seen`."""
        if access.decider is None or access.sees_all(tree):
            yield Shown(list(tree.roots()), tree.texts)
            return
        async with self.holding(tree, access.decider, whole=False) as view:
            shared = shown_whole(access.decider, tree)
            # A copy goes before the tree does, and its texts with it: they must not be found for what takes its place.
            joint = JointTexts(shared, tree.texts, view.texts) if tree.texts and view.texts else None
            yield Shown([*shared, *view.roots()], joint)

    @asynccontextmanager
    async def holding(self, tree: Tree, decider: Decider, *, whole: bool) -> AsyncIterator[Tree]:
        """What may be seen of `tree`, which must be held meanwhile; not closed as long as the block lasts.

        whole: as of pruned_copy.
        """
        key = id(decider), whole
        view = self._find(key) or await self._make(tree, decider, key, self._generation)
        with self._readers.holding(view):
            if self._find(key) is not view:
                self._readers.retire(view)
            yield view

    async def _make(self, tree: Tree, decider: Decider, key: _Key, generation: int) -> Tree:
        """One at a time: whoever waited may find what he needs made."""
        async with self._making:
            view = self._find(key)
            # What was made of the datastore since goes with no node of a tree that was it before.
            if view is None or generation != self._generation:
                view = await in_thread(pruned_copy, decider, tree, whole=key[1])
                view.texts = Texts()
                # What was made of a tree that is no longer the datastore serves whoever asked for it, and nobody else.
                if generation == self._generation:
                    self._keep(key, decider, view)
            return view

    def forget(self) -> None:
        """The tree is another one now."""
        self._generation += 1
        while self._kept:
            self._readers.retire(self._kept.popitem()[1][1])

    def _find(self, key: _Key) -> Tree | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def _keep(self, key: _Key, decider: Decider, tree: Tree) -> None:
        # The decider is kept alive, so that no other one gets its identity.
        self._kept[key] = decider, tree
        if len(self._kept) > VIEWS_MAX:
            self._readers.retire(self._kept.popitem(last=False)[1][1])
