"""What the datastores hold, for whoever may see it, and what leads from one version to another.

Reads of the running datastore never wait; those of a candidate that holds changes take turns with edits and commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from applianced.datastore.candidate import Candidate
from applianced.datastore.lock import Store
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
    async def reading(self, store: Store, access: UserAccess | None, session: int = NOBODY) -> AsyncIterator[Tree]:
        """The content of a datastore, unchanged as long as the block lasts, without what may not be read.

        access: of who will see it, None for the appliance itself. session: whose candidate is meant.
        Raises ConfigError.
        """
        candidate = self._candidate_of(session) if store is Store.CANDIDATE else None
        if candidate and candidate.modified:
            async with self._changed(candidate, access) as tree:
                yield tree
            return
        running = self._candidates.running
        with self._readers.holding(candidate.base if candidate else running) as tree:
            if tree is running:
                async with self._views.seen(tree, access) as seen:
                    yield seen
            elif access is None or access.sees_all(tree):
                yield tree
            else:
                with closing_aside(await in_thread(access.seen, tree)) as copy:
                    yield copy

    @asynccontextmanager
    async def showing(self, access: UserAccess) -> AsyncIterator[Shown]:
        """The top-level nodes of the running datastore without what may not be read: as `reading`, and cheaper where
        no XPath has to walk from one to the other."""
        with self._readers.holding(self._candidates.running) as tree:
            async with self._views.roots(tree, access) as shown:
                yield shown

    @asynccontextmanager
    async def _changed(self, candidate: Candidate, access: UserAccess | None) -> AsyncIterator[Tree]:
        async with self._turn:
            if access is None or access.sees_all(candidate.tree):
                yield candidate.tree
                return
            seen = await in_thread(access.seen, candidate.tree)
        # Nobody's edit waits for whoever reads a copy.
        with closing_aside(seen):
            yield seen

    async def compare(
        self,
        source: Version,
        target: Version,
        access: UserAccess | None,
        session: int,
        difference: Callable[[Tree, Tree], _Difference],
    ) -> _Difference:
        """What leads from one configuration to the other, each without what may not be read.

        access, session: as of `reading`. difference: called in a thread. Raises ConfigError.
        """
        async with self._opened(source, access, session) as before:
            if source == target and source in (RUNNING, CANDIDATE):
                return await in_thread(difference, before, before)
            async with self._opened(target, access, session) as after:
                return await in_thread(difference, before, after)

    @asynccontextmanager
    async def _opened(self, version: Version, access: UserAccess | None, session: int) -> AsyncIterator[Tree]:
        if version in (RUNNING, CANDIDATE):
            async with self.reading(Store(version.name.value), access, session) as tree:
                yield tree
            return
        with closing_aside(await in_thread(self._archive.compared, version)) as tree:
            if access is not None:
                await in_thread(access.prune, tree)
            yield tree
