"""The model's tests of a configuration, at the cost of what differs from the one in force where that is safe."""

from __future__ import annotations

from typing import NamedTuple

from applianced.datastore import native, rendered
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.rendered import Rendered, Step
from applianced.datastore.separable import Separable, separable
from applianced.datastore.spare import Difference
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError


class Valid(NamedTuple):
    """A valid tree. body: its RFC 7951 JSON. rendered: the same, read. difference: from what is in force, if known."""

    body: bytes
    rendered: Rendered
    difference: Difference | None = None


class Validation:
    """Validates trees of one set of models."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._lists = {each.members: each for each in separable(models)}

    def validated(self, tree: Tree, in_force: Rendered | None) -> Valid:
        """Validate a tree; it then has its defaults.

        in_force: of a tree that was found valid. What was tested there is not tested again when a change lies within
        one separable list: the entries that differ are validated by themselves. Raises InvalidTreeError.
        """
        if in_force and (quick := self._by_entries(tree, in_force)):
            return quick
        tree.validate()
        body = tree.render(Form.JSON)
        return Valid(body, rendered.read(body.decode(), self._lists.keys(), in_force))

    def _by_entries(self, tree: Tree, in_force: Rendered) -> Valid | None:
        """None when only a validation of the whole can tell, or has to say what is wrong."""
        body = tree.render(Form.JSON)
        step = rendered.follow(in_force, body.decode())
        if step is None:
            return None
        changed = self._lists[step.members]
        if not rendered.distinct(step.rendered.lists[step.members].values, changed.keys):
            return None
        if not self._entries_valid(tree, step, changed):
            return None
        return Valid(body, step.rendered, Difference(changed, step))

    def _entries_valid(self, tree: Tree, step: Step, changed: Separable) -> bool:
        """Whether the fresh entries are; they then have their defaults in the tree as well."""
        if not step.fresh:
            return True
        text = rendered.fragment(step.members, step.fresh)
        try:
            with Tree.parse(self._models, text, Form.JSON) as alone:
                alone.validate()
                # Validation takes out what a condition forbids.
                return alone.render(Form.JSON) == text and self._completed(tree, alone, changed)
        except ConfigError:
            return False

    def _completed(self, tree: Tree, alone: Tree, changed: Separable) -> bool:
        """Give entries the defaults that they have in `alone`, where they are valid; False when they differ then."""
        entries = native.first_child(changed.holder(tree.first))
        for valid in native.children(changed.holder(alone.first)):
            if native.schema_of(valid) != changed.line[-1]:
                continue
            entry = native.first_like(entries, valid)
            native.complete_below(self._models.context, entry, state=False)
            if not native.is_same(entry, valid):
                return False
        return True
