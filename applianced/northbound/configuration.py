"""The configuration as management sessions use it, whatever their protocol: edit, validate, commit, read, lock.

Edits, commits and reads of the candidate take turns; reads of the running datastore never wait. A session is a number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from applianced.compiler.plan import Change, Plan
from applianced.config.logins import require_login
from applianced.config.schema import Config
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Held, LockDeniedError, Locks, Store
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import Commit, CommitLog, CorruptCommitError, StorageError
from applianced.datastore.places import Element
from applianced.datastore.store import Datastore
from applianced.datastore.tree import Tree
from applianced.errors import ApplianceError, ConfigError, DataplaneError
from applianced.northbound.alarms import Alarms, Severity
from applianced.northbound.recording import Author, Recording
from applianced.northbound.transaction import CommitError, Participant, commit

NOBODY = 0
"""The session-id of the appliance itself."""


class Built(NamedTuple):
    """A configuration that may go into force."""

    config: Config
    plan: Plan


Builder = Callable[[Mapping[str, Any], Plan | None], Built]
"""Decode, check and compile the data of a valid tree (RFC 7951 JSON values as configured, without the
schema's defaults), given the plan in
force. Pure; runs off the event loop. Raises ConfigError."""


class _Validated(NamedTuple):
    """body: RFC 7951 JSON. generation: of the candidate that this was made from."""

    built: Built
    body: bytes
    generation: int


class Configuration:
    """The datastores, their locks, the commits and what is in force."""

    def __init__(self, models: Models, log: CommitLog, build: Builder, participants: Sequence[Participant]) -> None:
        self.models = models
        self.alarms = Alarms()
        self.config = Config()
        self.plan: Plan | None = None
        self._store = Datastore(models)
        self._log = log
        self._build = build
        self._participants = tuple(participants)
        self._locks = Locks()
        self._turn = asyncio.Lock()
        self._ended: set[int] = set()
        self._readers: dict[int, tuple[Tree, int]] = {}
        self._validated: _Validated | None = None

    # --- start -------------------------------------------------------------------------------------------------

    async def start(
        self, initial: Callable[[], Tree], *, source: str, accept: Callable[[Config], None] = lambda _: None
    ) -> None:
        """Put the newest good commit in force, or, when there has never been one, what `initial` returns.

        source: where `initial` has it from. accept: may refuse the first configuration with a ConfigError.
        Raises ConfigError or CommitError when nothing can be put in force; nothing is recorded then.
        """
        async with self._turn:
            for number in self._log.numbers():
                if await self._restored(number):
                    return
            if not self._log.empty:
                message = f"no commit in {self._log.shown} can be used: mend or move that directory, then start again"
                raise ConfigError("", message, tag="operation-failed")
            self._store.replace_candidate(await asyncio.to_thread(initial))
            await self._commit(Author("applianced", source), "first start", record=True, accept=accept)

    async def _restored(self, number: int) -> bool:
        try:
            _, body = await asyncio.to_thread(self._log.read, number)
            self._store.replace_candidate(Tree.parse(self.models, body, Form.JSON))
            await self._commit(Author("applianced", "restart"), "", record=False)
        except (CorruptCommitError, ConfigError, CommitError) as error:
            self._store.discard()
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
                await self._commit(author, comment, record=True, accept=require_login)
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
                require_login((await asyncio.to_thread(self._validate, trial)).built.config)

    async def commit(self, session: int, author: Author, comment: str = "") -> None:
        """<commit>: returns when the candidate is in force and on disk.

        Raises ConfigError, CommitError, LockDeniedError; then running, and the candidate too, are as before.
        """
        async with self._turn_of(session):
            self._locks.require(Store.CANDIDATE, session)
            self._locks.require(Store.RUNNING, session)
            if self._store.modified:
                await self._commit(author, comment, record=True, accept=require_login)

    async def _commit(
        self, author: Author, comment: str, *, record: bool, accept: Callable[[Config], None] = lambda _: None
    ) -> None:
        (config, plan), body, _ = await self._validate_candidate()
        accept(config)
        change = Change(old=self.config, new=config, old_plan=self.plan, new_plan=plan)
        recording = [Recording(self._log, author, comment, body)] if record else []
        try:
            await commit(change, [*self._participants, *recording])
        except CommitError as failed:
            if failed.left_over:
                text = f"{failed}: the dataplane may differ from the configuration; commit again"
                self.alarms.raise_alarm("commit-reverted", Severity.CRITICAL, text)
            raise
        self._publish()
        self.config, self.plan = config, plan
        self.alarms.clear("commit-reverted")

    async def _validate_candidate(self) -> _Validated:
        """A commit after <validate> has nothing left to test."""
        known = self._validated
        if known is None or known.generation != self._store.generation:
            known = await asyncio.to_thread(self._validate, self._store.tree(Store.CANDIDATE))
            self._validated = known
        return known

    def _validate(self, tree: Tree) -> _Validated:
        tree.validate()
        body = tree.render(Form.JSON)
        return _Validated(self._build(json.loads(body), self.plan), body, self._store.generation)

    def _test(self, tree: Tree) -> None:
        with tree.duplicate() as trial:
            require_login(self._validate(trial).built.config)

    def _publish(self) -> None:
        self._validated = None
        old = self._store.publish()
        if old is not None and id(old) not in self._readers:
            old.close()

    # --- read --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reading(self, store: Store) -> AsyncIterator[Tree]:
        """The content of a datastore, unchanged as long as the block lasts."""
        if store is Store.CANDIDATE and self._store.modified:
            async with self._turn:
                yield self._store.tree(store)
            return
        tree = self._store.tree(Store.RUNNING)
        self._readers[id(tree)] = (tree, self._readers.get(id(tree), (tree, 0))[1] + 1)
        try:
            yield tree
        finally:
            self._read(tree)

    def _read(self, tree: Tree) -> None:
        left = self._readers.pop(id(tree))[1] - 1
        if left:
            self._readers[id(tree)] = (tree, left)
        elif tree is not self._store.tree(Store.RUNNING):
            tree.close()

    def history(self) -> list[Commit]:
        """Commits, the one in force first."""
        return self._log.history()

    # --- locks -------------------------------------------------------------------------------------------------

    async def lock(self, session: int, store: Store) -> None:
        """<lock>. Raises LockDeniedError, also for a candidate with changes that nobody committed (RFC 6241 7.5)."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self._store.modified and not self._locks.holder(store):
                message = "the candidate holds changes that were not committed: commit or discard them first"
                raise LockDeniedError(message, NOBODY)
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
        """Release what the session held, as `unlock` would; what it still asks for is refused from now on."""
        self._ended.add(session)
        async with self._turn:
            if Store.CANDIDATE in self._locks.release_all(session):
                self._store.discard()

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
