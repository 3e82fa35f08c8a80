"""The commit log's part in a commit: durable before the commit counts."""

from __future__ import annotations

import time
from dataclasses import dataclass

from applianced.compiler.plan import Change
from applianced.datastore.persist import CommitLog, Staged
from applianced.northbound.threads import in_thread


@dataclass(frozen=True, slots=True)
class Author:
    """Who commits. source: from where, as "192.0.2.1:4711"."""

    user: str
    source: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Commits that changed nothing and are not recorded. time_s: wall clock of the last one, whose author it was."""

    count: int
    time_s: float
    author: Author


class Recording:
    """Last of the participants: its apply is the moment from which a restart finds the new configuration."""

    name = "persistence"

    def __init__(self, log: CommitLog, author: Author, comment: str, body: bytes, base: int = 0) -> None:
        """base: the commit to go back to unless this one is confirmed, 0 when it stays."""
        self._log = log
        self._author = author
        self._comment = comment
        self._body = body
        self._base = base

    async def prepare(self, change: Change) -> _Prepared:
        """Write and sync under a temporary name. Raises StorageError."""
        staged = await in_thread(
            self._log.stage,
            time_s=time.time(),
            user=self._author.user,
            source=self._author.source,
            comment=self._comment,
            body=self._body,
            base=self._base,
        )
        return _Prepared(self._log, staged)


class _Prepared:
    def __init__(self, log: CommitLog, staged: Staged) -> None:
        self._log = log
        self._staged = staged

    async def apply(self) -> None:
        await in_thread(self._staged.publish)

    async def verify(self) -> None:
        return

    async def revert(self) -> None:
        await in_thread(self._staged.withdraw)

    async def abort(self) -> None:
        self._staged.discard()

    async def finish(self) -> None:
        await in_thread(self._log.prune)
