"""Locks of whole datastores (RFC 6241 7.5, 7.6), and what goes with a session that held them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from applianced.datastore.lock import Broken, LockDeniedError, Locks, OwnLocks, Store
from applianced.northbound.candidates import Candidates
from applianced.northbound.confirming import Confirming
from applianced.northbound.partial import PartialLocks

NOBODY = 0
"""The session-id of the appliance itself."""


class Locking:
    """Takes and releases locks for sessions."""

    def __init__(
        self,
        turn_of: Callable[[int], AbstractAsyncContextManager[None]],
        locks: Locks,
        candidates: Candidates,
        confirming: Confirming,
        partial: PartialLocks,
    ) -> None:
        """turn_of: keeps commits, edits and locks apart."""
        self._turn_of = turn_of
        self._locks = locks
        self._own_locks = OwnLocks()
        self._candidates = candidates
        self._confirming = confirming
        self._partial = partial

    async def lock(self, session: int, store: Store) -> None:
        """<lock>. Raises LockDeniedError, also for a candidate with changes that nobody committed (RFC 6241 7.5)."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self._candidates.is_private(session):
                self._own_locks.take(session)
                return
            if store is Store.CANDIDATE and self._candidates.shared.modified and not self._locks.holder(store):
                message = "the candidate holds changes that were not committed: commit or discard them first"
                raise LockDeniedError(message, NOBODY)
            if store is Store.RUNNING and not self._locks.holder(store):
                self._confirming.require_lock(session)
                self._partial.require_none()
            self._locks.take(store, session)

    async def unlock(self, session: int, store: Store) -> None:
        """<unlock>; changes in the unlocked shared candidate are discarded (RFC 6241 8.3.5.2). Raises ConfigError."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self._candidates.is_private(session):
                self._own_locks.release(session)
                return
            self._locks.release(store, session)
            if store is Store.CANDIDATE:
                self._candidates.discard(self._candidates.shared)

    async def break_lock(self, session: int, store: Store) -> Broken:
        """Release the lock that another session holds, as its <unlock> would. Raises LockError when there is none."""
        async with self._turn_of(session):
            held = self._locks.take_away(store, session)
            discarded = store is Store.CANDIDATE and self._candidates.shared.modified
            if discarded:
                self._candidates.discard(self._candidates.shared)
            return Broken(held, discarded)

    def release_all(self, session: int) -> None:
        """A session has ended: as its <unlock> of each, and its own candidate is dropped. Who calls has the turn."""
        self._partial.release_all(session)
        self._own_locks.forget(session)
        self._candidates.drop_private(session)
        if Store.CANDIDATE in self._locks.release_all(session):
            self._candidates.discard(self._candidates.shared)
