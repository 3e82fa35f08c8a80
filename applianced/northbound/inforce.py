"""What is in force, and how something else comes into force: tested, compiled, applied and recorded, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from applianced.compiler.plan import Change, Plan
from applianced.config.schema import Config
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.rendered import Rendered, common_start
from applianced.datastore.sealed import StorageError
from applianced.datastore.spare import Difference
from applianced.datastore.tree import Tree
from applianced.northbound.alarms import Alarms, Severity
from applianced.northbound.recording import Author, Recording
from applianced.northbound.threads import in_thread
from applianced.northbound.transaction import CommitError, Participant, commit
from applianced.northbound.validation import Validation

_LOG = logging.getLogger(__name__)
_REVERTED = "commit-reverted"


class Built(NamedTuple):
    """A configuration that may go into force."""

    config: Config
    plan: Plan


Builder = Callable[[Mapping[str, Any], Plan | None], Built]
"""Decode, check and compile the data of a valid tree (RFC 7951 JSON values as configured, without the
schema's defaults; nobody changes them), given the plan in force. Does no I/O; runs off the event loop. Raises
ConfigError."""


class Validated(NamedTuple):
    """A tree that passed every test. body: RFC 7951 JSON. rendered: the same, read. difference: from what was in
    force when it was tested, where that is entries of one list alone."""

    built: Built
    body: bytes
    rendered: Rendered
    difference: Difference | None


class InForce:
    """The configuration, its plan and its text. Who calls takes turns."""

    def __init__(self, models: Models, log: CommitLog, build: Builder, participants: Sequence[Participant]) -> None:
        self.config = Config()
        self.plan: Plan | None = None
        self.body = b""
        self._rendered: Rendered | None = None
        self._validation = Validation(models)
        self.alarms = Alarms()
        self._models = models
        self._log = log
        self._build = build
        self._participants = list(participants)

    def join(self, participant: Participant) -> None:
        """Have one more take part in each commit from now on, after the others."""
        self._participants.append(participant)

    def validate(self, tree: Tree) -> Validated:
        """All that a commit tests before it touches anything; adds defaults to the tree. Raises ConfigError."""
        valid = self._validation.validated(tree, self._rendered)
        return Validated(self._build(valid.rendered.data, self.plan), *valid)

    def holds(self, validated: Validated) -> bool:
        """Whether that is in force already, and the participants are known to have it."""
        return self.plan is not None and validated.body == self.body and not self.alarms.stands(_REVERTED)

    def resembles(self, validated: Validated) -> bool:
        """Whether the text is that of what is in force in another order, and may thus say the same."""
        known = self.plan is not None and not self.alarms.stands(_REVERTED)
        return known and _permuted(self.body, validated.body)

    async def replace(self, validated: Validated, recording: Recording | None) -> None:
        """Put it in force; None records nothing. Raises CommitError; then all is as before."""
        config, plan = validated.built
        change = Change(old=self.config, new=config, old_plan=self.plan, new_plan=plan)
        try:
            await commit(change, [*self._participants, *([recording] if recording else [])])
        except CommitError as failed:
            if failed.left_over:
                text = f"{failed}: the dataplane may differ from the configuration; commit again"
                self.alarms.raise_alarm(_REVERTED, Severity.CRITICAL, text)
            raise
        self.config, self.plan, self.body = config, plan, validated.body
        self._rendered = validated.rendered
        self.alarms.clear(_REVERTED)

    async def reinstate(self, body: bytes, author: Author, comment: str) -> Tree:
        """Put an earlier configuration in force; its tree. comment: "" records nothing.

        Raises ConfigError, CommitError; then all is as before.
        """
        tree = await in_thread(Tree.parse, self._models, body, Form.JSON)
        try:
            validated = await in_thread(self.validate, tree)
            try:
                await self.replace(validated, Recording(self._log, author, comment, body) if comment else None)
            except CommitError as failed:
                if not (comment and isinstance(failed.cause, StorageError)):
                    raise
                # A full disk must not keep in force what nobody confirmed. A start goes back, too: it finds no
                # confirmation.
                await self.replace(validated, None)
                _LOG.error("the rollback is in force, but not in the history: %s", failed)
                self._log.forsake_unconfirmed()
        except BaseException:
            tree.close()
            raise
        return tree


def _permuted(one: bytes, other: bytes) -> bool:
    """Whether two texts have the same octets, in whatever order. Takes a millisecond per megabyte when they differ in
    one place, which is what nearly every commit looks like, and fifty when they are the same in another order."""
    if len(one) != len(other):
        return False
    start = common_start(one, other)
    one, other = one[start:][::-1], other[start:][::-1]
    end = common_start(one, other)
    one, other = one[end:], other[end:]
    return all(one.count(octet) == other.count(octet) for octet in set(one))
