"""The running datastore and all its candidates: the one that sessions share, and one of its own for each session that
asked for it (draft-ietf-netconf-privcand).

Each candidate has the running tree as it was when the candidate was made or last updated for its base. A private
candidate is made when its session first reads or edits it, and keeps that base until it is updated or committed; the
shared one follows running as long as it holds no changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from applianced.datastore import native
from applianced.datastore.candidate import Candidate
from applianced.datastore.inherited import inherited
from applianced.datastore.models import Models
from applianced.datastore.rebase import Resolution, rebase
from applianced.datastore.spare import Difference, Spare
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Texts
from applianced.errors import ConfigError
from applianced.northbound.readers import Readers


class NoCandidateError(ConfigError):
    """A session gets no candidate of its own, there are too many."""

    def __init__(self, limit: int) -> None:
        """limit: private candidates that may exist."""
        message = (
            f"{limit} private candidates are in use, which is private-candidate-limit: end a session that has "
            "one, or connect without the capability private-candidate to share the candidate of the others"
        )
        super().__init__("", message, tag="resource-denied")
        self.limit = limit


class Candidates:
    """Trees and who holds them. Who calls takes turns, except for `of`, which changes no tree."""

    def __init__(self, models: Models, readers: Readers, dispose: Callable[[Tree], None] = Tree.close) -> None:
        """dispose: closes a tree that nobody needs any more, now or soon."""
        self.running = Tree(models)
        self.number = 0
        """Of the commit that is running."""
        self._closed = False
        self._readers = readers
        self._dispose = dispose
        self._spare = Spare(dispose)
        self.shared = self._based()
        readers.hold(self.running)
        self._private: dict[int, Candidate | None] = {}
        """By session; None for one that has not used its candidate yet."""

    # --- whose -------------------------------------------------------------------------------------------------

    def make_private(self, session: int) -> None:
        """This session's candidate is its own from now on."""
        self._private.setdefault(session, None)

    def is_private(self, session: int) -> bool:
        return session in self._private

    def of(self, session: int, limit: int) -> Candidate:
        """The candidate that a session works on. limit: private ones that may exist. Raises NoCandidateError."""
        if session not in self._private:
            return self.shared
        found = self._private[session]
        if found is None:
            if self.count >= limit:
                raise NoCandidateError(limit)
            found = self._private[session] = self._based()
            self._readers.hold(self.running)
        return found

    def _based(self) -> Candidate:
        """A candidate that holds what runs."""
        return Candidate(self.running, self.number, copy=self._spare.copy, dispose=self._dispose)

    @property
    def count(self) -> int:
        """Private candidates that exist."""
        return sum(candidate is not None for candidate in self._private.values())

    def drop_private(self, session: int) -> None:
        """Free what a session had of its own."""
        candidate = self._private.pop(session, None)
        if candidate is not None:
            candidate.discard()
            self._readers.let_go(candidate.base)

    def renew_private(self, session: int) -> None:
        """The session's own candidate is made anew, from what runs then, when the session next uses it."""
        self.drop_private(session)
        self.make_private(session)

    # --- bases -------------------------------------------------------------------------------------------------

    def stale(self, candidate: Candidate) -> bool:
        """Running is not the candidate's base any more."""
        return candidate.base is not self.running

    def rebased(self, candidate: Candidate, tree: Tree | None) -> None:
        """Running is the base of a candidate, which holds `tree` from now on, or what running does."""
        self.move(candidate)
        candidate.discard()
        if tree is not None and native.equal(tree.first, self.running.first):
            tree.close()
        elif tree is not None:
            candidate.replace(tree)

    def updated(self, candidate: Candidate, tree: Tree | None) -> None:
        """As `rebased`; what its edits demand, they demand until they are committed, or nothing is left of them."""
        demanded = candidate.conditions
        self.rebased(candidate, tree)
        if candidate.modified:
            candidate.conditions = demanded

    def discard(self, candidate: Candidate) -> None:
        """Drop the changes. The shared candidate then is as running, a private one as when it was made or updated."""
        candidate.discard()
        if candidate is self.shared:
            self.move(candidate)

    def move(self, candidate: Candidate) -> None:
        """Running is the base from now on, whatever the candidate holds."""
        if candidate.base is not self.running:
            self._readers.hold(self.running)
            self._readers.let_go(candidate.base)
            candidate.move(self.running, self.number)

    # --- running -----------------------------------------------------------------------------------------------

    def publish(self, candidate: Candidate, number: int, behind: Difference | None = None) -> None:
        """What a candidate holds, validated and in force, becomes the running datastore by commit `number`.

        behind: what leads from what ran to that, if it is known.
        """
        tree = candidate.give()
        if tree is not None:
            self._replace(tree, number, behind)
        self.move(candidate)

    def rebased_shared(self, tree: Tree) -> Tree | None:
        """What the shared candidate is to hold when `tree` takes the place of what runs: what was edited in it since,
        and nothing of what ran; None when that is what it holds. Off the event loop.
        """
        shared = self.shared
        if not (shared.modified and shared.base is self.running):
            return None
        return rebase(shared.base, shared.tree, tree, Resolution.PREFER_CANDIDATE).tree

    def reinstate(self, tree: Tree, number: int, proposer: int, shared: Tree | None = None) -> None:
        """`tree`, validated and in force, becomes the running datastore in place of what `proposer` wanted it to be.

        Changes that were not committed stay in their candidates. A private candidate of the proposer gets back what it
        had committed. shared: of `rebased_shared`.
        """
        private = self._private.get(proposer)
        former = self.running
        self._readers.hold(former)
        self._replace(tree, number)
        if private and not private.modified and private.base is former:
            private.replace(former.duplicate())
        if private:
            self.move(private)
        if shared is not None:
            self.updated(self.shared, shared)
        self._readers.let_go(former)

    def _replace(self, tree: Tree, number: int, behind: Difference | None = None) -> None:
        former, self.running, self.number = self.running, tree, number
        tree.texts = inherited(former, tree, behind) if behind and behind.small else Texts()
        former.texts = None
        self._spare.close()
        heir = partial(self._inherit, behind, tree) if behind and behind.small else None
        self._readers.retire(former, heir)
        if not self.shared.modified:
            self.move(self.shared)

    def _inherit(self, behind: Difference, running: Tree, former: Tree) -> None:
        """Nobody reads the former tree any more. It is of use as long as `running`, to which it leads, runs."""
        if running is self.running and not self._closed:
            self._spare.offer(former, behind, running)
        else:
            self._dispose(former)

    def close(self) -> None:
        """Free every tree."""
        self._closed = True
        self._spare.close()
        for candidate in self._all():
            candidate.discard()
            self._readers.let_go(candidate.base)
        self._private.clear()
        self._readers.retire(self.running)

    def _all(self) -> Iterator[Candidate]:
        return chain([self.shared], (candidate for candidate in self._private.values() if candidate))
