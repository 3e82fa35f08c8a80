"""What differs between two configurations, as an operator would type it: one `set`, `delete` or `insert` per line.

    set applications application ftp-2121 destination-port 2121
    delete security nat source rule-set outbound
    insert security policies from-zone lan to-zone wan policy web after policy ftp

A line says the whole path, by the names of the nodes and the keys of the entries. `set` gives a leaf its value, or
makes an entry that has nothing but its keys, behind the others of its list; `delete` takes away all that is below;
`insert` moves an entry of a list that the user orders behind another one, or to the place `first`. In this order, the
lines lead from the one to the other. Values that nobody configured do not count.

libyang finds instances and skips what is the same, but lyd_diff_siblings is not used: 2.1.30 fails on a key that holds
both kinds of quotes in a list that the user orders, and misplaces what follows an empty value in a leaf-list.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from applianced.datastore import native
from applianced.datastore.native import Kind
from applianced.datastore.pairs import configured, counterpart
from applianced.datastore.places import is_configured
from applianced.datastore.tree import Tree

_PLAIN = re.compile(r"[\w./:@%+,=*$!?~^-]+")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
Words = tuple[str, ...]


def differ(before: Tree, after: Tree) -> bool:
    """Whether two configurations differ in what somebody configured."""
    return next(changes(before, after), None) is not None


def differ_at(before: native.Node, after: native.Node) -> bool:
    """`differ` of one node in two trees, NULL where a tree has none."""
    present = [bool(node) and is_configured(node) for node in (before, after)]
    if not all(present):
        return any(present)
    return not native.is_same(after, before) and next(_changed(after, before, ()), None) is not None


def changes(before: Tree, after: Tree) -> Iterator[str]:
    """The lines that lead from one configuration to the other; others may read both trees meanwhile."""
    return _level(native.first_sibling(before.first), native.first_sibling(after.first), ())


def _level(before: native.Node, after: native.Node, above: Words) -> Iterator[str]:
    """Two sets of siblings below the path `above`."""
    for node in configured(before):
        if not counterpart(after, node):
            yield _line("delete", (*above, *_step(node)))
    ordered: dict[int, native.Schema] = {}
    for node in configured(after):
        schema = native.schema_of(node)
        other = counterpart(before, node)
        if not other:
            yield from _created(node, above)
        elif not native.is_same(node, other):
            yield from _changed(node, other, above)
        if native.is_user_ordered(schema):
            ordered[native.identity(schema)] = schema
    for schema in ordered.values():
        yield from _moved(before, after, schema, above)


def _changed(node: native.Node, other: native.Node, above: Words) -> Iterator[str]:
    """A node that both have, now `node` and formerly `other`."""
    if native.kind(native.schema_of(node)) in (Kind.CONTAINER, Kind.LIST):
        yield from _level(native.first_child(other), native.first_child(node), (*above, *_step(node)))
    elif native.value(node) != native.value(other):
        yield from _created(node, above)


def _created(node: native.Node, above: Words) -> Iterator[str]:
    words = (*above, *_step(node))
    match native.kind(native.schema_of(node)):
        case Kind.CONTAINER | Kind.LIST:
            inner = list(configured(native.first_child(node)))
            if not inner:
                yield _line("set", words)
            for child in inner:
                yield from _created(child, words)
        case Kind.LEAF:
            yield _line("set", (*words, *_value(node)))
        case _:
            yield _line("set", words)


def _moved(before: native.Node, after: native.Node, schema: native.Schema, above: Words) -> Iterator[str]:
    """Moves that put the entries of a user-ordered list in order, once deletions and creations are done: as few of
    those that were there before as possible."""
    wanted = [node for node in native.siblings(after) if native.schema_of(node) == schema]
    place = {native.identity(node): number for number, node in enumerate(wanted)}
    found = [native.first_like(after, node) for node in native.siblings(before) if native.schema_of(node) == schema]
    kept = [place[native.identity(node)] for node in found if node]
    staying = longest_rise(kept)
    # What was created stands at the end already.
    staying |= set(range(max(staying, default=-1) + 1, len(wanted))) - set(kept)
    for number, node in enumerate(wanted):
        if number not in staying:
            where = ("after", *_step(wanted[number - 1])) if number else ("first",)
            yield _line("insert", (*above, *_step(node), *where))


def longest_rise(numbers: Sequence[int]) -> set[int]:
    """The members of a longest increasing subsequence of distinct numbers."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    rise, member = set(), ends[-1] if ends else None
    while member is not None:
        rise.add(member)
        member = before[member]
    return rise


def _step(node: native.Node) -> Words:
    """The words of one node: its name, then the keys of an entry or the value in a leaf-list."""
    schema = native.schema_of(node)
    match native.kind(schema):
        case Kind.LIST:
            keys = (child for child in native.children(node) if native.is_key(native.schema_of(child)))
            return (native.name(schema), *(word for key in keys for word in _value(key)))
        case Kind.LEAF_LIST:
            return (native.name(schema), *_value(node))
        case _:
            return (native.name(schema),)


def _value(node: native.Node) -> Words:
    """A leaf's value as a word, none for type empty."""
    schema = native.schema_of(node)
    if native.is_empty(schema):
        return ()
    value = native.value(node)
    word = value.rpartition(":")[2] if native.is_identity(schema) else value
    return (word if _PLAIN.fullmatch(word) else f'"{word.translate(_ESCAPES)}"',)


def _line(verb: str, words: Words) -> str:
    return " ".join((verb, *words))
