"""The configuration as management sessions use it, whatever their protocol: edit, validate, commit, read, lock.

Edits, commits and reads of a candidate take turns; reads of the running datastore never wait. A session is a number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from applianced.config.alg_policy_roles import role_rule_lists
from applianced.config.logins import require_login
from applianced.config.schema import Config
from applianced.datastore.candidate import Candidate
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Held, LockError, Locks, Store
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import Commit, CommitLog
from applianced.datastore.places import Element
from applianced.datastore.rebase import Resolution
from applianced.datastore.spare import Difference
from applianced.datastore.tree import Tree
from applianced.datastore.txids import State
from applianced.errors import ConfigError
from applianced.northbound.access import AccessControl, UserAccess
from applianced.northbound.alarms import Alarm
from applianced.northbound.candidates import Candidates
from applianced.northbound.changes import Changes
from applianced.northbound.confirming import Confirmation, Confirming, Pending
from applianced.northbound.contents import Contents
from applianced.northbound.editing import Editing
from applianced.northbound.events import OURS, Events, changed_by
from applianced.northbound.inforce import Builder, InForce
from applianced.northbound.keeping import Keeping
from applianced.northbound.locking import NOBODY, Locking
from applianced.northbound.partial import PartialLocks
from applianced.northbound.readers import Readers, close_aside, closing_aside
from applianced.northbound.recording import Author, Recording, Unchanged
from applianced.northbound.restoring import Restoring
from applianced.northbound.state import timestamp
from applianced.northbound.testing import Testing
from applianced.northbound.threads import in_thread
from applianced.northbound.transaction import Participant
from applianced.northbound.txids import TransactionIds
from applianced.northbound.versions import RUNNING, Archive, Name, Version

_LOG = logging.getLogger(__name__)
_LARGE = 256 * 1024


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
        self._turn = asyncio.Lock()
        self._ended: set[int] = set()
        self._readers = Readers(close_aside)
        self.candidates = Candidates(models, self._readers, close_aside)
        self.txids = TransactionIds(models, log, self.candidates, self._readers)
        self.contents = Contents(self.candidates, self.candidate_of, self._readers, self._archive, self._turn)
        self.access = AccessControl(models, lambda: self.config, role_rule_lists)
        self._testing = Testing(self._in_force)
        self._editing = Editing(models, log, self.candidates, self._testing)
        self.events = Events(lambda: self.config.system.netconf.notifications)
        self._changes = Changes(self.events, self._readers)
        self._confirming = Confirming(self._turn, log, self._in_force, self._reinstate, self._changes)
        self._restoring = Restoring(log, self._in_force, self.candidates, self._changes, self._confirming)
        self.alarms.follow(self._alarm)
        self.partial = PartialLocks(self._turn_of, self._locks, self._confirming)
        self.locking = Locking(self._turn_of, self._locks, self.candidates, self._confirming, self.partial)
        self.rescue = Keeping(self._archive.rescue, log, self._in_force, self._confirming, self._turn_of)
        self._followers: list[Callable[[Config], None]] = [self.partial.committed]
        self.unchanged: Unchanged | None = None
        self.changed_by = changed_by(NOBODY, Author("applianced", "start"))
        """Who put in force what runs, as RFC 6470 notifications say it."""

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
            if await self._restoring.restored():
                self._published()
                return
            candidate = self.candidates.shared
            candidate.replace(await in_thread(initial))
            await self._commit(candidate, Author("applianced", source), "first start", accept=accept)

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
            await in_thread(self._editing.edit, self._editable(session), elements, options, access)

    async def amend(self, change: Callable[[Tree], None], author: Author, comment: str) -> None:
        """Change the running configuration in a commit of the appliance's own. Candidates keep what they hold.

        Raises ConfigError, CommitError; then all is as before.
        """
        async with self._turn:
            candidate = Candidate(self.candidates.running)
            candidate.replace(candidate.base.duplicate())
            self._readers.hold(candidate.base)
            try:
                await in_thread(change, candidate.tree)
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
                await self._editing.replace(candidate, source if isinstance(source, Tree) else None, access)

    async def discard(self, session: int) -> None:
        """<discard-changes>; a private candidate is then as it was made or last updated. Raises LockDeniedError."""
        async with self._turn_of(session):
            self.candidates.discard(self._editable(session))

    async def delete_candidate(self, session: int) -> None:
        """<delete-config> of a private candidate; the next use makes one. Raises ConfigError for the shared one."""
        if not self.candidates.is_private(session):
            message = "the candidate that sessions share cannot be deleted: use <discard-changes>"
            raise ConfigError("", message, tag="operation-not-supported")
        async with self._turn_of(session):
            self.candidates.renew_private(session)

    async def update(self, session: int, resolution: Resolution) -> None:
        """<update>: take over what running has become since the candidate was made or last updated.

        Raises ConflictError, LockDeniedError, ConfigError; then the candidate is as before.
        """
        async with self._turn_of(session):
            await self._editing.update(self._editable(session), resolution)

    async def validate(self, source: Store | Tree, session: int = NOBODY) -> None:
        """<validate>: all that a commit tests before it touches anything; a Tree is used up. Raises ConfigError."""
        async with self._turn:
            candidate = self.candidate_of(session) if source is Store.CANDIDATE else None
            if candidate and candidate.modified:
                require_login((await self._testing.candidate(candidate)).built.config)
                return
            # Validation adds defaults, and the running tree may be read at this moment.
            given = candidate.tree if candidate else self.candidates.running
            trial = source if isinstance(source, Tree) else given.duplicate()
            try:
                require_login((await in_thread(self._in_force.validate, trial)).built.config)
            finally:
                close_aside(trial)

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
            await self._editing.update(candidate, Resolution.REVERT)
            await self._editing.judge(self.access.of(author.user), self.candidates.running, candidate.tree)
            if candidate.modified:
                await self.partial.require_unaltered(session, self.candidates.running, candidate.tree)
            pending = self._confirming.pending
            base, body = (pending.base, pending.body) if pending else (self._log.newest, self._in_force.body)
            changed = candidate.modified and await self._commit(
                candidate, author, comment, accept=require_login, base=base if confirmation else 0, session=session
            )
            if confirmation:
                await self._confirming.begin(session, author, confirmation, base, body)
            elif pending:
                if not changed:
                    await in_thread(self._log.confirm)
                self._confirming.confirmed(session, author)
            elif not changed:
                before = self.unchanged.count if self.unchanged else 0
                self.unchanged = Unchanged(before + 1, time.time(), author)
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
        if self._in_force.holds(validated) or await self._testing.reordered(
            candidate, validated, self.candidates.running
        ):
            candidate.discard()
            return False
        await self._in_force.replace(validated, Recording(self._log, author, comment, validated.body, base))
        former = self.candidates.running
        with self._readers.holding(former):
            self.candidates.publish(candidate, self._log.newest, validated.difference)
            self._replaced(session, author, former, validated.difference)
        return True

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
                with closing_aside(await in_thread(Tree.parse, self.models, pending.body, Form.JSON)) as former:
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
            shared = await in_thread(self.candidates.rebased_shared, tree)
            self.candidates.reinstate(tree, self._log.newest, proposer, shared)
            self._replaced(session, author, former)

    def _replaced(self, session: int, author: Author, former: Tree, behind: Difference | None = None) -> None:
        """former: what ran before, held. behind: what leads from it to what runs, if it is known."""
        self.changed_by = changed_by(session, author)
        self._changes.committed(session, author, former, self.candidates.running, behind)
        self._published()

    def _published(self) -> None:
        self._testing.forget()
        self.contents.forget()
        for told in self._followers:
            told(self.config)

    # --- read --------------------------------------------------------------------------------------------------

    @property
    def large(self) -> bool:
        """Whether printing all of what runs takes so long that nobody should wait for it."""
        return len(self._in_force.body) > _LARGE

    def history(self) -> list[Commit]:
        """Commits, the one in force first."""
        return self._log.history()

    async def rollback(self, session: int, version: Version, access: UserAccess | None = None) -> None:
        """Replace the candidate by an earlier configuration; access: as of `edit`.

        Raises ConfigError, LockDeniedError, AccessDeniedError.
        """
        async with self._turn_of(session):
            candidate = self._editable(session)
            running = version in (RUNNING, Version(Name.NUMBER, "0"))
            tree = None if running else await in_thread(self._archive.tree, version)
            await self._editing.replace(candidate, tree, access)

    # --- locks -------------------------------------------------------------------------------------------------

    def held(self, store: Store) -> Held | None:
        """Who holds the lock of a datastore, None when it is free."""
        return self._locks.held(store)

    async def session_ended(self, session: int) -> None:
        """Release what the session held, as `unlock` would, and roll back what it did not confirm (RFC 6241 8.4.1).

        What it still asks for is refused from now on.
        """
        self._ended.add(session)
        async with self._turn:
            self.locking.release_all(session)
            await self._confirming.session_ended(session)

    async def told(self) -> None:
        """Return when every commit that was made has been told of."""
        await self._changes.settled()

    async def stop(self) -> None:
        """Nothing happens of its own accord from now on. What awaits its confirmation is rolled back by a start,
        or at its time if it is persistent."""
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
        self.contents.forget()
        self.txids.close()
        self.candidates.close()
        self._log.close()
