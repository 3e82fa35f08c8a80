"""Parts of a tree as XML, printed where they stand: nothing is copied."""

from __future__ import annotations

import re
from collections.abc import Iterable

from applianced.datastore import native
from applianced.datastore.native import Defaults, Form, Kind
from applianced.datastore.orders import WD_MODULE_NS, WD_NS

_TAGGED = re.compile(rb'(<[^<>]* xmlns:ncwd=")' + WD_MODULE_NS.encode() + rb'"')


KEPT_FROM = 64 * 1024
"""Octets of a text that is worth keeping."""
KEPT_MAX = 16 * 1024 * 1024
"""Octets of all that is kept of one tree."""


class Texts:
    """What was printed of a tree that is not edited any more, for those who ask for it again."""

    def __init__(self) -> None:
        self._texts: dict[tuple[int, Defaults, str], bytes] = {}
        self._octets = 0

    def get(self, node: native.Node, defaults: Defaults, above: str) -> bytes | None:
        return self._texts.get((native.identity(node), defaults, above))

    def keep(self, node: native.Node, defaults: Defaults, above: str, text: bytes) -> None:
        """Keep a large one, as long as there is room."""
        if KEPT_FROM <= len(text) <= KEPT_MAX - self._octets:
            self._texts[native.identity(node), defaults, above] = text
            self._octets += len(text)

    def items(self) -> Iterable[tuple[tuple[int, Defaults, str], bytes]]:
        """What is kept, by identity of the node, defaults and namespace above it."""
        return list(self._texts.items())


class JointTexts(Texts):
    """Of the nodes of two trees, both of which are there for as long as it is asked: each text is kept with its tree's
    others."""

    def __init__(self, roots: Iterable[native.Node], theirs: Texts, others: Texts) -> None:
        """roots: top-level nodes of the one tree, whose texts `theirs` are; others: of all other nodes."""
        super().__init__()
        self._roots = frozenset(native.identity(root) for root in roots)
        self._theirs = theirs
        self._others = others

    def get(self, node: native.Node, defaults: Defaults, above: str) -> bytes | None:
        return self._of(node).get(node, defaults, above)

    def keep(self, node: native.Node, defaults: Defaults, above: str, text: bytes) -> None:
        self._of(node).keep(node, defaults, above, text)

    def _of(self, node: native.Node) -> Texts:
        while above := native.parent(node):
            node = above
        return self._theirs if native.identity(node) in self._roots else self._others


class Writer:
    """Nodes as XML. defaults: which values that equal their default are shown (RFC 6243 section 3)."""

    def __init__(self, defaults: Defaults = Defaults.EXPLICIT) -> None:
        self.defaults = defaults
        self.texts: Texts | None = None
        """Of the trees that the nodes are of, if they have any."""

    def all_of(self, roots: Iterable[native.Node]) -> bytes:
        """Every one of these top-level nodes."""
        return b"".join(self.whole(root, "") for root in roots)

    def whole(self, node: native.Node, above: str) -> bytes:
        """A node and all below it; b"" when nothing of it is shown. above: the XML namespace in force."""
        if self.texts is None:
            return self._printed(node, above)
        text = self.texts.get(node, self.defaults, above)
        if text is None:
            text = self._printed(node, above)
            self.texts.keep(node, self.defaults, above, text)
        return text

    def _printed(self, node: native.Node, above: str) -> bytes:
        text = _inherited(node, above, native.render(node, Form.XML, defaults=self.defaults))
        # Text has no "<", so what looks like a start tag is one.
        return _TAGGED.sub(rb"\1" + WD_NS.encode() + b'"', text) if self.defaults is Defaults.TAGGED else text

    def keeps(self, node: native.Node) -> bool:
        """Whether a node is shown for its own sake, and not only for what is in it."""
        return True

    def part(self, node: native.Node, above: str, body: bytes) -> bytes:
        """A container or list entry that shows `body` and, of an entry, its keys (RFC 7950 7.8.5)."""
        schema = native.schema_of(node)
        name, namespace = native.name(schema), native.namespace(schema)
        start = f"<{name}>" if namespace == above else f'<{name} xmlns="{namespace}">'
        shown = (_inherited(key, namespace, native.render(key, Form.XML)) for key in key_leaves(node))
        return b"".join((start.encode(), *shown, body, f"</{name}>".encode()))


def _inherited(node: native.Node, above: str, text: bytes) -> bytes:
    """The text of a node without a declaration of the namespace that is in force already."""
    schema = native.schema_of(node)
    if not above or native.namespace(schema) != above:
        return text
    name = native.name(schema)
    declared = f'<{name} xmlns="{above}"'.encode()
    return f"<{name}".encode() + text[len(declared) :] if text.startswith(declared) else text


def is_key_leaf(node: native.Node) -> bool:
    return native.is_key(native.schema_of(node))


def key_leaves(node: native.Node) -> list[native.Node]:
    """The keys of a list entry; none of anything else."""
    if native.kind(native.schema_of(node)) is not Kind.LIST:
        return []
    return [child for child in native.children(node) if is_key_leaf(child)]
