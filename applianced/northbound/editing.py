"""What changes a candidate, and whether whoever asks may change it. Who calls has the turn."""

from __future__ import annotations

from collections.abc import Sequence

from applianced.datastore.candidate import Candidate
from applianced.datastore.edit import EditOptions, Operation
from applianced.datastore.models import Models
from applianced.datastore.persist import CommitLog
from applianced.datastore.places import Element
from applianced.datastore.rebase import Resolution, rebase
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from applianced.northbound.access import UserAccess
from applianced.northbound.candidates import Candidates
from applianced.northbound.conflicts import report
from applianced.northbound.testing import Testing
from applianced.northbound.threads import in_thread


class Editing:
    """Of any candidate."""

    def __init__(self, models: Models, log: CommitLog, candidates: Candidates, testing: Testing) -> None:
        self._models = models
        self._log = log
        self._candidates = candidates
        self._testing = testing

    def edit(
        self, candidate: Candidate, elements: Sequence[Element], options: EditOptions, access: UserAccess | None
    ) -> None:
        """<edit-config>, off the event loop. access: of who asks, None for the appliance itself.

        Raises EditError, AccessDeniedError.
        """
        judge = None
        if access is not None and not access.unrestricted:
            access.check_edit(elements, options.default_operation.value)
            if options.default_operation is Operation.REPLACE or access.judges_edit(elements):
                judge = access.judge
        candidate.edit(elements, options, self._testing.edited, judge)

    async def replace(self, candidate: Candidate, tree: Tree | None, access: UserAccess | None) -> None:
        """Give a candidate the content of `tree`, or, when it is None, of running. Raises AccessDeniedError."""
        try:
            await self.judge(access, candidate.tree, tree or self._candidates.running)
        except ConfigError:
            if tree is not None:
                tree.close()
            raise
        self._candidates.rebased(candidate, tree)

    async def judge(self, access: UserAccess | None, before: Tree, after: Tree) -> None:
        """Whether whoever asks may change the one tree into the other. Raises AccessDeniedError."""
        if access is not None and not access.unrestricted and before is not after:
            await in_thread(access.judge, before, after)

    async def update(self, candidate: Candidate, resolution: Resolution) -> None:
        """Take over what running has become. Raises ConflictError; then the candidate is as before."""
        if not (self._candidates.stale(candidate) and candidate.modified):
            self._candidates.move(candidate)
            return
        running = self._candidates.running
        done = await in_thread(rebase, candidate.base, candidate.tree, running, resolution)
        if done.conflicts and resolution is Resolution.REVERT:
            raise await in_thread(report, self._models, self._log, candidate.base_number, done.conflicts)
        self._candidates.updated(candidate, done.tree)
