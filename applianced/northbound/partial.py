"""Partial locks on running (RFC 5717): who holds which nodes of it, and what that keeps others from.

The candidate may be edited by anybody all the same; what it would change is judged when it is committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import NamedTuple

from applianced.config.schema import Config
from applianced.datastore import native
from applianced.datastore.lock import LockDeniedError, LockError, Locks, Store
from applianced.datastore.scope import Scope, altered, scope_of
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from applianced.northbound.confirming import Confirming
from applianced.northbound.threads import in_thread, run_in

LOCKS_MAX = 256
"""Partial locks of all sessions."""
NODES_MAX = 10_000
"""Nodes that all partial locks together cover singly; testing a commit against them takes 10 µs each."""
_ERRORS_MAX = 20
_EVALUATING = ThreadPoolExecutor(1, thread_name_prefix="partial-lock")
"""What takes long must not keep commits from their threads."""
Choose = Callable[[Tree], Sequence[native.Node]]
"""The nodes of a tree that a session wants to lock; may take long. What it raises is passed on."""


Running = Callable[[], AbstractAsyncContextManager[Tree]]
"""The running datastore as whoever asks may see it, as long as the block lasts; it takes no turn."""


class PartialLock(NamedTuple):
    """A lock that is held. since_s: wall clock. select: as the client asked, with module names as prefixes."""

    number: int
    session: int
    since_s: float
    select: Sequence[str]
    scope: Scope

    @property
    def nodes(self) -> Sequence[str]:
        """Instance paths of the locked nodes."""
        return sorted(self.scope.nodes)


class PartLockedError(LockDeniedError):
    """A commit would change what other sessions have locked; `errors` says each place (RFC 5717 2.5)."""

    def __init__(self, path: str, session: int) -> None:
        message = f"session {session} holds a partial lock of it: wait for it, or leave it out of this commit"
        super().__init__(message, session, tag="in-use")
        self.path, self.app_tag = path, "locked"
        self.errors: Sequence[PartLockedError] = (self,)


class PartialLocks:
    """Those of all sessions."""

    def __init__(
        self,
        turn_of: Callable[[int], AbstractAsyncContextManager[None]],
        locks: Locks,
        confirming: Confirming,
    ) -> None:
        """turn_of: keeps commits, edits and locks apart."""
        self._turn_of = turn_of
        self._locks = locks
        self._confirming = confirming
        self._held: dict[int, PartialLock] = {}
        self._last = 0
        self._commits = 0

    def committed(self, config: Config) -> None:
        """Running is another one now."""
        self._commits += 1

    @property
    def held(self) -> Sequence[PartialLock]:
        """In the order in which they were taken."""
        return tuple(self._held.values())

    # --- by its session ----------------------------------------------------------------------------------------

    async def take(self, session: int, select: Sequence[str], choose: Choose, running: Running) -> PartialLock:
        """<partial-lock>: all that is chosen, or nothing. Raises ConfigError, LockDeniedError."""
        # Whoever commits need not wait for an XPath, unless commits keep changing what it is evaluated on.
        for _ in range(3):
            before = self._commits
            scope = await _scope(running, choose)
            async with self._turn_of(session):
                if self._commits == before:
                    return self._grant(session, select, scope)
        async with self._turn_of(session):
            return self._grant(session, select, await _scope(running, choose))

    def _grant(self, session: int, select: Sequence[str], scope: Scope) -> PartialLock:
        self._require_free(scope, session)
        if (
            len(self._held) >= LOCKS_MAX
            or sum(len(one.scope.nodes) for one in self.held) + len(scope.nodes) > NODES_MAX
        ):
            message = (
                f"there may be {LOCKS_MAX} partial locks, of {NODES_MAX} nodes together: release some, or select "
                "what is above them"
            )
            raise ConfigError("", message, tag="resource-denied")
        self._last = self._last % (2**32 - 1) + 1
        lock = PartialLock(self._last, session, time.time(), tuple(select), scope)
        self._held[lock.number] = lock
        return lock

    def _require_free(self, scope: Scope, session: int) -> None:
        """RFC 5717 2.4.1: neither locked as a whole, by whomever, nor about to be rolled back, nor another's."""
        holder = self._locks.holder(Store.RUNNING)
        if holder:
            message = f"session {holder} holds the lock of running: it has to be released before a part can be locked"
            raise LockDeniedError(message, holder)
        pending = self._confirming.pending
        if pending:
            message = "a confirmed commit is under way: confirm or cancel it, or wait until it is rolled back"
            raise LockDeniedError(message, pending.session)
        for lock in self.held:
            shared = scope.overlap(lock.scope) if lock.session != session else ""
            if shared:
                message = f"session {lock.session} holds partial lock {lock.number}, which covers {shared}: wait for it"
                raise LockDeniedError(message, lock.session)

    async def release(self, session: int, number: int) -> None:
        """<partial-unlock>. Raises LockError when the session holds no such lock."""
        async with self._turn_of(session):
            lock = self._held.get(number)
            if lock is None or lock.session != session:
                message = (
                    f"this session holds no partial lock {number}: give the <lock-id> that <partial-lock> answered"
                )
                raise LockError("", message, tag="invalid-value", bad_element="lock-id")
            del self._held[number]

    async def take_away(self, session: int, number: int) -> PartialLock:
        """Release a lock that another session holds, on behalf of `session`; what it was. Raises LockError."""
        async with self._turn_of(session):
            lock = self._held.get(number)
            if lock is None:
                message = f"there is no partial lock {number}: {self.listed()}"
                raise LockError("", message, tag="invalid-value", bad_element="lock-id")
            if lock.session == session:
                message = f"this session holds partial lock {number} itself: use <partial-unlock>"
                raise LockError("", message, tag="operation-failed")
            return self._held.pop(number)

    def listed(self) -> str:
        """Which locks there are, for an error message."""
        return f"there is {', '.join(map(str, self._held))}" if self._held else "there is none"

    def release_all(self, session: int) -> None:
        """A session has ended."""
        self._held = {number: lock for number, lock in self._held.items() if lock.session != session}

    # --- against others ----------------------------------------------------------------------------------------

    def require_none(self) -> None:
        """Running can be locked as a whole: nobody has locked a part of it. Raises LockDeniedError."""
        for lock in self.held:
            message = f"session {lock.session} holds partial lock {lock.number} in running: wait for it"
            raise LockDeniedError(message, lock.session)

    async def require_unaltered(self, session: int, running: Tree, candidate: Tree) -> None:
        """A commit of the candidate changes nothing that another session has locked. Raises PartLockedError."""
        others = {path: lock for lock in self.held if lock.session != session for path in lock.nodes}
        if not others:
            return
        found = await in_thread(lambda: list(islice(altered(running, candidate, others), _ERRORS_MAX)))
        if found:
            errors = [PartLockedError(path, others[path].session) for path in found]
            errors[0].errors = tuple(errors)
            raise errors[0]


async def _scope(running: Running, choose: Choose) -> Scope:
    async with running() as tree:
        return await run_in(_EVALUATING, lambda: scope_of(choose(tree), NODES_MAX))
