"""A configuration or state tree, owned.

Exactly one Tree owns each libyang tree and frees it when closed; nothing else calls free on a whole tree.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from applianced.datastore import bulk, freeing, native, violations
from applianced.datastore.faults import syntax_error
from applianced.datastore.models import Models
from applianced.datastore.native import Defaults, Form
from applianced.datastore.remedies import explained
from applianced.datastore.writer import Texts
from applianced.errors import ConfigError

ERRORS_MAX = 100
"""Faults that are reported of one tree; an operator who broke ten thousand entries does not read them all."""


class Tree:
    """One datastore's content. Not to be used after `close`; a tree that is shared between readers is not edited."""

    __slots__ = ("_open", "first", "models", "texts")

    def __init__(self, models: Models, first: native.Node = native.NULL) -> None:
        self.models = models
        self.first = first
        self.texts: Texts | None = None
        """What was printed of it, while it is not edited."""
        self._open = True

    @classmethod
    def parse(cls, models: Models, text: bytes, form: Form, *, state: bool = False) -> Tree:
        """Data with its types and names checked, not yet validated. Raises ConfigError."""
        if form is Form.XML and not text.strip():
            return cls(models)
        try:
            return cls(models, native.parse(models.context, text, form, state=state))
        except native.NativeError as error:
            raise syntax_error(explained(models, error.fault)) from None

    def adopt(self, roots: list[native.Node]) -> None:
        """Copy top-level nodes of another tree into this one."""
        for root in roots:
            self.attach(native.NULL, native.duplicate(self.models.context, root, siblings=False))

    def duplicate(self) -> Tree:
        """A deep copy (about 3 µs per node)."""
        return Tree(self.models, native.duplicate(self.models.context, self.first))

    def merge(self, other: Tree) -> None:
        """Merge `other` into this one; `other` is closed by it."""
        if not other.first:
            other.close()
            return
        source, other.first = other.first, native.NULL
        for piece in bulk.pieces(bulk.prepare(self.first, source)):
            self.first = native.merge(self.models.context, self.first, piece)
        self.first = native.merge(self.models.context, self.first, source)
        other.close()

    def validate(self) -> None:
        """RFC 7950 section 8: constraints of the whole, defaults added. Raises InvalidTreeError."""
        try:
            self.first = native.validate(self.models.context, self.first)
        except native.ValidationError as error:
            self.first = error.moved
            self.complete()
            # One more than are shown, which then says so.
            faults = violations.every(self.models, self.first, error.fault, ERRORS_MAX + 1)
            raise InvalidTreeError(faults) from None

    def complete(self) -> None:
        """Add the defaults in use, which a tree that was edited since its validation may lack."""
        self.first = native.complete(self.models.context, self.first)

    def render(self, form: Form, *, defaults: Defaults = Defaults.EXPLICIT) -> bytes:
        """The whole as text."""
        return native.render(native.first_sibling(self.first), form, defaults=defaults, siblings=True)

    def data(self) -> dict[str, Any]:
        """The whole as RFC 7951 JSON values, defaults included."""
        loaded: dict[str, Any] = json.loads(self.render(Form.JSON, defaults=Defaults.ALL))
        return loaded

    def roots(self) -> Iterator[native.Node]:
        """Top-level nodes."""
        return native.siblings(self.first)

    def attach(self, parent: native.Node, node: native.Node) -> None:
        """Take over a free node, below `parent` or, when that is NULL, at the top."""
        if parent:
            native.insert(parent, node)
        else:
            self.first = native.insert_beside(self.first, node)

    def detach(self, node: native.Node) -> None:
        """Give a node away; whoever asked owns it."""
        if node == self.first:
            self.first = native.following(node)
        native.unlink(node)

    def find_all(self, xpath: str) -> list[native.Node]:
        """Nodes that an XPath with module names as prefixes selects."""
        return native.find_all(self.models.context, self.first, xpath)

    def release(self) -> Tree:
        """Another owner of what this tree held; this one is empty then."""
        released, self.first = Tree(self.models, self.first), native.NULL
        return released

    def close(self) -> None:
        """Free the memory; safe to call twice, and in any thread."""
        # Others run while libyang frees: nobody may still find the tree here by then.
        first, self.first = self.first, native.NULL
        mine, self._open, self.texts = self._open, False, None
        if mine and first:
            freeing.free(first)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        # At the interpreter's end the context may be gone before its trees: nothing needs freeing then.
        if not sys.is_finalizing():
            self.close()


class InvalidTreeError(ConfigError):
    """A tree broke its model, or what is built from it; `errors` says each place, and at last whether there were more
    than ERRORS_MAX. As a ConfigError it shows the first."""

    def __init__(self, errors: list[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.message, tag=first.tag, app_tag=first.app_tag, bad_element=first.bad_element)
        self.errors = errors[:ERRORS_MAX]
        if len(errors) > ERRORS_MAX:
            message = f"there are more faults than these {ERRORS_MAX}: mend them, then try again"
            self.errors.append(ConfigError("", message, tag="operation-failed"))
