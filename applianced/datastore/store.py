"""The running and the candidate datastore (RFC 6241 8.3).

The candidate is a copy that exists only while it differs: the first edit makes it, a commit makes it the running
datastore, so that neither costs a copy of its own. The running tree is never edited once published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from applianced.datastore import native
from applianced.datastore.edit import EditOptions, ResultTest, edit, validated
from applianced.datastore.lock import Store
from applianced.datastore.models import Models
from applianced.datastore.places import Element
from applianced.datastore.spare import Spare
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Texts


class Datastore:
    """Both trees. Not thread-safe: who calls keeps edits, commits and reads of the candidate apart."""

    def __init__(self, models: Models, dispose: Callable[[Tree], None] = Tree.close) -> None:
        """dispose: closes a tree that nobody needs any more, now or soon."""
        self.models = models
        self._dispose = dispose
        self._running = Tree(models)
        self._candidate: Tree | None = None
        self.spare = Spare()
        self.generation = 0
        """Grows whenever the candidate's content may have changed."""

    @property
    def modified(self) -> bool:
        """The candidate holds changes that were neither committed nor discarded."""
        return self._candidate is not None

    def tree(self, store: Store) -> Tree:
        """The content, to be read."""
        return self._running if store is Store.RUNNING or self._candidate is None else self._candidate

    def edit(self, elements: Sequence[Element], options: EditOptions, test: Callable[[Tree], None] = validated) -> None:
        """<edit-config> on the candidate; test: as of edit.edit. Raises edit.EditError."""
        self.generation += 1
        fresh = self._candidate is None
        candidate = self._candidate or self.spare.copy(self._running)
        kept = options.test_option is not ResultTest.TEST_ONLY
        try:
            edit(candidate, elements, options, test)
        except BaseException:
            kept = not fresh or options.error_option is options.error_option.CONTINUE
            raise
        finally:
            # An edit that changed nothing leaves nothing to commit, and nothing that keeps a lock from anybody.
            if not fresh or (kept and not native.equal(candidate.first, self._running.first)):
                self._candidate = candidate
            else:
                candidate.close()

    def replace_candidate(self, tree: Tree) -> None:
        """Make `tree` the candidate; it belongs to the datastore from now on."""
        self.discard()
        self._candidate = tree

    def discard(self) -> None:
        """Back to what is running."""
        self.generation += 1
        if self._candidate is not None:
            self._dispose(self._candidate)
            self._candidate = None

    def publish(self) -> Tree | None:
        """The candidate, validated and in force, becomes the running datastore. The former one, for the caller to
        close when its last reader has gone; None when there was nothing to publish."""
        if self._candidate is None:
            return None
        self.generation += 1
        former, self._running, self._candidate = self._running, self._candidate, None
        self._running.texts = Texts()
        return former

    def reinstate(self, tree: Tree) -> Tree:
        """`tree`, validated and in force, becomes the running datastore; the candidate keeps its changes. The former
        one, for the caller to close when its last reader has gone."""
        self.generation += 1
        former, self._running = self._running, tree
        self._running.texts = Texts()
        return former

    def close(self) -> None:
        """Free all trees."""
        self.discard()
        self.spare.close()
        self._running.close()
