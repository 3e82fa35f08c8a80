"""The rescue configuration: what is in force, kept for a day on which nothing else works."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from applianced.datastore.lock import LockError
from applianced.datastore.persist import CommitLog
from applianced.datastore.rescue import Rescue, Saved
from applianced.northbound.confirming import Confirming
from applianced.northbound.inforce import InForce
from applianced.northbound.recording import Author

TurnOf = Callable[[int], AbstractAsyncContextManager[None]]


class Keeping:
    """Saves and deletes it, in turn with commits."""

    def __init__(
        self, rescue: Rescue, log: CommitLog, in_force: InForce, confirming: Confirming, turn_of: TurnOf
    ) -> None:
        """turn_of: the turn for a change that a session asks for; it may raise ConfigError."""
        self._rescue = rescue
        self._log = log
        self._in_force = in_force
        self._confirming = confirming
        self._turn_of = turn_of

    @property
    def saved(self) -> Saved | None:
        """The rescue configuration, without its body."""
        return self._rescue.saved

    async def save(self, session: int, author: Author) -> None:
        """Keep what is in force as the rescue configuration. Raises LockError, StorageError."""
        async with self._turn_of(session):
            if self._confirming.pending:
                message = "a confirmed commit is under way: confirm or cancel it, then save"
                raise LockError("", message, tag="in-use")
            saved = Saved(time.time(), author.user, author.source, self._log.newest, self._in_force.body)
            await asyncio.to_thread(self._rescue.save, saved)

    async def delete(self, session: int) -> None:
        """Raises ConfigError when there is none, StorageError."""
        async with self._turn_of(session):
            await asyncio.to_thread(self._rescue.delete)
