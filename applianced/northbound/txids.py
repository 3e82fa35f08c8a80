"""Transaction ids of running, made when somebody asks for one and kept over restarts
(draft-ietf-netconf-transaction-id).

A commit costs nothing here. When ids are asked for, what differs from the state of which somebody was told last gets
the newest commit's id, all of it: whoever asks for the first time after several commits cannot know of those between.
The table is on disk before anybody is told of it, so that a restart never takes an id back.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

from applianced.datastore import txids
from applianced.datastore.conditions import Condition, MismatchError, unmet
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog, CorruptCommitError
from applianced.datastore.sealed import (
    BrokenSealError,
    StorageError,
    seal,
    storage_errors,
    sync_directory,
    unseal,
    write_synced,
)
from applianced.datastore.tree import Tree
from applianced.datastore.txids import UNKNOWN, State, Table
from applianced.errors import ConfigError
from applianced.northbound.candidates import Candidates
from applianced.northbound.readers import Readers
from applianced.northbound.threads import in_thread

_LOG = logging.getLogger(__name__)
REPORTED_MAX = 100
"""Conditions that one error reports."""
_CHANGED = State(UNKNOWN, UNKNOWN)


class TxidMismatchError(ConfigError):
    """`errors` says each node. As a ConfigError it shows the first."""

    def __init__(self, errors: list[MismatchError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.message, tag=first.tag, app_tag=first.app_tag)
        self.errors = errors[:REPORTED_MAX]


def of_candidate(table: Table, running: Tree, candidate: Tree) -> Table:
    """The table of a candidate: as running's, but UNKNOWN where it differs. table: not newer than `running`, lest an id
    be told of a node that is not as that id says. Off the event loop."""
    return txids.advance(table, running, candidate, _CHANGED)


@dataclass(frozen=True, slots=True)
class _Known:
    """A table and the running tree whose it is, held."""

    table: Table
    tree: Tree


class TransactionIds:
    """The table of what runs."""

    def __init__(self, models: Models, log: CommitLog, candidates: Candidates, readers: Readers) -> None:
        self._models = models
        self._log = log
        self._candidates = candidates
        self._readers = readers
        self._file = log.state_dir / "txids.json"
        self._known: _Known | None = None
        self._one_at_a_time = asyncio.Lock()

    async def table(self) -> Table:
        """Of running, as it was at some moment of this call. Takes no time when nothing was committed since the last.

        Raises StorageError when a new one cannot be kept.
        """
        known = self._known
        if known and known.tree is self._candidates.running:
            return known.table
        async with self._one_at_a_time:
            return await self._advanced()

    async def require(self, conditions: Iterable[Condition]) -> None:
        """Whether running is as an edit demands; nobody commits meanwhile. Raises TxidMismatchError, StorageError."""
        if demanded := list(conditions):
            table = await self.table()
            if errors := await in_thread(unmet, demanded, self._candidates.running, table):
                raise TxidMismatchError(errors)

    async def newest(self) -> State | None:
        """What runs, for whoever has just changed something; None, and a line in the log, when it cannot be kept:
        that undoes no change."""
        try:
            table = await self.table()
        except StorageError as error:
            _LOG.error("the change is made, its transaction id is not told: %s", error)
            return None
        return table.states[table.newest]

    def close(self) -> None:
        """Let go of the tree."""
        if self._known:
            self._readers.let_go(self._known.tree)
            self._known = None

    async def _advanced(self) -> Table:
        known, running, number = self._known, self._candidates.running, self._candidates.number
        if known and known.tree is running:
            return known.table
        self._readers.hold(running)
        try:
            table = await in_thread(self._made, known, running, number)
        except BaseException:
            self._readers.let_go(running)
            raise
        self.close()
        self._known = _Known(table, running)
        return table

    def _made(self, known: _Known | None, running: Tree, number: int) -> Table:
        body = running.render(Form.JSON)
        before = known.table if known else None
        if known:
            table = txids.advance(known.table, known.tree, running, self._state(known.table, number))
        else:
            table = self._kept(running, number, body)
        if table is not before:
            self._save(table, number, body)
        return table

    def _state(self, table: Table | None, number: int) -> State:
        """An id that nobody was told before, also of another history with the same numbers; a time after any before."""
        known = table.states.values() if table else ()
        commit = next((commit for commit in self._log.history() if commit.number == number), None)
        time = datetime.fromtimestamp(commit.time_s if commit else 0, UTC)
        latest = max((datetime.fromisoformat(state.last_modified) for state in known), default=time)
        if time <= latest and table:
            time = latest + timedelta(microseconds=1)
        # Nothing that is made of the text: who knows all of it but one value could try out what that is.
        etag = f"{number}-{token_hex(6)}"
        return State(etag, time.isoformat(timespec="microseconds").replace("+00:00", "Z"))

    # --- disk --------------------------------------------------------------------------------------------------

    def _kept(self, running: Tree, number: int, body: bytes) -> Table:
        """From disk, up to the newest commit; a new one when there is none, or it is of another history."""
        try:
            fields, content = unseal(self._file.read_bytes())
            table = _table(json.loads(content))
            if fields["commit"] == number and fields["digest"] == _digest(body):
                return table
            _, old = self._log.read(fields["commit"])
            if _digest(old) != fields["digest"]:
                raise ValueError("it is of another history of commits")
            with Tree.parse(self._models, old, Form.JSON) as tree:
                return txids.advance(table, tree, running, self._state(table, number))
        except FileNotFoundError:
            pass
        except (OSError, BrokenSealError, CorruptCommitError, ConfigError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("all transaction ids are new, those of before cannot be used: %s", error)
        return txids.first(self._state(None, number))

    def _save(self, table: Table, number: int, body: bytes) -> None:
        content = {
            "newest": table.newest,
            "floor": table.floor,
            "swept": table.swept,
            "states": [[number, *state] for number, state in table.states.items()],
            "touched": table.touched,
            "made": table.made,
        }
        fields = {"commit": number, "digest": _digest(body)}
        temporary = self._file.with_suffix(".tmp")
        with storage_errors(_shown(self._log), "the transaction ids"):
            write_synced(temporary, seal(fields, json.dumps(content).encode()))
            os.replace(temporary, self._file)
            sync_directory(self._log.state_dir)


def _shown(log: CommitLog) -> Path:
    """What messages call the state directory."""
    return log.shown.parent


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _table(content: dict[str, Any]) -> Table:
    """Raises KeyError, TypeError, ValueError."""
    states = {int(number): State(str(etag), str(modified)) for number, etag, modified in content["states"]}
    touched, made = dict(content["touched"]), dict(content["made"])
    newest, floor, swept = int(content["newest"]), int(content["floor"]), int(content["swept"])
    if not {newest, floor, *touched.values(), *made.values()} <= states.keys():
        raise ValueError("it names states that it does not know")
    return Table(newest=newest, floor=floor, states=states, touched=touched, made=made, swept=swept)
