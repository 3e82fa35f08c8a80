"""Commits on disk: one file each, durable before anybody hears of it, the newest is what runs.

A file is a line of JSON (who, when, the length and SHA-256 of the rest) and the configuration as RFC 7951 JSON. It is
written beside its place, synced, renamed, and the directory synced: after a power cut it is there whole or not at all,
and a disk that lies is found out by the checksum.

A commit that waits for its confirmation (RFC 6241 8.4) carries the number of the commit to go back to. Confirming it
is an empty file beside it; until that file is there, a start goes back, unless the commit is persistent, its time is
not over, and the machine has run all the while (datastore.awaited).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from applianced.datastore import awaited
from applianced.datastore.awaited import Awaited
from applianced.datastore.sealed import (
    BrokenSealError,
    StorageError,
    seal,
    storage_errors,
    sync_directory,
    unseal,
    write_synced,
)
from applianced.errors import ApplianceError

HISTORY_MAX = 50
KEPT_MAX = HISTORY_MAX + 1
"""What the oldest commit of the history changed shows against the one before it."""
_NAME = re.compile(r"commit-(\d{10})\.json")
_HEADER_MAX = 65536


class CorruptCommitError(ApplianceError):
    """A commit's file is torn or altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit. time_s: wall clock. user: who. source: from where ("192.0.2.1:4711", or a file's name).

    base: the commit to go back to unless this one is confirmed; 0 when it needs no confirmation.
    """

    number: int
    time_s: float
    user: str
    source: str
    comment: str = ""
    base: int = 0


class Staged:
    """A commit written and synced under a temporary name."""

    def __init__(self, log: CommitLog, commit: Commit, temporary: Path) -> None:
        self.commit = commit
        self._log = log
        self._temporary = temporary

    def publish(self) -> None:
        """Make it the newest commit, durably. Raises StorageError; then a start does not find it."""
        file = self._log.file(self.commit.number)
        with storage_errors(self._log.shown):
            os.replace(self._temporary, file)
            try:
                sync_directory(self._log.directory)
            except OSError:
                with contextlib.suppress(OSError):
                    file.unlink()
                raise
        self._log.published(self.commit)

    def withdraw(self) -> None:
        """After `publish`: the commit before it is the newest again. Raises StorageError."""
        with storage_errors(self._log.shown):
            self._log.file(self.commit.number).unlink(missing_ok=True)
            sync_directory(self._log.directory)
        self._log.distrust(self.commit.number)

    def discard(self) -> None:
        """Instead of `publish`: leave no trace."""
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def claim(state_dir: Path) -> int:
    """The lock of a state directory, a descriptor that holds it until it is closed; makes the directory.

    Raises StorageError, also when another process has the lock: nothing was changed then.
    """
    try:
        state_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        lock = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = "it is no directory" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        message = f"cannot use {state_dir} as state directory: {why}; give a directory to write to with --state-dir"
        raise StorageError(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        message = f"{state_dir} is in use by another applianced: stop it, or give this one its own --state-dir"
        raise StorageError(message) from None
    return lock


def holds_commits(state_dir: Path) -> bool:
    """Whether there is a commit in a state directory, be it a broken one."""
    return any(_NAME.fullmatch(path.name) for path in (state_dir / "commits").glob("commit-*"))


class CommitLog:
    """The last commits in a directory that this process alone uses."""

    @classmethod
    def looked_at(cls, state_dir: Path) -> CommitLog:
        """To be read only, whoever uses the directory. Raises StorageError when there are no commits."""
        log = cls.__new__(cls)
        log.state_dir, log.directory = state_dir, state_dir / "commits"
        log.shown = log.directory
        with storage_errors(log.shown):
            log._lock = os.open(log.directory, os.O_RDONLY | os.O_CLOEXEC)
        log._take_stock()
        return log

    def __init__(self, state_dir: Path, lock: int | None = None, *, shown: Path | None = None) -> None:
        """Create what is missing. lock: what `claim` returned, closed with this; None takes it here.

        shown: what messages call the state directory, where that is not `state_dir`. Raises StorageError, also when
        another process uses the directory.
        """
        self.state_dir = state_dir
        self.directory = state_dir / "commits"
        self.shown = (shown or state_dir) / "commits"
        self._lock = claim(state_dir) if lock is None else lock
        with storage_errors(self.shown):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.directory.glob("*.tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        self._take_stock()

    def _take_stock(self) -> None:
        """See which commits there are."""
        self._highest = max(self._numbers(), default=0)
        self._history = [commit for number in sorted(self._numbers()) if (commit := self._header(number))]

    def history(self) -> list[Commit]:
        """Known commits, newest first. Their content may still prove corrupt."""
        return self._history[: -HISTORY_MAX - 1 : -1]

    def comparable(self) -> list[Commit]:
        """The history, and behind it the commit before, where it is known."""
        return self._history[: -KEPT_MAX - 1 : -1]

    @property
    def empty(self) -> bool:
        """No file of any commit, not even a broken one."""
        return not self._numbers()

    def numbers(self) -> list[int]:
        """Numbers of all commits on disk, newest first, unreadable ones included."""
        return sorted(self._numbers(), reverse=True)

    @property
    def newest(self) -> int:
        """Number of the newest commit of the history, 0 when there is none."""
        return self._history[-1].number if self._history else 0

    # --- confirmation ------------------------------------------------------------------------------------------

    def unconfirmed(self) -> Commit | None:
        """The newest commit if it waits for its confirmation."""
        newest = self._history[-1] if self._history else None
        return newest if newest and self._waits(newest) else None

    def by_trust(self, under_way: Awaited | None) -> list[int]:
        """`numbers`, with those that nobody confirmed last: better one of them than no configuration. under_way: the
        one that somebody may still confirm, as `under_way` had it."""
        waiting = {commit.number for commit in self._history if self._waits(commit)}
        waiting -= {under_way.number} if under_way else set()
        return sorted(self._numbers(), key=lambda number: (number in waiting, -number))

    def under_way(self) -> Awaited | None:
        """The confirmed commit that a former process has left under way: the newest commit is in force."""
        found, newest = awaited.kept(self.directory), self.unconfirmed()
        return found if found and newest and newest.number == found.number else None

    def keep_under_way(self, pending: Awaited | None) -> None:
        """What `under_way` is to find from now on. Raises StorageError."""
        with storage_errors(self.shown):
            if pending:
                awaited.keep(self.directory, pending)
            else:
                awaited.forget(self.directory)

    def confirm(self) -> None:
        """The newest commit needs no confirmation any more, durably. Raises StorageError."""
        newest = self.unconfirmed()
        if newest is None:
            return
        mark = self._mark(newest.number)
        with storage_errors(self.shown):
            try:
                write_synced(mark, b"")
                sync_directory(self.directory)
            except OSError:
                with contextlib.suppress(OSError):
                    mark.unlink(missing_ok=True)
                raise

    def forsake_unconfirmed(self) -> None:
        """Leave the newest commits that wait for their confirmation out of the history: they are not in force."""
        while newest := self.unconfirmed():
            self.distrust(newest.number)

    def _waits(self, commit: Commit) -> bool:
        return bool(commit.base) and not self._mark(commit.number).exists()

    def _mark(self, number: int) -> Path:
        return self.file(number).with_suffix(".confirmed")

    # --- content -----------------------------------------------------------------------------------------------

    def read(self, number: int) -> tuple[Commit, bytes]:
        """A commit and its configuration (RFC 7951 JSON). Raises CorruptCommitError."""
        try:
            fields, body = unseal(self.file(number).read_bytes())
            return Commit(**fields), body
        except BrokenSealError as error:
            raise CorruptCommitError(f"commit {number} {error}") from None
        except (OSError, TypeError) as error:
            raise CorruptCommitError(f"commit {number} cannot be read: {error}") from None

    def stage(self, *, time_s: float, user: str, source: str, comment: str, body: bytes, base: int = 0) -> Staged:
        """Write the next commit and sync it, not yet visible. Raises StorageError (disk full, ...)."""
        self._highest += 1
        commit = Commit(number=self._highest, time_s=time_s, user=user, source=source, comment=comment, base=base)
        temporary = self.file(commit.number).with_suffix(".tmp")
        try:
            with storage_errors(self.shown):
                write_synced(temporary, seal(asdict(commit), body))
        except StorageError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        return Staged(self, commit, temporary)

    def prune(self) -> None:
        """Drop all but the history, the commit before it, and the one that an unconfirmed commit goes back to."""
        waiting = self.unconfirmed()
        spared = waiting.base if waiting else 0
        for number in self.numbers()[KEPT_MAX:]:
            if number != spared:
                with contextlib.suppress(OSError):
                    self.file(number).unlink(missing_ok=True)
                    self._mark(number).unlink(missing_ok=True)
        self._history = self._history[-KEPT_MAX:]

    def distrust(self, number: int) -> None:
        """This commit is not in force though its file is there: leave it out of the history."""
        self._history = [other for other in self._history if other.number != number]

    def published(self, commit: Commit) -> None:
        self._history.append(commit)

    def file(self, number: int) -> Path:
        return self.directory / f"commit-{number:010}.json"

    def close(self) -> None:
        """Let another process use the directory."""
        os.close(self._lock)

    def _numbers(self) -> list[int]:
        return [int(found[1]) for entry in os.listdir(self.directory) if (found := _NAME.fullmatch(entry))]

    def _header(self, number: int) -> Commit | None:
        try:
            with self.file(number).open("rb") as file:
                fields = json.loads(file.readline(_HEADER_MAX))
            return Commit(
                **{name: fields[name] for name in ("number", "time_s", "user", "source", "comment")},
                base=fields.get("base", 0),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
