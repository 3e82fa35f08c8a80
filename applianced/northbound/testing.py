"""What is tested before anything is touched: of a candidate once, however often it is asked."""

from __future__ import annotations

from typing import NamedTuple

from applianced.config.logins import require_login
from applianced.datastore.candidate import Candidate
from applianced.datastore.compare import differ
from applianced.datastore.tree import Tree
from applianced.northbound.inforce import InForce, Validated
from applianced.northbound.threads import in_thread


class _Tested(NamedTuple):
    """generation: of the candidate that was tested."""

    validated: Validated
    generation: int


class Testing:
    """The tests of <validate> and of a commit, against what is in force."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force
        self._tested: _Tested | None = None

    async def candidate(self, candidate: Candidate) -> Validated:
        """A commit after <validate> has nothing left to test. Raises ConfigError."""
        known, generation = self._tested, candidate.generation
        if known is None or known.generation != generation:
            validated = await in_thread(self._in_force.validate, candidate.tree)
            self._tested = known = _Tested(validated, generation)
        return known.validated

    async def reordered(self, candidate: Candidate, validated: Validated, running: Tree) -> bool:
        """Whether a candidate is the running configuration, its entries in another order that means nothing."""
        if not await in_thread(self._in_force.resembles, validated):
            return False
        return not await in_thread(differ, running, candidate.tree)

    def edited(self, tree: Tree) -> None:
        """What test-then-set and test-only test of an edit; leaves the tree alone. Raises ConfigError."""
        with tree.duplicate() as trial:
            require_login(self._in_force.validate(trial).built.config)

    def forget(self) -> None:
        """Something else is in force: what was tested was tested against what was."""
        self._tested = None
