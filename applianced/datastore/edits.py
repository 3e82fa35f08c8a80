"""What differs between two configurations, as edits of RFC 6470: which node, and what was done to it.

What both have in common at the two ends of a list is passed over quickly, so that a change of one entry among ten
thousand is found in some milliseconds. Values that nobody configured do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from applianced.datastore import native
from applianced.datastore.compare import longest_rise
from applianced.datastore.models import Models
from applianced.datastore.native import Form, Kind
from applianced.datastore.pairs import counterpart, counts
from applianced.datastore.rendered import fragment
from applianced.datastore.separable import Separable
from applianced.datastore.spare import Difference
from applianced.datastore.tree import Tree

_DEPTHS = (256, 4, 3, 2, 1)
"""How far down nodes are named; the next one is tried when there are too many of them."""


class Edit(NamedTuple):
    """operation: an edit-operation-type of ietf-netconf. target: instance path (RFC 7951 6.11)."""

    operation: str
    target: str


def edits(before: Tree, after: Tree, most: int) -> list[Edit]:
    """What leads from one to the other, in at most `most` edits: too many become edits of the nodes above them.

    Others may read both trees meanwhile.
    """
    found: list[Edit] = []
    for depth in _DEPTHS:
        found = list(islice(_level(before.first, after.first, depth), most + 1))
        if len(found) <= most:
            break
    return found[:most]


def entry_edits(models: Models, difference: Difference, most: int) -> list[Edit]:
    """As `edits`, of two configurations whose difference is known: they are not looked at.

    Not for a list that the user orders. Raises ConfigError.
    """
    changed, (_, members, fresh, gone, *_) = difference
    found: list[Edit] = []
    with (
        Tree.parse(models, fragment(members, gone), Form.JSON) as before,
        Tree.parse(models, fragment(members, fresh), Form.JSON) as after,
    ):
        holders = changed.holder(before.first), changed.holder(after.first)
        for depth in _DEPTHS:
            found = list(islice(_below(*holders, changed, depth), most + 1))
            if len(found) <= most:
                break
    return found[:most]


def _below(before: native.Node, after: native.Node, changed: Separable, depth: int) -> Iterator[Edit]:
    """before, after: what holds the list, NULL where no entry of it is in the difference."""
    around = len(changed.line) - 1
    if depth > around:
        old, new = (native.first_child(holder) if holder else native.NULL for holder in (before, after))
        yield from _level(old, new, depth - around)
        return
    named = after or before
    for _ in range(around - depth):
        named = native.parent(named)
    yield _edit("merge", named)


def _level(before: native.Node, after: native.Node, depth: int) -> Iterator[Edit]:
    """Two sets of siblings. depth: levels to look at from here on."""
    first, other = native.first_sibling(before), native.first_sibling(after)
    old, new = _ends_cut(first, other)
    for node in old:
        if not counterpart(other, node):
            yield _edit("delete", node)
    for node in new:
        former = counterpart(first, node)
        if not former:
            yield _edit("create", node)
        elif not native.is_same(node, former):
            yield from _changed(former, node, depth)
    yield from _moved(old, new, other)


def _changed(before: native.Node, after: native.Node, depth: int) -> Iterator[Edit]:
    if native.kind(native.schema_of(after)) not in (Kind.CONTAINER, Kind.LIST):
        if native.value(before) != native.value(after):
            yield _edit("replace", after)
        return
    inner = _level(native.first_child(before), native.first_child(after), max(depth - 1, 1))
    if depth > 1:
        yield from inner
    elif next(inner, None) is not None:
        yield _edit("merge", after)


def _moved(old: Sequence[native.Node], new: Sequence[native.Node], after: native.Node) -> Iterator[Edit]:
    """Entries of lists that the user orders which stand elsewhere among those that stay."""
    ordered = {id(node): number for number, node in enumerate(new) if native.is_user_ordered(native.schema_of(node))}
    if not ordered:
        return
    place = {native.identity(node): ordered[id(node)] for node in new if id(node) in ordered}
    by_list: dict[int, list[int]] = {}
    for node in old:
        schema = native.schema_of(node)
        found = counterpart(after, node) if native.is_user_ordered(schema) else native.NULL
        if found and native.identity(found) in place:
            by_list.setdefault(native.identity(schema), []).append(place[native.identity(found)])
    for numbers in by_list.values():
        staying = longest_rise(numbers)
        yield from (_edit("merge", new[number]) for number in sorted(numbers) if number not in staying)


def _edit(operation: str, node: native.Node) -> Edit:
    """An edit of a node; of one above it, where a key has both kinds of quotes, which no path can hold."""
    path = native.path(node)
    while "'" in path and '"' in path and native.parent(node):
        operation, node = "merge", native.parent(node)
        path = native.path(node)
    return Edit(operation, path)


def _ends_cut(before: native.Node, after: native.Node) -> tuple[list[native.Node], list[native.Node]]:
    """What two chains of siblings hold between the nodes that they begin with and those that they end with alike."""
    while before and after and native.is_same(before, after):
        before, after = native.following(before), native.following(after)
    old, new = list(native.siblings(before)), list(native.siblings(after))
    while old and new and native.is_same(old[-1], new[-1]):
        old.pop()
        new.pop()
    return [node for node in old if counts(node)], [node for node in new if counts(node)]
