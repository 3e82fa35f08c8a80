"""Siblings of two trees side by side: which nodes differ, found without a look at each of those that do not.

Only what somebody configured counts, and keys never do: they say which entry it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from applianced.datastore import native
from applianced.datastore.native import Kind
from applianced.datastore.places import is_configured


class Pair(NamedTuple):
    """The same instance in both trees; NULL where one does not have it."""

    before: native.Node
    after: native.Node


def differing(before: native.Node, after: native.Node) -> Iterator[Pair]:
    """Pairs that may differ, from two sets of siblings given by their first nodes (NULL for none).

    As long as both sets are in the same order, which is what an edit leaves behind, a pair that is the same costs one
    comparison in C.
    """
    one, other = _counted(before), _counted(after)
    while one and other:
        if native.is_same(one, other):
            one, other = native.following(one), native.following(other)
            continue
        one, other = _counted(one), _counted(other)
        if not (one and other):
            break
        if _same_instance(one, other):
            yield Pair(one, other)
            one, other = native.following(one), native.following(other)
        elif not counterpart(after, one):
            yield Pair(one, native.NULL)
            one = native.following(one)
        elif not counterpart(before, other):
            yield Pair(native.NULL, other)
            other = native.following(other)
        else:
            break
    yield from _searched(before, after, one, other)


def _searched(before: native.Node, after: native.Node, one: native.Node, other: native.Node) -> Iterator[Pair]:
    """From `one` and `other` on, each node is looked up: the order differs."""
    for node in configured(one):
        if not counterpart(after, node):
            yield Pair(node, native.NULL)
    for node in configured(other):
        mate = counterpart(before, node)
        if not mate or not native.is_same(mate, node):
            yield Pair(mate, node)


def same(one: native.Node, other: native.Node) -> bool:
    """Whether two instances hold the same, order included where it means something."""
    if native.is_same(one, other):
        return True
    schema = native.schema_of(one)
    if native.kind(schema) not in (Kind.CONTAINER, Kind.LIST):
        return native.value(one) == native.value(other)
    first, second = native.first_child(one), native.first_child(other)
    if any(not (pair.before and pair.after and same(*pair)) for pair in differing(first, second)):
        return False
    return all(ordered(first, each) == ordered(second, each) for each in user_ordered(first))


def ordered(first: native.Node, schema: native.Schema) -> list[tuple[str, ...]]:
    """The instances of a list or leaf-list among siblings, in their order, by their keys or values."""
    return [step_of(node) for node in configured(first) if native.schema_of(node) == schema]


def user_ordered(*firsts: native.Node) -> list[native.Schema]:
    """Schemas of the lists and leaf-lists among these siblings whose order the user gives."""
    found: dict[int, native.Schema] = {}
    for first in firsts:
        for node in native.siblings(first):
            schema = native.schema_of(node)
            if native.is_user_ordered(schema):
                found[native.identity(schema)] = schema
    return list(found.values())


def step_of(node: native.Node) -> tuple[str, ...]:
    """What tells an instance from the others of its schema node: keys of an entry, value in a leaf-list."""
    match native.kind(native.schema_of(node)):
        case Kind.LIST:
            keys = (child for child in native.children(node) if native.is_key(native.schema_of(child)))
            return tuple(native.value(key) for key in keys)
        case Kind.LEAF_LIST:
            return (native.value(node),)
        case _:
            return ()


def counterpart(among: native.Node, node: native.Node) -> native.Node:
    """The same instance among other siblings, if somebody configured it; NULL otherwise."""
    found = instance(among, node)
    return found if found and is_configured(found) else native.NULL


def instance(among: native.Node, node: native.Node) -> native.Node:
    """The same instance among other siblings, whoever put it there; NULL otherwise."""
    if not among:
        return native.NULL
    schema = native.schema_of(node)
    by_value = native.kind(schema) in (Kind.LIST, Kind.LEAF_LIST)
    return native.first_like(among, node) if by_value else native.find(among, schema)


def configured(first: native.Node) -> Iterator[native.Node]:
    """A node and those that follow it, without keys and what nobody configured."""
    return (node for node in native.siblings(first) if counts(node))


def _counted(node: native.Node) -> native.Node:
    """The first from here on that counts, NULL when there is none."""
    while node and not counts(node):
        node = native.following(node)
    return node


def counts(node: native.Node) -> bool:
    """Whether a node says something: it is no key, and somebody configured it."""
    return not native.is_key(native.schema_of(node)) and is_configured(node)


def _same_instance(one: native.Node, other: native.Node) -> bool:
    return bool(native.schema_of(one) == native.schema_of(other)) and step_of(one) == step_of(other)
