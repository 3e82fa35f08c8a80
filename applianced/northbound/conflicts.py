"""What keeps a candidate from being committed: nodes that somebody else changed in running meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import Commit, CommitLog, CorruptCommitError
from applianced.datastore.rebase import Conflict
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from applianced.northbound.state import timestamp

REPORTED_MAX = 100
"""Conflicts that one error reports; the last one says how many more there are."""
VALUE_MAX = 1000
"""Characters of a value that is shown."""
_LOOKED_THROUGH_MAX = 10
"""Commits that are read from disk to find out who changed what."""
_REMEDY = (
    "send <update> with the resolution-mode prefer-candidate or prefer-running, or edit the node to what running has, "
    "or <discard-changes>"
)


class NodeConflictError(ConfigError):
    """One node in conflict. commit: who gave running its value, None when the history does not say any more."""

    def __init__(self, conflict: Conflict, commit: Commit | None, more: int = 0) -> None:
        """more: how many further conflicts this error stands for."""
        who = f" since commit {commit.number} of {commit.user} at {timestamp(commit.time_s)}" if commit else ""
        rest = f" (and {more} nodes more)" if more else ""
        message = (
            f"changed in the candidate and in running{rest}: the candidate has {_value(conflict.candidate)}, running "
            f"has {_value(conflict.running)}{who}; {_REMEDY}"
        )
        super().__init__(conflict.path, message, tag="operation-failed", app_tag="conflict")
        self.conflict = conflict
        self.commit = commit


class ConflictError(ConfigError):
    """`errors` says each node. As a ConfigError it shows the first."""

    def __init__(self, errors: Sequence[NodeConflictError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.message, tag=first.tag, app_tag=first.app_tag)
        self.errors = list(errors)


def report(models: Models, log: CommitLog, base: int, conflicts: Sequence[Conflict]) -> ConflictError:
    """The error for conflicts with what was committed after commit `base`. Reads the disk: off the event loop."""
    shown = conflicts[:REPORTED_MAX]
    commits = _authors(models, log, base, [conflict.path for conflict in shown])
    more = len(conflicts) - len(shown)
    last = len(shown) - 1
    return ConflictError(
        [
            NodeConflictError(conflict, commit, more if at == last else 0)
            for at, (conflict, commit) in enumerate(zip(shown, commits, strict=True))
        ]
    )


def shortened(value: str) -> str:
    """A value as it is shown, at most VALUE_MAX characters and then "..."."""
    return value if len(value) <= VALUE_MAX else value[:VALUE_MAX] + "..."


def _value(value: str | None) -> str:
    return "nothing" if value is None else f'"{shortened(value)}"'


class _Read(NamedTuple):
    """values: of each path."""

    commit: Commit
    values: list[tuple[bytes, ...]]


def _authors(models: Models, log: CommitLog, base: int, paths: Sequence[str]) -> list[Commit | None]:
    """For each path the newest commit after `base` that changed it, None when that cannot be told."""
    history = log.history()
    newer = [commit for commit in history if commit.number > base]
    if len(newer) == 1:
        return [newer[0]] * len(paths)
    found: list[Commit | None] = [None] * len(paths)
    later: _Read | None = None
    # One older than those: what the oldest of them changed shows against it.
    for commit in history[: min(len(newer), _LOOKED_THROUGH_MAX) + 1]:
        earlier = _read(models, log, commit, paths)
        if earlier is None:
            break
        if later:
            for at, value in enumerate(earlier.values):
                if found[at] is None and value != later.values[at]:
                    found[at] = later.commit
        later = earlier
    return found


def _read(models: Models, log: CommitLog, commit: Commit, paths: Sequence[str]) -> _Read | None:
    try:
        _, body = log.read(commit.number)
        with Tree.parse(models, body, Form.JSON) as tree:
            return _Read(commit, [_values(tree, path) for path in paths])
    except (CorruptCommitError, ConfigError):
        return None


def _values(tree: Tree, path: str) -> tuple[bytes, ...]:
    """The text of what stands at a path. One that holds both kinds of quotes selects nothing."""
    try:
        return tuple(native.render(node, Form.JSON) for node in tree.find_all(path))
    except native.NativeError:
        return ()
