"""A candidate datastore (RFC 6241 8.3): what is edited before it is committed.

A candidate is a copy of its base that exists only while it differs: the first edit makes it, a commit makes it the
running datastore, so that neither costs a copy of its own. The base is the running tree as it was when the candidate
was made or last updated; nobody edits it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from applianced.datastore import native
from applianced.datastore.conditions import Condition, Demanded
from applianced.datastore.edit import EditOptions, ResultTest, edit, validated
from applianced.datastore.places import Element
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError

_GENERATIONS = count(1)


Judge = Callable[[Tree, Tree], None]
"""Given what was and what would be: raises ConfigError when whoever asks may not make that change."""


class Candidate:
    """Not thread-safe: who calls keeps edits, commits and reads apart."""

    def __init__(
        self,
        base: Tree,
        base_number: int = 0,
        *,
        copy: Callable[[Tree], Tree] = Tree.duplicate,
        dispose: Callable[[Tree], None] = Tree.close,
    ) -> None:
        """base: stays the caller's, and lives as long as it is the base. base_number: of the commit that made it.

        copy: makes a tree that equals the base. dispose: closes one that nobody needs any more, now or soon.
        """
        self._copy, self._dispose = copy, dispose
        self.base = base
        self.base_number = base_number
        self._tree: Tree | None = None
        self.conditions: dict[str, Condition] = {}
        """What its edits demand of running, by the key of the node."""
        self.generation = next(_GENERATIONS)
        """Another number whenever the content may have changed; no two candidates ever have the same."""

    @property
    def modified(self) -> bool:
        """It holds changes that were neither committed nor discarded."""
        return self._tree is not None

    @property
    def tree(self) -> Tree:
        """The content, to be read."""
        return self._tree or self.base

    def edit(
        self,
        elements: Sequence[Element],
        options: EditOptions,
        test: Callable[[Tree], None] = validated,
        judge: Judge | None = None,
    ) -> None:
        """<edit-config>; test: as of edit.edit. What it demands counts as far as it was done.

        Raises edit.EditError, and what `judge` raises; then all is as before.
        """
        if judge is not None:
            self._edit_judged(elements, options, test, judge)
            return
        self.generation = next(_GENERATIONS)
        demanded = Demanded(elements)
        demanded.require_room(len(self.conditions))
        demanded.resolve(self.tree)
        fresh = self._tree is None
        tree = self._tree or self._copy(self.base)
        kept = options.test_option is not ResultTest.TEST_ONLY
        try:
            edit(tree, elements, options, test)
        except BaseException:
            kept = not fresh or options.error_option is options.error_option.CONTINUE
            raise
        finally:
            if kept:
                demanded.resolve(tree)
                self.conditions.update(demanded.conditions)
            # An edit that changed nothing leaves nothing to commit, and nothing that keeps a lock from anybody.
            if not fresh or (kept and not native.equal(tree.first, self.base.first)):
                self._tree = tree
            else:
                tree.close()

    def _edit_judged(
        self, elements: Sequence[Element], options: EditOptions, test: Callable[[Tree], None], judge: Judge
    ) -> None:
        """An edit that somebody may object to, which is then as if it had never been tried."""
        with self.tree.duplicate() as before:
            modified, conditions = self.modified, dict(self.conditions)

            def tested(tree: Tree) -> None:
                # What a test says of a change is for those alone who may make it.
                judge(before, tree)
                test(tree)

            failed = None
            try:
                self.edit(elements, options, tested)
            except ConfigError as error:
                failed = error
            try:
                judge(before, self.tree)
            except ConfigError:
                self.discard()
                self._tree = before.release() if modified else None
                self.conditions = conditions
                raise
            if failed:
                raise failed

    def replace(self, tree: Tree) -> None:
        """Make `tree` the content; it belongs to the candidate from now on."""
        self.discard()
        self._tree = tree

    def discard(self) -> None:
        """Back to the base."""
        self.generation = next(_GENERATIONS)
        self.conditions = {}
        if self._tree is not None:
            self._dispose(self._tree)
            self._tree = None

    def move(self, base: Tree, base_number: int) -> None:
        """Another base from now on; changes stay as they are, and without any the content is the new base's."""
        self.generation = next(_GENERATIONS)
        self.base, self.base_number = base, base_number

    def give(self) -> Tree | None:
        """Give the changed tree away, and hold no changes any more; None when there are none."""
        self.generation = next(_GENERATIONS)
        self.conditions = {}
        tree, self._tree = self._tree, None
        return tree
