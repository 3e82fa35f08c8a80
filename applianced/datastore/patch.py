"""What leads from one tree to another as a YANG patch (RFC 8072), with the values of both (RFC 9144 section 4).

An edit is about the outermost node that only one side has, or a leaf whose value differs. Values that nobody configured
do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import quote

from applianced.datastore import native, pairs
from applianced.datastore.compare import longest_rise
from applianced.datastore.native import Kind
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer

_UNRESERVED = "-._~"
Step = tuple[str, ...]
"""What tells an entry from the others: its keys, or its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """operation: of RFC 8072. target, point: as RFC 8040 3.5.3 writes paths. value, source: nodes of the two trees,
    NULL where the edit has none. where: "first" or "after" of an entry that is inserted or moved, "" otherwise."""

    operation: str
    target: str
    value: native.Node = native.NULL
    source: native.Node = native.NULL
    where: str = ""
    point: str = ""


def edits(before: Tree, after: Tree) -> Iterator[Edit]:
    """The edits, in an order in which they can be made."""
    yield from _level(native.first_sibling(before.first), native.first_sibling(after.first), "", "")


def render(edits: Iterator[Edit], source: Writer, target: Writer) -> bytes:
    """<edit> elements, for a parent in whose namespace yang-patch is. source, target: write values of the two trees."""
    numbers = count(1)
    return b"".join(_rendered(edit, next(numbers), source, target) for edit in edits)


def _level(before: native.Node, after: native.Node, above: str, module: str) -> Iterator[Edit]:
    """Two sets of siblings. above, module: path and module of the node around them."""
    for pair in pairs.differing(before, after):
        node = pair.after or pair.before
        schema = native.schema_of(node)
        path = f"{above}/{_step(node, module)}"
        if not pair.after:
            yield Edit(operation="delete", target=path, source=pair.before)
        elif not pair.before:
            if not native.is_user_ordered(schema):
                yield Edit(operation=_creation(schema), target=path, value=node)
        elif native.kind(schema) in (Kind.CONTAINER, Kind.LIST):
            inner = native.first_child(pair.before), native.first_child(pair.after)
            yield from _level(*inner, path, native.module_name(schema))
        elif native.value(pair.before) != native.value(pair.after):
            yield Edit(operation="replace", target=path, value=pair.after, source=pair.before)
    for schema in pairs.user_ordered(after):
        yield from _order(before, after, schema, above, module)


def _order(before: native.Node, after: native.Node, schema: native.Schema, above: str, module: str) -> Iterator[Edit]:
    """Entries of a list that the user orders: those that are new, and as few of those that were there before as bring
    the others in order. Each goes behind the one before it, which stands where it is to stand by then."""
    wanted = [node for node in pairs.configured(after) if native.schema_of(node) == schema]
    old, staying = kept(pairs.ordered(before, schema), list(map(pairs.step_of, wanted)))
    for at, node in enumerate(wanted):
        if at not in staying:
            is_new = at not in old
            yield Edit(
                operation="insert" if is_new else "move",
                target=f"{above}/{_step(node, module)}",
                value=node if is_new else native.NULL,
                where="after" if at else "first",
                point=f"{above}/{_step(wanted[at - 1], module)}" if at else "",
            )


def kept(before: Iterable[Step], after: Iterable[Step]) -> tuple[set[int], set[int]]:
    """Positions in `after` of what `before` has as well; and of as many of them as possible that need not move."""
    places = {step: number for number, step in enumerate(_numbered(after))}
    known = [places[step] for step in _numbered(before) if step in places]
    return set(known), longest_rise(known)


def _numbered(steps: Iterable[Step]) -> Iterator[tuple[Step, int]]:
    """State may hold a value several times, and entries without keys: each time is one of its own."""
    times: Counter[Step] = Counter()
    for step in steps:
        yield step, times[step]
        times[step] += 1


def _creation(schema: native.Schema) -> str:
    """A container without presence cannot be created, since it is there always (RFC 7950 7.5.1)."""
    plain = native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema)
    return "merge" if plain else "create"


def _step(node: native.Node, module: str) -> str:
    """One step of an api-path (RFC 8040 3.5.3). module: of the node around it."""
    schema = native.schema_of(node)
    own = native.module_name(schema)
    name = native.name(schema) if own == module else f"{own}:{native.name(schema)}"
    keys = ",".join(quote(key, safe=_UNRESERVED) for key in pairs.step_of(node))
    return f"{name}={keys}" if pairs.step_of(node) else name


def _rendered(edit: Edit, number: int, source: Writer, target: Writer) -> bytes:
    parts = [f"<edit-id>{number}</edit-id><operation>{edit.operation}</operation>{_path('target', edit.target)}"]
    if edit.point:
        parts.append(_path("point", edit.point))
    if edit.where:
        parts.append(f"<where>{edit.where}</where>")
    text = "".join(parts).encode()
    if edit.value:
        text += b"<value>" + target.whole(edit.value, "") + b"</value>"
    if edit.source:
        text += b"<source-value>" + source.whole(edit.source, "") + b"</source-value>"
    return b"<edit>" + text + b"</edit>"


def _path(name: str, path: str) -> str:
    # What quote leaves alone, and names, need no escape in XML.
    return f"<{name}>{path}</{name}>"
