"""The configuration as management sessions use it, whatever their protocol: edit, validate, commit, read, lock.

Edits, commits and reads of a candidate take turns; reads of the running datastore never wait. A session is a number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from applianced.config.alg_policy_roles import role_rule_lists
from applianced.config.logins import require_login
from applianced.config.schema import Config
from applianced.datastore import native
from applianced.datastore.candidate import Candidate
from applianced.datastore.compare import changes, differ
from applianced.datastore.edit import EditOptions, Operation
from applianced.datastore.lock import Broken, Held, LockDeniedError, LockError, Locks, OwnLocks, Store
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import Commit, CommitLog, CorruptCommitError
from applianced.datastore.places import Element
from applianced.datastore.rebase import Resolution, rebase
from applianced.datastore.tree import Tree
from applianced.datastore.txids import State
from applianced.errors import ConfigError
from applianced.northbound.access import AccessControl, UserAccess
from applianced.northbound.alarms import Alarm, Severity
from applianced.northbound.candidates import Candidates
from applianced.northbound.changes import Changes, Confirm
from applianced.northbound.confirming import Confirmation, Confirming, Pending
from applianced.northbound.conflicts import report
from applianced.northbound.events import OURS, Events
from applianced.northbound.inforce import Builder, InForce, Validated
from applianced.northbound.keeping import Keeping
from applianced.northbound.partial import PartialLocks
from applianced.northbound.readers import Readers
from applianced.northbound.recording import Author, Recording
from applianced.northbound.state import timestamp
from applianced.northbound.testing import Testing
from applianced.northbound.transaction import CommitError, Participant
from applianced.northbound.txids import TransactionIds
from applianced.northbound.versions import CANDIDATE, RUNNING, Archive, Name, Version
from applianced.northbound.views import Views

_LOG = logging.getLogger(__name__)
NOBODY = 0
"""The session-id of the appliance itself."""


class Configuration:
    """The datastores, their locks, the commits and what is in force."""

    def __init__(self, models: Models, log: CommitLog, build: Builder, participants: Sequence[Participant]) -> None:
        self.models = models
        self._in_force = InForce(models, log, build, participants)
        self.alarms = self._in_force.alarms
        self._log = log
        self.state_dir = log.state_dir
        self._archive = Archive(models, log)
        self._locks = Locks()
        self._own_locks = OwnLocks()
        self._turn = asyncio.Lock()
        self._ended: set[int] = set()
        self._readers = Readers()
        self.candidates = Candidates(models, self._readers)
        self.txids = TransactionIds(models, log, self.candidates, self._readers)
        self._views = Views(self._readers)
        self.access = AccessControl(models, lambda: self.config, role_rule_lists)
        self._testing = Testing(self._in_force)
        self.events = Events(lambda: self.config.system.netconf.notifications)
        self._changes = Changes(self.events, self._readers)
        self._confirming = Confirming(self._turn, self._in_force, self._reinstate, self._changes)
        self.alarms.follow(self._alarm)
        self.partial = PartialLocks(self._turn_of, self._locks, self._confirming)
        self.rescue = Keeping(self._archive.rescue, log, self._in_force, self._confirming, self._turn_of)
        self._followers: list[Callable[[Config], None]] = [self.partial.committed]

    @property
    def config(self) -> Config:
        """What is in force."""
        return self._in_force.config

    def follow(self, told: Callable[[Config], None]) -> None:
        """Have `told` called with each configuration that comes into force, once it is; it must not raise."""
        self._followers.append(told)

    def _alarm(self, alarm: Alarm, stands: bool) -> None:
        shown = {"id": alarm.id, "severity": alarm.severity.value, "text": alarm.text, "time": timestamp(alarm.time_s)}
        self.events.tell(OURS, "alarm-raised" if stands else "alarm-cleared", shown)

    def join(self, participant: Participant) -> None:
        """Have one more agree to each commit from now on."""
        self._in_force.join(participant)

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
            candidate = self.candidates.shared
            candidate.replace(await asyncio.to_thread(initial))
            await self._commit(candidate, Author("applianced", source), "first start", accept=accept)

    async def _restored(self, number: int) -> bool:
        unconfirmed = self._log.unconfirmed()
        comment = ""
        # A restart is no confirmation (RFC 6241 8.4.1).
        if unconfirmed and unconfirmed.number != number:
            comment = f"commit {unconfirmed.number} was not confirmed before a restart: back to commit {number}"
        try:
            _, body = await asyncio.to_thread(self._log.read, number)
            author = Author("applianced", "restart")
            tree = await self._in_force.reinstate(body, author, comment)
        except (CorruptCommitError, ConfigError, CommitError) as error:
            self._log.distrust(number)
            text = f"commit {number} could not be put in force at start, an older one is: {error}"
            self.alarms.raise_alarm(f"commit-{number}", Severity.MAJOR, text)
            return False
        if comment:
            self._changes.committed(NOBODY, author, None, tree)
            self._changes.confirming(Confirm.CANCEL, NOBODY, author)
        self.candidates.reinstate(tree, self._log.newest, NOBODY)
        self._published()
        return True

    # --- whose candidate -----------------------------------------------------------------------------------------

    def make_private(self, session: int) -> None:
        """The session has a candidate of its own from now on, not used yet (draft-ietf-netconf-privcand)."""
        self.candidates.make_private(session)

    def candidate_of(self, session: int) -> Candidate:
        """What <candidate/> is to a session. Raises ConfigError when there are too many private ones."""
        return self.candidates.of(session, self.config.system.netconf.private_candidate_limit)

    def _editable(self, session: int) -> Candidate:
        """Raises LockDeniedError, and what candidate_of raises."""
        if not self.candidates.is_private(session):
            self._locks.require(Store.CANDIDATE, session)
        return self.candidate_of(session)

    # --- change ------------------------------------------------------------------------------------------------

    async def edit(
        self, session: int, elements: Sequence[Element], options: EditOptions, access: UserAccess | None = None
    ) -> None:
        """<edit-config> on the candidate; test-then-set and test-only test what <validate> tests.

        access: of who asks, None for the appliance itself. Raises EditError, LockDeniedError, AccessDeniedError,
        ConfigError.
        """
        async with self._turn_of(session):
            await asyncio.to_thread(self._edit, self._editable(session), elements, options, access)

    def _edit(
        self, candidate: Candidate, elements: Sequence[Element], options: EditOptions, access: UserAccess | None
    ) -> None:
        judge = None
        if access is not None and not access.unrestricted:
            access.check_edit(elements, options.default_operation.value)
            if options.default_operation is Operation.REPLACE or access.judges_edit(elements):
                judge = access.judge
        candidate.edit(elements, options, self._testing.edited, judge)

    async def amend(self, change: Callable[[Tree], None], author: Author, comment: str) -> None:
        """Change the running configuration in a commit of the appliance's own. Candidates keep what they hold.

        Raises ConfigError, CommitError; then all is as before.
        """
        async with self._turn:
            candidate = Candidate(self.candidates.running)
            candidate.replace(candidate.base.duplicate())
            self._readers.hold(candidate.base)
            try:
                await asyncio.to_thread(change, candidate.tree)
                await self._commit(candidate, author, comment, accept=require_login)
            finally:
                candidate.discard()
                self._readers.let_go(candidate.base)

    async def replace_candidate(self, session: int, source: Store | Tree, access: UserAccess | None = None) -> None:
        """<copy-config> to the candidate; a Tree is used up. access: as of `edit`.

        Raises LockDeniedError, AccessDeniedError, ConfigError.
        """
        async with self._turn_of(session):
            candidate = self._editable(session)
            if source is not Store.CANDIDATE:
                await self._replace(candidate, source if isinstance(source, Tree) else None, access)

    async def _replace(self, candidate: Candidate, tree: Tree | None, access: UserAccess | None) -> None:
        """Give a candidate the content of `tree`, or, when it is None, of running. Raises AccessDeniedError."""
        try:
            await self._judge(access, candidate.tree, tree or self.candidates.running)
        except ConfigError:
            if tree is not None:
                tree.close()
            raise
        self.candidates.rebased(candidate, tree)

    async def _judge(self, access: UserAccess | None, before: Tree, after: Tree) -> None:
        """Whether whoever asks may change the one tree into the other. Raises AccessDeniedError."""
        if access is not None and not access.unrestricted and before is not after:
            await asyncio.to_thread(access.judge, before, after)

    async def discard(self, session: int) -> None:
        """<discard-changes>; a private candidate is then as it was made or last updated. Raises LockDeniedError."""
        async with self._turn_of(session):
            self.candidates.discard(self._editable(session))

    async def update(self, session: int, resolution: Resolution) -> None:
        """<update>: take over what running has become since the candidate was made or last updated.

        Raises ConflictError, LockDeniedError, ConfigError; then the candidate is as before.
        """
        async with self._turn_of(session):
            await self._update(self._editable(session), resolution)

    async def _update(self, candidate: Candidate, resolution: Resolution) -> None:
        if not (self.candidates.stale(candidate) and candidate.modified):
            self.candidates.move(candidate)
            return
        running = self.candidates.running
        done = await asyncio.to_thread(rebase, candidate.base, candidate.tree, running, resolution)
        if done.conflicts and resolution is Resolution.REVERT:
            raise await asyncio.to_thread(report, self.models, self._log, candidate.base_number, done.conflicts)
        # What the edits demand, they demand until they are committed.
        demanded = candidate.conditions
        self.candidates.rebased(candidate, done.tree)
        candidate.conditions = demanded

    async def validate(self, source: Store | Tree, session: int = NOBODY) -> None:
        """<validate>: all that a commit tests before it touches anything; a Tree is used up. Raises ConfigError."""
        async with self._turn:
            candidate = self.candidate_of(session) if source is Store.CANDIDATE else None
            if candidate and candidate.modified:
                require_login((await self._testing.candidate(candidate)).built.config)
                return
            # Validation adds defaults, and the running tree may be read at this moment.
            given = candidate.tree if candidate else self.candidates.running
            with source if isinstance(source, Tree) else given.duplicate() as trial:
                require_login((await asyncio.to_thread(self._in_force.validate, trial)).built.config)

    async def commit(
        self,
        session: int,
        author: Author,
        comment: str = "",
        *,
        confirmation: Confirmation | None = None,
        persist_id: str | None = None,
        identified: bool = False,
    ) -> State | None:
        """<commit>: returns when the candidate is in force and on disk (RFC 6241 8.3.4.1, 8.4.1).

        confirmation: it must be confirmed, else it is rolled back. persist_id: the token of the confirmed commit that
        this one confirms or prolongs. identified: return the transaction id of what then runs, None otherwise.
        A candidate that holds what is running is not recorded. One that was made before running became what it is, is
        updated first.
        Raises TxidMismatchError, ConflictError, ConfigError, CommitError, StorageError, LockError, and
        AccessDeniedError when the author may not make all of the changes, whoever edited them; then running, the
        candidate (it may be updated) and what is pending are as before.
        """
        async with self._turn_of(session):
            candidate = self._editable(session)
            self._locks.require(Store.RUNNING, session)
            self._confirming.require_commit(session, persist_id)
            await self.txids.require(candidate.conditions.values())
            await self._update(candidate, Resolution.REVERT)
            await self._judge(self.access.of(author.user), self.candidates.running, candidate.tree)
            if candidate.modified:
                await self.partial.require_unaltered(session, self.candidates.running, candidate.tree)
            pending = self._confirming.pending
            base, body = (pending.base, pending.body) if pending else (self._log.newest, self._in_force.body)
            changed = candidate.modified and await self._commit(
                candidate, author, comment, accept=require_login, base=base if confirmation else 0, session=session
            )
            if confirmation:
                self._confirming.begin(session, author, confirmation, base, body)
            elif pending:
                if not changed:
                    await asyncio.to_thread(self._log.confirm)
                self._confirming.confirmed(session, author)
            elif not changed:
                _LOG.info("commit of %s from %s changes nothing: not recorded", author.user, author.source)
            candidate.conditions = {}
            return await self.txids.newest() if identified else None

    async def _commit(
        self,
        candidate: Candidate,
        author: Author,
        comment: str,
        *,
        accept: Callable[[Config], None] = lambda _: None,
        base: int = 0,
        session: int = NOBODY,
    ) -> bool:
        """Put a candidate in force; False when it holds what is in force already. base: as of Commit."""
        validated = await self._testing.candidate(candidate)
        accept(validated.built.config)
        if self._in_force.holds(validated) or await self._reordered(candidate, validated):
            candidate.discard()
            return False
        await self._in_force.replace(validated, Recording(self._log, author, comment, validated.body, base))
        former = self.candidates.running
        with self._readers.holding(former):
            self.candidates.publish(candidate, self._log.newest)
            self._replaced(session, author, former)
        return True

    async def _reordered(self, candidate: Candidate, validated: Validated) -> bool:
        """Whether the candidate is the running configuration, its entries in another order that means nothing."""
        if not await asyncio.to_thread(self._in_force.resembles, validated):
            return False
        return not await asyncio.to_thread(differ, self.candidates.running, candidate.tree)

    # --- confirmed commit --------------------------------------------------------------------------------------

    @property
    def pending(self) -> Pending | None:
        """The confirmed commit that waits for its confirmation."""
        return self._confirming.pending

    async def cancel_commit(self, session: int, author: Author, persist_id: str | None = None) -> None:
        """<cancel-commit> (RFC 6241 8.4.4.1). Raises LockError, and what a commit raises; then it is tried again."""
        async with self._turn_of(session):
            self._locks.require(Store.RUNNING, session)
            pending = self._confirming.require_cancel(session, persist_id)
            if self.partial.held and self._in_force.body != pending.body:
                with await asyncio.to_thread(Tree.parse, self.models, pending.body, Form.JSON) as former:
                    await self.partial.require_unaltered(session, self.candidates.running, former)
            await self._confirming.cancel(session, author)

    async def break_confirmed(self, session: int, author: Author) -> Pending:
        """Roll back the confirmed commit that is under way, whoever began it; what it was.

        Raises LockError when there is none, and what a commit raises; then it is tried again.
        """
        async with self._turn_of(session):
            pending = self._confirming.pending
            if pending is None:
                raise LockError(
                    "", "no confirmed commit is under way: there is nothing to break", tag="operation-failed"
                )
            await self._confirming.cancel(session, author)
            return pending

    async def _reinstate(self, body: bytes, session: int, author: Author, comment: str) -> None:
        tree = await self._in_force.reinstate(body, author, comment)
        proposer = self._confirming.pending.session if self._confirming.pending else NOBODY
        former = self.candidates.running
        with self._readers.holding(former):
            self.candidates.reinstate(tree, self._log.newest, proposer)
            self._replaced(session, author, former)

    def _replaced(self, session: int, author: Author, former: Tree) -> None:
        """former: what ran before, held."""
        self._changes.committed(session, author, former, self.candidates.running)
        self._published()

    def _published(self) -> None:
        self._testing.forget()
        self._views.forget()
        for told in self._followers:
            told(self.config)

    # --- read --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reading(self, store: Store, access: UserAccess | None, session: int = NOBODY) -> AsyncIterator[Tree]:
        """The content of a datastore, unchanged as long as the block lasts, without what may not be read.

        access: of who will see it, None for the appliance itself. session: whose candidate is meant.
        Raises ConfigError.
        """
        candidate = self.candidate_of(session) if store is Store.CANDIDATE else None
        if candidate and candidate.modified:
            async with self._changed(candidate, access) as tree:
                yield tree
            return
        running = self.candidates.running
        with self._readers.holding(candidate.base if candidate else running) as tree:
            if tree is running:
                async with self._views.seen(tree, access) as seen:
                    yield seen
            elif access is None or access.sees_all(tree):
                yield tree
            else:
                with await asyncio.to_thread(access.seen, tree) as copy:
                    yield copy

    @asynccontextmanager
    async def showing(self, access: UserAccess) -> AsyncIterator[Sequence[native.Node]]:
        """The top-level nodes of the running datastore without what may not be read: as `reading`, and cheaper where
        no XPath has to walk from one to the other."""
        with self._readers.holding(self.candidates.running) as tree:
            async with self._views.roots(tree, access) as roots:
                yield roots

    @asynccontextmanager
    async def _changed(self, candidate: Candidate, access: UserAccess | None) -> AsyncIterator[Tree]:
        async with self._turn:
            if access is None or access.sees_all(candidate.tree):
                yield candidate.tree
                return
            seen = await asyncio.to_thread(access.seen, candidate.tree)
        # Nobody's edit waits for whoever reads a copy.
        with seen:
            yield seen

    def history(self) -> list[Commit]:
        """Commits, the one in force first."""
        return self._log.history()

    async def compare(
        self, source: Version, target: Version, access: UserAccess | None, session: int = NOBODY
    ) -> list[str]:
        """What leads from one configuration to the other, as of datastore.compare, each without what may not be read.

        access, session: as of `reading`. Raises ConfigError.
        """
        if source == target:
            return []
        async with self._opened(source, access, session) as before, self._opened(target, access, session) as after:
            return await asyncio.to_thread(lambda: list(changes(before, after)))

    @asynccontextmanager
    async def _opened(self, version: Version, access: UserAccess | None, session: int) -> AsyncIterator[Tree]:
        if version in (RUNNING, CANDIDATE):
            async with self.reading(Store(version.name.value), access, session) as tree:
                yield tree
            return
        with await asyncio.to_thread(self._archive.tree, version) as tree:
            if access is not None:
                await asyncio.to_thread(access.prune, tree)
            yield tree

    async def rollback(self, session: int, version: Version, access: UserAccess | None = None) -> None:
        """Replace the candidate by an earlier configuration; access: as of `edit`.

        Raises ConfigError, LockDeniedError, AccessDeniedError.
        """
        async with self._turn_of(session):
            candidate = self._editable(session)
            running = version in (RUNNING, Version(Name.NUMBER, "0"))
            tree = None if running else await asyncio.to_thread(self._archive.tree, version)
            await self._replace(candidate, tree, access)

    # --- locks -------------------------------------------------------------------------------------------------

    async def lock(self, session: int, store: Store) -> None:
        """<lock>. Raises LockDeniedError, also for a candidate with changes that nobody committed (RFC 6241 7.5)."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self.candidates.is_private(session):
                self._own_locks.take(session)
                return
            if store is Store.CANDIDATE and self.candidates.shared.modified and not self._locks.holder(store):
                message = "the candidate holds changes that were not committed: commit or discard them first"
                raise LockDeniedError(message, NOBODY)
            if store is Store.RUNNING and not self._locks.holder(store):
                self._confirming.require_lock(session)
                self.partial.require_none()
            self._locks.take(store, session)

    async def unlock(self, session: int, store: Store) -> None:
        """<unlock>; changes in the unlocked shared candidate are discarded (RFC 6241 8.3.5.2). Raises ConfigError."""
        async with self._turn_of(session):
            if store is Store.CANDIDATE and self.candidates.is_private(session):
                self._own_locks.release(session)
                return
            self._locks.release(store, session)
            if store is Store.CANDIDATE:
                self.candidates.discard(self.candidates.shared)

    async def break_lock(self, session: int, store: Store) -> Broken:
        """Release the lock that another session holds, as its <unlock> would. Raises LockError when there is none."""
        async with self._turn_of(session):
            held = self._locks.take_away(store, session)
            discarded = store is Store.CANDIDATE and self.candidates.shared.modified
            if discarded:
                self.candidates.discard(self.candidates.shared)
            return Broken(held, discarded)

    def held(self, store: Store) -> Held | None:
        """Who holds the lock of a datastore, None when it is free."""
        return self._locks.held(store)

    async def session_ended(self, session: int) -> None:
        """Release what the session held, as `unlock` would, and roll back what it did not confirm (RFC 6241 8.4.1).

        What it still asks for is refused from now on.
        """
        self._ended.add(session)
        async with self._turn:
            self.partial.release_all(session)
            self._own_locks.forget(session)
            self.candidates.drop_private(session)
            if Store.CANDIDATE in self._locks.release_all(session):
                self.candidates.discard(self.candidates.shared)
            await self._confirming.session_ended(session)

    async def told(self) -> None:
        """Return when every commit that was made has been told of."""
        await self._changes.settled()

    async def stop(self) -> None:
        """Nothing happens of its own accord from now on. What awaits its confirmation is rolled back by a start."""
        await self._confirming.stop()
        await self._changes.settled()
        self.events.stop()

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
        self._changes.close()
        self._views.forget()
        self.txids.close()
        self.candidates.close()
        self._log.close()
