"""A start from the commits on disk."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from applianced.datastore.awaited import Awaited
from applianced.datastore.persist import CommitLog, CorruptCommitError
from applianced.errors import ConfigError
from applianced.northbound.alarms import Severity
from applianced.northbound.candidates import Candidates
from applianced.northbound.changes import Changes, Confirm
from applianced.northbound.confirming import Confirming
from applianced.northbound.inforce import InForce
from applianced.northbound.locking import NOBODY
from applianced.northbound.recording import Author
from applianced.northbound.threads import in_thread
from applianced.northbound.transaction import CommitError


class _WayBack(NamedTuple):
    """From a confirmed commit that is under way. base, body: as of Pending."""

    under_way: Awaited
    base: int
    body: bytes


class Restoring:
    """Puts the newest commit that can be used in force. Who calls has the turn."""

    def __init__(
        self, log: CommitLog, in_force: InForce, candidates: Candidates, changes: Changes, confirming: Confirming
    ) -> None:
        self._log = log
        self._in_force = in_force
        self._candidates = candidates
        self._changes = changes
        self._confirming = confirming

    async def restored(self) -> bool:
        """False when there has never been a commit. Raises ConfigError when there is none that can be used."""
        way_back = await self._way_back()
        for number in self._log.by_trust(way_back.under_way if way_back else None):
            if await self._restored(number, way_back):
                return True
        if not self._log.empty:
            message = f"no commit in {self._log.shown} can be used: mend or move that directory, then start again"
            raise ConfigError("", message, tag="operation-failed")
        return False

    async def _way_back(self) -> _WayBack | None:
        """Of what a former process has left under way; None also when it cannot be read."""
        under_way, newest = self._log.under_way(), self._log.unconfirmed()
        if under_way and newest:
            with suppress(CorruptCommitError):
                _, body = await in_thread(self._log.read, newest.base)
                return _WayBack(under_way, newest.base, body)
        return None

    async def _restored(self, number: int, way_back: _WayBack | None) -> bool:
        unconfirmed = self._log.unconfirmed()
        comment = ""
        # A restart is no confirmation (RFC 6241 8.4.1).
        if unconfirmed and unconfirmed.number != number:
            comment = f"commit {unconfirmed.number} was not confirmed before a restart: back to commit {number}"
        try:
            _, body = await in_thread(self._log.read, number)
            if way_back and number == way_back.under_way.number:
                self._confirming.resume(*way_back)
            author = Author("applianced", "restart")
            tree = await self._in_force.reinstate(body, author, comment)
        except (CorruptCommitError, ConfigError, CommitError) as error:
            self._confirming.end()
            self._log.distrust(number)
            text = f"commit {number} could not be put in force at start, an older one is: {error}"
            self._in_force.alarms.raise_alarm(f"commit-{number}", Severity.MAJOR, text)
            return False
        if comment:
            self._changes.committed(NOBODY, author, None, tree)
            self._changes.confirming(Confirm.CANCEL, NOBODY, author)
        self._candidates.reinstate(tree, self._log.newest, NOBODY)
        return True
