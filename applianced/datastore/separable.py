"""Lists whose entries are valid each for itself, so that a commit need test only the entries that it changes.

An entry of such a list is bound by nothing outside it, and nothing outside is bound by the entry: no XPath and no
required reference of the models leads into an entry or out of one, and the list neither counts nor compares its
entries. That is told from the models alone; an XPath that is not of the simple form read here may lead anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Kind

_STEP = r"(?:\.\.|\.|(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*)"
_TOKEN = re.compile(
    r"(?P<current>current\(\))|(?P<call>[a-z-]+)\s*\(|(?P<path>/?" + _STEP + r"(?:/" + _STEP + r")*)"
    r"|(?P<open>\[)|(?P<close>\])|\s+|'[^']*'|\"[^\"]*\"|\d+(?:\.\d*)?|<=|>=|!=|[()=<>,+|-]"
)
_CALLS = frozenset(("not", "boolean", "count", "string-length", "starts-with", "contains", "re-match", "and", "or"))
_OPERATORS = frozenset(("and", "or", "div", "mod"))


class Separable(NamedTuple):
    """A list of that kind. members: its place in RFC 7951 JSON, a member for each container around it and its own.

    keys: the names of its keys. line: the schema nodes of those containers and of the list.
    """

    members: tuple[str, ...]
    keys: tuple[str, ...]
    line: tuple[native.Schema, ...]

    def holder(self, first: native.Node) -> native.Node:
        """The container that the list stands in, in the tree whose first node this is; NULL when it is not there."""
        node = native.NULL
        for schema in self.line[:-1]:
            node = native.find(native.first_sibling(first), schema) if first else native.NULL
            first = native.first_child(node) if node else native.NULL
        return node


class _Path(NamedTuple):
    """A location path. ups: steps to the node above. names: of its other steps, in order, without prefixes."""

    absolute: bool
    ups: int
    names: tuple[str, ...]


class _Node(NamedTuple):
    """A node of the configuration. line: those around it, outermost first, and itself. members: as of Separable."""

    line: tuple[native.Schema, ...]
    members: tuple[str, ...]

    @property
    def schema(self) -> native.Schema:
        return self.line[-1]


def separable(models: Models) -> tuple[Separable, ...]:
    """Those lists that stand in containers alone. Takes some milliseconds."""
    nodes = list(_nodes(models))
    demands = [(node, _paths(node)) for node in nodes]
    binding = [(node, paths) for node, paths in demands if paths is None or paths]
    return tuple(
        Separable(node.members, tuple(native.keys(node.schema)), node.line)
        for node in nodes
        if _eligible(node) and all(_is_apart(node.line, other.line, paths) for other, paths in binding)
    )


def _nodes(models: Models) -> Iterator[_Node]:
    pending = [
        _Node((schema,), ()) for module in models.modules.values() for schema in native.top_level(module.pointer)
    ]
    while pending:
        node = pending.pop()
        schema = node.schema
        if native.is_data(schema):
            if not native.is_config(schema):
                continue
            prefixed = len(node.line) == 1 or native.module_name(node.line[-2]) != native.module_name(schema)
            name = f"{native.module_name(schema)}:{native.name(schema)}" if prefixed else native.name(schema)
            node = node._replace(members=(*node.members, name))
            yield node
            around = node.line
        else:
            around = node.line[:-1]
        pending += [_Node((*around, child), node.members) for child in native.schema_children(schema)]


def _eligible(node: _Node) -> bool:
    return (
        native.kind(node.schema) is Kind.LIST
        and len(node.line) > 1
        and all(native.kind(above) is Kind.CONTAINER for above in node.line[:-1])
        and not any(native.in_choice(each) for each in node.line)
        and bool(native.keys(node.schema))
        and not native.counts_entries(node.schema)
    )


def _paths(node: _Node) -> list[_Path] | None:
    """Where the conditions and references of a node may lead; None for anywhere."""
    found: list[_Path] = []
    for text in (*native.musts(node.schema), *native.references(node.schema)):
        paths = _read(text)
        if paths is None:
            return None
        found += paths
    for text, context in native.whens(node.schema):
        paths = _read(text)
        if paths is None or context not in node.line:
            return None
        above = len(node.line) - 1 - node.line.index(context)
        found += [path if path.absolute else path._replace(ups=path.ups + above) for path in paths]
    return found


def _read(text: str) -> list[_Path] | None:
    """The location paths in an XPath of names, "..", operators and a few functions; None for any other."""
    paths: list[_Path] = []
    at, nested, before = 0, 0, ""
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or (found["call"] and found["call"] not in _CALLS):
            return None
        at, nested = found.end(), nested + bool(found["open"]) - bool(found["close"])
        if found["path"] and found["path"] not in _OPERATORS:
            path = _path(found["path"])
            if path.absolute and (path.ups or not path.names or nested or before in (")", "]")):
                return None
            if nested and (path.ups or not paths):
                return None
            # What a predicate looks at lies below the step that it stands at.
            paths[-1:] = [paths[-1]._replace(names=paths[-1].names + path.names)] if nested else [*paths[-1:], path]
        before = found[0][-1] if found[0].strip() else before
    return paths or (None if not text else [])


def _path(text: str) -> _Path:
    steps = [step for step in text.split("/") if step not in ("", ".")]
    names = tuple(step.rpartition(":")[2] for step in steps if step != "..")
    return _Path(text.startswith("/"), steps.count(".."), names)


def _is_apart(entry: tuple[native.Schema, ...], other: tuple[native.Schema, ...], paths: list[_Path] | None) -> bool:
    """Whether what a node demands concerns one entry alone, or none. entry, other: lines of the list and the node."""
    return paths is not None and all(_leads_apart(entry, other, path) for path in paths)


def _leads_apart(entry: tuple[native.Schema, ...], other: tuple[native.Schema, ...], path: _Path) -> bool:
    if path.absolute:
        # From within an entry it could lead to any other one as well.
        return path.names[0] != native.name(entry[0]) and not _begins(other, entry)
    top = len(other) - path.ups
    if _begins(other, entry):
        return top >= len(entry)
    if top <= 0:
        return False
    if not _begins(entry, other[:top]):
        return True
    return bool(path.names) and not set(path.names) & {native.name(schema) for schema in entry[top:]}


def _begins(line: tuple[native.Schema, ...], start: tuple[native.Schema, ...]) -> bool:
    return line[: len(start)] == start
