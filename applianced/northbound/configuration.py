"""The configuration as management sessions use it, whatever their protocol: edit, validate, commit, read, lock.

Edits, commits and reads of the candidate take turns; reads of the running datastore never wait. A session is a number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from applianced.config.logins import require_login
from applianced.config.schema import Config
from applianced.datastore.compare import changes, differ
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Held, LockDeniedError, LockError, Locks, Store
from applianced.datastore.models import Models
from applianced.datastore.persist import Commit, CommitLog, CorruptCommitError
from applianced.datastore.places import Element
from applianced.datastore.rescue import Saved
from applianced.datastore.sealed import StorageError
from applianced.datastore.spare import Difference
from applianced.datastore.store import Datastore
from applianced.datastore.tree import Tree
from applianced.errors import ApplianceError, ConfigError, DataplaneError
from applianced.northbound.alarms import Severity
from applianced.northbound.confirming import Confirmation, Confirming, Pending
from applianced.northbound.inforce import Builder, InForce, Validated
from applianced.northbound.readers import Readers, close_aside
from applianced.northbound.recording import Author, Recording
from applianced.northbound.transaction import CommitError, Participant
from applianced.northbound.versions import CANDIDATE, RUNNING, Archive, Name, Version

_LOG = logging.getLogger(__name__)
_LARGE = 256 * 1024
NOBODY = 0
"""The session-id of the appliance itself."""


class _Tested(NamedTuple):
    """generation: of the candidate that was tested."""

    validated: Validated
    generation: int


class Configuration:
    """The datastores, their locks, the commits and what is in force."""

    def __init__(self, models: Models, log: CommitLog, build: Builder, participants: Sequence[Participant]) -> None:
        self.models = models
        self._in_force = InForce(models, log, build, participants)
        self.alarms = self._in_force.alarms
        self._store = Datastore(models, close_aside)
        self._log = log
        self._archive = Archive(models, log)
        self._locks = Locks()
        self._turn = asyncio.Lock()
        self._ended: set[int] = set()
        self._readers = Readers(close_aside)
        self._tested: _Tested | None = None
        self._confirming = Confirming(self._turn, self._in_force, self._reinstate)
        self._followers: list[Callable[[Config], None]] = []

    @property
    def config(self) -> Config:
        """What is in force."""
        return self._in_force.config

    def follow(self, told: Callable[[Config], None]) -> None:
        """Have `told` called with each configuration that comes into force, once it is; it must not raise."""
        self._followers.append(told)

    # --- start -------------------------------------------------------------------------------------------------

    async def start(
        self, initial: Callable[[], Tree], *, source: str, accept: Callable[[Config], None] = lambda _: None
    ) -> None:
        """Put the newest good commit in force, or, when there has never been one, what `initial` returns.

        source: where `initial` has it from. accept: may refuse the first configuration with a ConfigError.
        Raises ConfigError or CommitError when nothing can be put in force; nothing is recorded then.
        """
        async with self._turn:
            for number in self._log.by_trust():
                if await self._restored(number):
                    return
            if not self._log.empty:
                message = f"no commit in {self._log.shown} can be used: mend or move that directory, then start again"
                raise ConfigError("", message, tag="operation-failed")
            self._store.replace_candidate(await asyncio.to_thread(initial))
            await self._commit(Author("applianced", source), "first start", accept=accept)

    async def _restored(self, number: int) -> bool:
        unconfirmed = self._log.unconfirmed()
        comment = ""
        # A restart is no confirmation (RFC 6241 8.4.1).
        if unconfirmed and unconfirmed.number != number:
            comment = f"commit {unconfirmed.number} was not confirmed before a restart: back to commit {number}"
        try:
            _, body = await asyncio.to_thread(self._log.read, number)
            await self._reinstate(body, Author("applianced", "restart"), comment)
        except (CorruptCommitError, ConfigError, CommitError) as error:
            self._log.distrust(number)
            text = f"commit {number} could not be put in force at start, an older one is: {error}"
            self.alarms.raise_alarm(f"commit-{number}", Severity.MAJOR, text)
            return False
        return True

    # --- change ------------------------------------------------------------------------------------------------

    async def edit(self, session: int, elements: Sequence[Element], options: EditOptions) -> None:
        """<edit-config> on the candidate; test-then-set and test-only test what <validate> tests.

        Raises EditError, LockDeniedError.
        """
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            await asyncio.to_thread(self._store.edit, elements, options, self._test)

    async def amend(self, change: Callable[[Tree], None], author: Author, comment: str) -> None:
        """Change the running configuration in a commit of the appliance's own; nobody may be editing.

        Raises ConfigError, CommitError; then all is as before.
        """
        async with self._turn:
            tree = self._store.tree(Store.RUNNING).duplicate()
            self._store.replace_candidate(tree)
            try:
                await asyncio.to_thread(change, tree)
                await self._commit(author, comment, accept=require_login)
            except BaseException:
                self._store.discard()
                raise

    async def replace_candidate(self, session: int, source: Store | Tree) -> None:
        """<copy-config> to the candidate; a Tree is used up. Raises LockDeniedError."""
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            if isinstance(source, Tree):
                self._store.replace_candidate(source)
            elif source is Store.RUNNING:
                self._store.discard()

    async def discard(self, session: int) -> None:
        """<discard-changes>. Raises LockDeniedError."""
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            self._store.discard()

    async def validate(self, source: Store | Tree) -> None:
        """<validate>: all that a commit tests before it touches anything; a Tree is used up. Raises ConfigError."""
        async with self._turn:
            if source is Store.CANDIDATE and self._store.modified:
                require_login((await self._validate_candidate()).built.config)
                return
            # Validation adds defaults, and the running tree may be read at this moment.
            with source if isinstance(source, Tree) else self._store.tree(Store.RUNNING).duplicate() as trial:
                require_login((await asyncio.to_thread(self._in_force.validate, trial)).built.config)

    async def commit(
        self,
        session: int,
        author: Author,
        comment: str = "",
        *,
        confirmation: Confirmation | None = None,
        persist_id: str | None = None,
    ) -> None:
        """<commit>: returns when the candidate is in force and on disk (RFC 6241 8.3.4.1, 8.4.1).

        confirmation: it must be confirmed, else it is rolled back. persist_id: the token of the confirmed commit that
        this one confirms or prolongs. A candidate that holds what is running is not recorded.
        Raises ConfigError, CommitError, StorageError, LockError; then running, the candidate and what is pending are
        as before.
        """
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            self._locks.require(Store.RUNNING, session)
            self._confirming.require_commit(session, persist_id)
            pending = self._confirming.pending
            base, body = (pending.base, pending.body) if pending else (self._log.newest, self._in_force.body)
            changed = self._store.modified and await self._commit(
                author, comment, accept=require_login, base=base if confirmation else 0
            )
            if confirmation:
                self._confirming.begin(session, confirmation, base, body)
            elif pending:
                if not changed:
                    await asyncio.to_thread(self._log.confirm)
                self._confirming.end()
            elif not changed:
                _LOG.info("commit of %s from %s changes nothing: not recorded", author.user, author.source)

    async def _commit(
        self,
        author: Author,
        comment: str,
        *,
        accept: Callable[[Config], None] = lambda _: None,
        base: int = 0,
    ) -> bool:
        """Put the candidate in force; False when it holds what is in force already. base: as of Commit."""
        validated = await self._validate_candidate()
        accept(validated.built.config)
        if self._in_force.holds(validated) or await self._reordered(validated):
            self._store.discard()
            return False
        await self._in_force.replace(validated, Recording(self._log, author, comment, validated.body, base))
        self._published(self._store.publish(), validated.difference)
        return True

    async def _reordered(self, validated: Validated) -> bool:
        """Whether the candidate is the running configuration, its entries in another order that means nothing."""
        if not await asyncio.to_thread(self._in_force.resembles, validated):
            return False
        trees = self._store.tree(Store.RUNNING), self._store.tree(Store.CANDIDATE)
        return not await asyncio.to_thread(differ, *trees)

    # --- confirmed commit --------------------------------------------------------------------------------------

    @property
    def pending(self) -> Pending | None:
        """The confirmed commit that waits for its confirmation."""
        return self._confirming.pending

    async def cancel_commit(self, session: int, author: Author, persist_id: str | None = None) -> None:
        """<cancel-commit> (RFC 6241 8.4.4.1). Raises LockError, and what a commit raises; then it is tried again."""
        async with self._turn_of(session):
            self._locks.require(Store.RUNNING, session)
            self._confirming.require_cancel(session, persist_id)
            await self._confirming.roll_back(author, "cancelled")

    async def _reinstate(self, body: bytes, author: Author, comment: str) -> None:
        self._published(self._store.reinstate(await self._in_force.reinstate(body, author, comment)))

    async def _validate_candidate(self) -> Validated:
        """A commit after <validate> has nothing left to test."""
        known, generation = self._tested, self._store.generation
        if known is None or known.generation != generation:
            validated = await asyncio.to_thread(self._in_force.validate, self._store.tree(Store.CANDIDATE))
            self._tested = known = _Tested(validated, generation)
        return known.validated

    def _test(self, tree: Tree) -> None:
        with tree.duplicate() as trial:
            require_login(self._in_force.validate(trial).built.config)

    def _published(self, former: Tree | None, behind: Difference | None = None) -> None:
        """behind: what leads from the former tree to the one that is published, if it is known."""
        self._tested = None
        if former and behind and behind.small and not self._readers.any_of(former):
            self._store.spare.offer(former, behind)
        else:
            self._readers.retire(former)
        for told in self._followers:
            told(self.config)

    # --- read --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reading(self, store: Store) -> AsyncIterator[Tree]:
        """The content of a datastore, unchanged as long as the block lasts."""
        if store is Store.CANDIDATE and self._store.modified:
            async with self._turn:
                yield self._store.tree(store)
            return
        with self._readers.holding(self._store.tree(Store.RUNNING)) as tree:
            yield tree

    @property
    def large(self) -> bool:
        """Whether printing all of what runs takes so long that nobody should wait for it."""
        return len(self._in_force.body) > _LARGE

    def history(self) -> list[Commit]:
        """Commits, the one in force first."""
        return self._log.history()

    async def compare(self, source: Version, target: Version) -> list[str]:
        """What leads from one configuration to the other, as of datastore.compare. Raises ConfigError."""
        if source == target:
            return []
        async with self._opened(source) as before, self._opened(target) as after:
            return await asyncio.to_thread(lambda: list(changes(before, after)))

    @asynccontextmanager
    async def _opened(self, version: Version) -> AsyncIterator[Tree]:
        if version in (RUNNING, CANDIDATE):
            async with self.reading(Store(version.name.value)) as tree:
                yield tree
            return
        with await asyncio.to_thread(self._archive.tree, version) as tree:
            yield tree

    async def rollback(self, session: int, version: Version) -> None:
        """Replace the candidate by an earlier configuration. Raises ConfigError, LockDeniedError."""
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            if version in (RUNNING, Version(Name.NUMBER, "0")):
                self._store.discard()
            else:
                self._store.replace_candidate(await asyncio.to_thread(self._archive.tree, version))

    # --- rescue ------------------------------------------------------------------------------------------------

    @property
    def rescue(self) -> Saved | None:
        """The rescue configuration, without its body."""
        return self._archive.rescue.saved

    async def save_rescue(self, session: int, author: Author) -> None:
        """Keep what is in force as the rescue configuration. Raises LockError, StorageError."""
        async with self._turn_of(session):
            if self._confirming.pending:
                message = "a confirmed commit is under way: confirm or cancel it, then save"
                raise LockError("", message, tag="in-use")
            saved = Saved(time.time(), author.user, author.source, self._log.newest, self._in_force.body)
            await asyncio.to_thread(self._archive.rescue.save, saved)

    async def delete_rescue(self, session: int) -> None:
        """Raises ConfigError when there is none, StorageError."""
        async with self._turn_of(session):
            await asyncio.to_thread(self._archive.rescue.delete)

    # --- locks -------------------------------------------------------------------------------------------------

    async def lock(self, session: int, store: Store) -> None:
        """<lock>. Raises LockDeniedError, also for a candidate with changes that nobody committed (RFC 6241 7.5)."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self._store.modified and not self._locks.holder(store):
                message = "the candidate holds changes that were not committed: commit or discard them first"
                raise LockDeniedError(message, NOBODY)
            if store is Store.RUNNING and not self._locks.holder(store):
                self._confirming.require_lock(session)
            self._locks.take(store, session)

    async def unlock(self, session: int, store: Store) -> None:
        """<unlock>; changes in an unlocked candidate are discarded (RFC 6241 8.3.5.2). Raises ConfigError."""
        async with self._turn_of(session):
            self._locks.release(store, session)
            if store is Store.CANDIDATE:
                self._store.discard()

    def held(self, store: Store) -> Held | None:
        """Who holds the lock of a datastore, None when it is free."""
        return self._locks.held(store)

    async def session_ended(self, session: int) -> None:
        """Release what the session held, as `unlock` would, and roll back what it did not confirm (RFC 6241 8.4.1).

        What it still asks for is refused from now on.
        """
        self._ended.add(session)
        async with self._turn:
            if Store.CANDIDATE in self._locks.release_all(session):
                self._store.discard()
            await self._confirming.session_ended(session)

    async def stop(self) -> None:
        """Nothing happens of its own accord from now on. What awaits its confirmation is rolled back by a start."""
        await self._confirming.stop()

    async def session_forgotten(self, session: int) -> None:
        """As `session_ended`, for a session that nothing is left of: it can ask for nothing any more."""
        await self.session_ended(session)
        self._ended.discard(session)

    @asynccontextmanager
    async def _turn_of(self, session: int) -> AsyncIterator[None]:
        """The turn, for a change that a session asks for. Raises ConfigError when the session has ended meanwhile."""
        async with self._turn:
            if session in self._ended:
                message = f"session {session} has ended: what it asked for is not done"
                raise ConfigError("", message, tag="operation-failed")
            yield

    def close(self) -> None:
        """Free the trees and the state directory; what is in force stays so."""
        self._store.close()
        self._log.close()


def said(error: ApplianceError) -> list[ConfigError]:
    """Every fault that an error of this module stands for, in the form that a protocol reports."""
    if isinstance(error, CommitError) and isinstance(error.cause, ConfigError):
        return [error.cause]
    if isinstance(error, ConfigError):
        return list(getattr(error, "errors", None) or [error])
    cause = error.cause if isinstance(error, CommitError) else error
    path = cause.path if isinstance(cause, DataplaneError) else ""
    tag = "resource-denied" if isinstance(cause, StorageError) else "operation-failed"
    return [ConfigError(path, str(error), tag=tag)]
