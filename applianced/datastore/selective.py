"""Parts of a tree as XML by what <get-data> filters on besides content (RFC 8526 3.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from applianced.datastore import native
from applianced.datastore.native import Defaults, Kind
from applianced.datastore.writer import Writer, is_key_leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """config: only nodes with this value of their config property, None for both. origins: only configuration of one
    of these origins, None for any. max_depth: levels of what a filter selected, 0 for all. with_origin: show it, where
    it is another than that of the node around or, with each_origin, on every node."""

    config: bool | None = None
    origins: frozenset[str] | None = None
    max_depth: int = 0
    with_origin: bool = False
    each_origin: bool = False

    @property
    def plain(self) -> bool:
        return self == Options()


class SelectiveWriter(Writer):
    """A Writer that shows nodes as the options say. origin: of a configuration node, as `or:` identity."""

    def __init__(self, defaults: Defaults, options: Options, origin: Callable[[native.Node], str]) -> None:
        super().__init__(defaults)
        self._options = options
        self._origin = origin

    def whole(self, node: native.Node, above: str) -> bytes:
        if self._options.plain:
            return super().whole(node, above)
        return self._node(node, above, 1)

    def part(self, node: native.Node, above: str, body: bytes) -> bytes:
        return self._marked(node, super().part(node, above, body))

    def keeps(self, node: native.Node) -> bool:
        is_config = native.is_config(native.schema_of(node))
        if self._options.config not in (None, is_config):
            return False
        # System state is not affected by origin-filters.
        return not is_config or self._options.origins is None or self._origin(node) in self._options.origins

    def _node(self, node: native.Node, above: str, depth: int) -> bytes:
        schema = native.schema_of(node)
        kind = native.kind(schema)
        if kind not in (Kind.CONTAINER, Kind.LIST):
            return self._marked(node, super().whole(node, above)) if self.keeps(node) else b""
        children = [child for child in native.children(node) if not is_key_leaf(child)]
        ends = depth == self._options.max_depth
        namespace = native.namespace(schema)
        body = b"" if ends else b"".join(self._node(child, namespace, depth + 1) for child in children)
        exists = kind is Kind.LIST or native.is_presence(schema) or (ends and bool(children))
        return self.part(node, above, body) if body or (exists and self.keeps(node)) else b""

    def _marked(self, node: native.Node, text: bytes) -> bytes:
        """The text with its origin, when that is another than that of the node around it (RFC 8342 7)."""
        schema = native.schema_of(node)
        if not text or not self._options.with_origin or not native.is_config(schema):
            return text
        origin, around = self._origin(node), native.parent(node)
        if around and not self._options.each_origin and self._origin(around) == origin:
            return text
        name = f"<{native.name(schema)}".encode()
        return name + f' or:origin="or:{origin}"'.encode() + text[len(name) :]
