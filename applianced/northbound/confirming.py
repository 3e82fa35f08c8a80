"""The confirmed commit that is under way: whose it is, until when, and who may end it (RFC 6241 8.4)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from applianced.datastore.awaited import Awaited, since_boot_s
from applianced.datastore.lock import LockDeniedError, LockError
from applianced.datastore.persist import CommitLog
from applianced.datastore.sealed import StorageError
from applianced.errors import ApplianceError, ConfigError
from applianced.northbound.alarms import Severity
from applianced.northbound.changes import Changes, Confirm
from applianced.northbound.inforce import InForce
from applianced.northbound.recording import Author
from applianced.northbound.threads import in_thread

_LOG = logging.getLogger(__name__)
_AUTHOR = Author("applianced", "confirmed-commit")
_ALARM = "confirmed-commit"
Reinstate = Callable[[bytes, int, Author, str], Awaitable[None]]
"""Puts an earlier configuration (RFC 7951 JSON) in force for a session (0: nobody), recorded as a commit of this author
with this comment."""

RETRY_S = 10.0
"""Between attempts to roll back, while they fail."""
_LATEST_S = 253402300799.0
TIMEOUT_S = 600
"""What a client that names no timeout gets (RFC 6241 8.4.5.1)."""


class Confirmation(NamedTuple):
    """That a commit must be confirmed. persist: the token that lets any session do it, None for this session alone."""

    timeout_s: float = TIMEOUT_S
    persist: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A confirmed commit under way.

    base, body: the commit to go back to and its configuration (RFC 7951 JSON), kept here so that going back needs no
    disk. session: who began it, 0 when that session has gone. persist: its token, None when it lives and dies with
    the session. deadline_s: wall clock, to be shown. overdue: the time is up, and the rollback has not worked yet.
    """

    base: int
    body: bytes
    session: int
    persist: str | None
    deadline_s: float
    overdue: bool = False


class Confirming:
    """At most one confirmed commit, its timer and its rollback."""

    def __init__(
        self, turn: asyncio.Lock, log: CommitLog, in_force: InForce, reinstate: Reinstate, changes: Changes
    ) -> None:
        """turn: held by whoever calls, and taken by the rollback at the deadline."""
        self._log = log
        self._changes = changes
        self._owner = _AUTHOR
        self.pending: Pending | None = None
        self._turn = turn
        self._in_force = in_force
        self._reinstate = reinstate
        self._timer: asyncio.TimerHandle | None = None
        self._expiring: asyncio.Task[None] | None = None

    # --- who may -----------------------------------------------------------------------------------------------

    def require_commit(self, session: int, persist_id: str | None) -> None:
        """Whether this session may commit, which confirms or prolongs what is pending. Raises LockError."""
        if self.pending and self.pending.overdue:
            message = (
                f"the time to confirm is over and the rollback to commit {self.pending.base} has not worked yet: "
                "see the alarm confirmed-commit, or try again at once with <cancel-commit>"
            )
            raise LockError("", message, tag="operation-failed")
        self._require(session, persist_id, "<commit>")

    def require_cancel(self, session: int, persist_id: str | None) -> Pending:
        """What this session may cancel (RFC 6241 8.4.4.1); what is overdue, anybody may. Raises LockError."""
        if not (self.pending and self.pending.overdue):
            self._require(session, persist_id, "<cancel-commit>")
        if self.pending is None:
            message = "no confirmed commit is under way: there is nothing to cancel"
            raise LockError("", message, tag="operation-failed")
        return self.pending

    def require_lock(self, session: int) -> None:
        """Another session's confirmed commit keeps everybody from locking running (RFC 6241 7.5). Raises LockError."""
        if self.pending and self.pending.session != session:
            message = f"{self._whose(self.pending)} is under way: wait until it is confirmed, cancelled or rolled back"
            raise LockDeniedError(message, self.pending.session)

    def _require(self, session: int, persist_id: str | None, operation: str) -> None:
        pending = self.pending
        if pending is None or pending.persist is None:
            if persist_id is not None:
                message = f"no persistent confirmed commit is under way: send {operation} without <persist-id>"
                raise _wrong_id(message)
            if pending and pending.session != session:
                message = (
                    f"{self._whose(pending)} is under way: only that session can confirm or cancel it; "
                    "wait for it, or kill that session, which rolls it back"
                )
                raise LockDeniedError(message, pending.session, tag="in-use")
        elif persist_id is None:
            message = (
                f"a persistent confirmed commit is under way: give <persist-id> with the value of its <persist> in "
                f"{operation}, or wait for its timeout"
            )
            raise _wrong_id(message)
        elif persist_id != pending.persist:
            message = (
                "<persist-id> is not the <persist> of the confirmed commit that is under way: check it, or wait for "
                "its timeout"
            )
            raise _wrong_id(message)

    def _whose(self, pending: Pending) -> str:
        if pending.persist is not None:
            return "a persistent confirmed commit"
        return f"a confirmed commit of session {pending.session}"

    # --- its life ----------------------------------------------------------------------------------------------

    async def begin(self, session: int, author: Author, confirmation: Confirmation, base: int, body: bytes) -> None:
        """A confirmed commit is in force; a follow-up replaces owner, token and deadline, not what to go back to."""
        event = Confirm.EXTEND if self.pending else Confirm.START
        self._changes.confirming(event, session, author, int(confirmation.timeout_s))
        self._owner = author
        if self.pending:
            base, body = self.pending.base, self.pending.body
        # What a clock can show; the timer itself takes any number.
        deadline_s = min(time.time() + confirmation.timeout_s, _LATEST_S)
        self.pending = Pending(
            base=base, body=body, session=session, persist=confirmation.persist, deadline_s=deadline_s
        )
        self._arm(confirmation.timeout_s)
        await self._keep(confirmation)

    async def _keep(self, confirmation: Confirmation) -> None:
        """For a process that comes after this one."""
        awaited = None
        if confirmation.persist is not None:
            awaited = Awaited(
                number=self._log.newest,
                persist=confirmation.persist,
                user=self._owner.user,
                source=self._owner.source,
                ends_s=since_boot_s() + confirmation.timeout_s,
            )
        try:
            await in_thread(self._log.keep_under_way, awaited)
        except StorageError as error:
            _LOG.error("the confirmed commit will not outlive a restart of management: %s", error)

    def resume(self, awaited: Awaited, base: int, body: bytes) -> None:
        """What a former process has left under way. base, body: as of Pending."""
        left_s = max(0.0, awaited.left_s)
        deadline_s = min(time.time() + left_s, _LATEST_S)
        self._owner = Author(awaited.user, awaited.source)
        self.pending = Pending(base=base, body=body, session=0, persist=awaited.persist, deadline_s=deadline_s)
        self._arm(left_s)
        _LOG.warning("a confirmed commit is under way, as before the restart: it is rolled back in %d s", left_s)

    async def session_ended(self, session: int) -> None:
        """What this session began is rolled back, unless it is persistent (RFC 6241 8.4.1)."""
        if self.pending is None or self.pending.session != session:
            return
        if self.pending.persist is not None:
            self.pending = replace(self.pending, session=0)
            return
        with suppress(ApplianceError):
            await self.roll_back(_AUTHOR, f"session {session} ended without confirming")
            self._changes.confirming(Confirm.CANCEL, session, self._owner)

    def confirmed(self, session: int, author: Author) -> None:
        """What is in force stays."""
        self._changes.confirming(Confirm.COMPLETE, session, author)
        self.end()

    async def cancel(self, session: int, author: Author) -> None:
        """Roll back because a session asks for it. Raises ApplianceError, as `roll_back`."""
        await self.roll_back(author, "cancelled", session)
        self._changes.confirming(Confirm.CANCEL, session, author)

    async def roll_back(self, author: Author, why: str, session: int = 0) -> None:
        """Back to before the first confirmed commit. session: who asks, 0 for nobody.

        Raises ApplianceError; then an alarm stands and a timer runs.
        """
        pending = self.pending
        if pending is None:
            return
        try:
            if self._in_force.body != pending.body:
                await self._reinstate(pending.body, session, author, f"{why}: back to commit {pending.base}")
        except ApplianceError as error:
            text = (
                f"the confirmed commit ({why}) could not be rolled back to commit {pending.base}, which is tried again "
                f"every {RETRY_S:g} s: {error}"
            )
            self._in_force.alarms.raise_alarm(_ALARM, Severity.CRITICAL, text)
            self.pending = replace(pending, overdue=True)
            self._forget()
            self._arm(RETRY_S)
            raise
        _LOG.warning("confirmed commit rolled back to commit %d: %s", pending.base, why)
        self._in_force.alarms.clear(_ALARM)
        self.end()

    def end(self) -> None:
        """Confirmed, cancelled or rolled back."""
        self.pending = None
        self._disarm()
        self._forget()

    def _forget(self) -> None:
        """A start does not find it under way."""
        with suppress(StorageError):
            self._log.keep_under_way(None)

    async def stop(self) -> None:
        """No timer runs from now on; a rollback under way is carried to its end."""
        self._disarm()
        if self._expiring is not None:
            await asyncio.gather(self._expiring, return_exceptions=True)
            self._disarm()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if self.pending:
            # From here on it is too late to confirm, also for a <commit> that takes its turn before the rollback.
            self.pending = replace(self.pending, overdue=True)
            self._expiring = asyncio.create_task(self._expired(), name="confirmed commit expires")

    async def _expired(self) -> None:
        async with self._turn:
            # A commit that had its turn before this may have confirmed or prolonged it.
            if self.pending and self.pending.overdue:
                with suppress(ApplianceError):
                    await self.roll_back(_AUTHOR, "not confirmed in time")
                    self._changes.confirming(Confirm.TIMEOUT, 0, _AUTHOR)


def _wrong_id(message: str) -> ConfigError:
    return LockError("", message, tag="invalid-value", bad_element="persist-id")
