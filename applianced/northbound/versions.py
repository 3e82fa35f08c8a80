"""Configurations that can be named: what runs, what is edited, what was committed, the rescue configuration."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import Commit, CommitLog, CorruptCommitError
from applianced.datastore.rescue import Rescue
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError


class Name(Enum):
    """How a configuration is named; the values are the leaves of applianced-history."""

    RUNNING = "running"
    CANDIDATE = "candidate"
    NUMBER = "number"
    ID = "id"
    RESCUE = "rescue"


class Version(NamedTuple):
    """value: how many commits ago, or the commit's id; "" for the others."""

    name: Name
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name.value} {self.value}".rstrip()


RUNNING = Version(Name.RUNNING)
CANDIDATE = Version(Name.CANDIDATE)


class Archive:
    """Every configuration that is on disk."""

    def __init__(self, models: Models, log: CommitLog) -> None:
        self.rescue = Rescue(log.state_dir, shown=log.shown.parent)
        self._models = models
        self._log = log

    def tree(self, version: Version) -> Tree:
        """A configuration as it was, not validated. Raises ConfigError when there is none, or it cannot be read."""
        return self._tree(version, self._log.history())

    def compared(self, version: Version) -> Tree:
        """As `tree`; the commit before the oldest of the history can be named as well."""
        return self._tree(version, self._log.comparable())

    def _tree(self, version: Version, commits: Sequence[Commit]) -> Tree:
        try:
            return Tree.parse(self._models, self._body(version, commits), Form.JSON)
        except CorruptCommitError as error:
            raise ConfigError("", f"{error}: name another commit", tag="operation-failed") from None

    def _body(self, version: Version, commits: Sequence[Commit]) -> bytes:
        if version.name is Name.RESCUE:
            return self.rescue.load().body
        return self._log.read(_commit(version, commits).number)[1]


def _commit(version: Version, commits: Sequence[Commit]) -> Commit:
    """commits: those that can be named, the one in force first. Raises ConfigError."""
    if version.name is Name.NUMBER:
        if version.value.isdigit() and int(version.value) < len(commits):
            return commits[int(version.value)]
        message = f"there is no commit {version.value}: name one of 0 (in force) to {len(commits) - 1}"
    else:
        for commit in commits:
            if str(commit.number) == version.value:
                return commit
        message = f'there is no commit with the id "{version.value}": see the list of commits'
    raise ConfigError("", message, bad_element=version.name.value)
