"""What the datastores hold, for whoever may see it, and what leads from one version to another.

Reads of the running datastore never wait; those of a candidate that holds changes take turns with edits and commits,
if only until they have a copy of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from applianced.datastore.candidate import Candidate
from applianced.datastore.lock import Store
from applianced.datastore.rebase import Resolution, rebase
from applianced.datastore.tree import Tree
from applianced.northbound.access import UserAccess
from applianced.northbound.candidates import Candidates
from applianced.northbound.locking import NOBODY
from applianced.northbound.readers import Readers, closing_aside
from applianced.northbound.threads import in_thread
from applianced.northbound.versions import CANDIDATE, RUNNING, Archive, Version
from applianced.northbound.views import Shown, Views

_Difference = TypeVar("_Difference")


class Contents:
    """Of all datastores and versions."""

    def __init__(
        self,
        candidates: Candidates,
        candidate_of: Callable[[int], Candidate],
        readers: Readers,
        archive: Archive,
        turn: asyncio.Lock,
    ) -> None:
        """candidate_of: what <candidate/> is to a session; raises ConfigError. turn: keeps edits and commits apart."""
        self._candidates = candidates
        self._candidate_of = candidate_of
        self._readers = readers
        self._archive = archive
        self._turn = turn
        self._views = Views(readers)

    def forget(self) -> None:
        """Another tree runs, or none any more."""
        self._views.forget()

    @asynccontextmanager
    async def reading(
        self, store: Store, access: UserAccess | None, session: int = NOBODY, *, lasting: bool = False
    ) -> AsyncIterator[Tree]:
        """The content of a datastore, unchanged as long as the block lasts, without what may not be read.

        access: of who will see it, None for the appliance itself. session: whose candidate is meant. lasting: it may be
        read for long; nobody's edit waits for more than a copy to be made.
        Raises ConfigError.
        """
        candidate = self._candidate_of(session) if store is Store.CANDIDATE else None
        if candidate and candidate.modified:
            async with self._changed(candidate, access, lasting=lasting) as tree:
                yield tree
            return
        running = self._candidates.running
        with self._readers.holding(candidate.base if candidate else running) as tree:
            if tree is running:
                async with self._views.seen(tree, access) as seen:
                    yield seen
            else:
                async with self._seen(tree, access) as seen:
                    yield seen

    @asynccontextmanager
    async def showing(self, access: UserAccess) -> AsyncIterator[Shown]:
        """The top-level nodes of the running datastore without what may not be read: as `reading`, and cheaper where
        no XPath has to walk from one to the other."""
        with self._readers.holding(self._candidates.running) as tree:
            async with self._views.roots(tree, access) as shown:
                yield shown

    @asynccontextmanager
    async def _changed(self, candidate: Candidate, access: UserAccess | None, *, lasting: bool) -> AsyncIterator[Tree]:
        async with self._turn:
            if not lasting and (access is None or access.sees_all(candidate.tree)):
                yield candidate.tree
                return
            copy = await in_thread(candidate.tree.duplicate)
        # Nobody's edit waits for whoever reads a copy.
        with closing_aside(copy):
            if access is not None:
                await in_thread(access.prune, copy)
            yield copy

    async def compare(
        self,
        source: Version,
        target: Version,
        access: UserAccess | None,
        session: int,
        difference: Callable[[Tree, Tree], _Difference],
    ) -> _Difference:
        """What leads from one configuration to the other, each without what may not be read.

        From running to the candidate is what a commit would change, which first takes over what others committed since
        the candidate was made; where both changed one node, what the candidate would have it be.

        access, session: as of `reading`. difference: called in a thread. Raises ConfigError.
        """
        if (source, target) == (RUNNING, CANDIDATE):
            async with self._proposal(access, session) as two:
                return await in_thread(difference, *two)
        async with self._opened(source, access, session) as before:
            if source == target and source in (RUNNING, CANDIDATE):
                return await in_thread(difference, before, before)
            async with self._opened(target, access, session) as after:
                return await in_thread(difference, before, after)

    @asynccontextmanager
    async def _proposal(self, access: UserAccess | None, session: int) -> AsyncIterator[tuple[Tree, Tree]]:
        """What runs, and what would."""
        async with AsyncExitStack() as stack:
            async with self._turn:
                candidate, running = self._candidate_of(session), self._candidates.running
                stale = self._candidates.stale(candidate)
                stack.enter_context(self._readers.holding(running))
                proposed = running
                if stale and candidate.modified:
                    rebased = await in_thread(_rebased, candidate, running)
                    proposed = stack.enter_context(closing_aside(rebased))
            if stale:
                before = await stack.enter_async_context(self._seen(running, access))
                after = before if proposed is running else await stack.enter_async_context(self._seen(proposed, access))
            else:
                before = await stack.enter_async_context(self.reading(Store.RUNNING, access))
                after = await stack.enter_async_context(self.reading(Store.CANDIDATE, access, session, lasting=True))
            yield before, after

    @asynccontextmanager
    async def _seen(self, tree: Tree, access: UserAccess | None) -> AsyncIterator[Tree]:
        if access is None or access.sees_all(tree):
            yield tree
            return
        with closing_aside(await in_thread(access.seen, tree)) as copy:
            yield copy

    @asynccontextmanager
    async def _opened(self, version: Version, access: UserAccess | None, session: int) -> AsyncIterator[Tree]:
        if version in (RUNNING, CANDIDATE):
            async with self.reading(Store(version.name.value), access, session, lasting=True) as tree:
                yield tree
            return
        with closing_aside(await in_thread(self._archive.compared, version)) as tree:
            if access is not None:
                await in_thread(access.prune, tree)
            yield tree


def _rebased(candidate: Candidate, running: Tree) -> Tree:
    rebased = rebase(candidate.base, candidate.tree, running, Resolution.PREFER_CANDIDATE).tree
    assert rebased is not None, "a candidate that is preferred is in no conflict"
    return rebased
