"""Parts of a tree as XML, printed where they stand: nothing is copied."""

from __future__ import annotations

import re
from collections.abc import Iterable

from applianced.datastore import native
from applianced.datastore.native import Defaults, Form, Kind
from applianced.datastore.orders import WD_MODULE_NS, WD_NS

_TAGGED = re.compile(rb'(<[^<>]* xmlns:ncwd=")' + WD_MODULE_NS.encode() + rb'"')


class Writer:
    """Nodes as XML. defaults: which values that equal their default are shown (RFC 6243 section 3)."""

    def __init__(self, defaults: Defaults = Defaults.EXPLICIT) -> None:
        self.defaults = defaults

    def all_of(self, roots: Iterable[native.Node]) -> bytes:
        """Every one of these top-level nodes."""
        return b"".join(self.whole(root, "") for root in roots)

    def whole(self, node: native.Node, above: str) -> bytes:
        """A node and all below it; b"" when nothing of it is shown. above: the XML namespace in force."""
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
