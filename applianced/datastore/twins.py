"""What an edit may say once only: a node, a list entry, a choice (RFC 7950 7.8, 7.9)."""

from __future__ import annotations

from typing import NamedTuple

from applianced.courtesy import unhurried
from applianced.datastore import native
from applianced.datastore.native import Kind
from applianced.datastore.places import Place
from applianced.errors import ConfigError


class _Traits(NamedTuple):
    """What matters here of a schema node; asked once, not for each of ten thousand entries."""

    kind: Kind
    chosen: bool


def check_tree(first: native.Node) -> None:
    """All that was parsed from one edit, `first` being the first of its siblings. Raises ConfigError "bad-element"."""
    pending = [first] if first else []
    known: dict[native.Schema, _Traits] = {}
    while pending:
        before = native.NULL
        chosen: dict[object, tuple[object, str]] = {}
        siblings = pending.pop()
        for node in unhurried(native.siblings(siblings)):
            schema = native.schema_of(node)
            traits = known.get(schema)
            if traits is None:
                traits = known[schema] = _Traits(native.kind(schema), native.in_choice(schema))
            # libyang keeps the instances of one schema node together.
            if schema == before and _is_twin(traits.kind, siblings, node):
                raise twice(native.path(node), native.name(schema))
            if traits.chosen:
                _choose(chosen, native.path(node), schema)
            if traits.kind is Kind.CONTAINER or traits.kind is Kind.LIST:
                below = native.first_child(node)
                if below:
                    pending.append(below)
            before = schema


def _is_twin(kind: Kind, siblings: native.Node, node: native.Node) -> bool:
    if kind is Kind.LEAF_LIST:
        return False  # Saying a value twice says nothing else than saying it once.
    return kind is not Kind.LIST or native.first_like(siblings, node) != node


class Told:
    """What an edit has said so far about the children of one node."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, object]] = set()
        self._chosen: dict[object, tuple[object, str]] = {}

    def note(self, place: Place, *, removes: bool) -> None:
        """removes: this element takes its node away. Raises ConfigError "bad-element"."""
        # A container that is said twice is no contradiction: the parts of an edit are often put together so.
        if native.kind(place.schema) not in (Kind.LEAF_LIST, Kind.CONTAINER):
            instance = (native.identity(place.schema), place.keys)
            if instance in self._seen:
                raise twice(place.path, place.name)
            self._seen.add(instance)
        if not removes and native.in_choice(place.schema):
            _choose(self._chosen, place.path, place.schema)


def _choose(chosen: dict[object, tuple[object, str]], path: str, schema: native.Schema) -> None:
    name = native.name(schema)
    for choice, case in native.cases(schema):
        first, other = chosen.setdefault(choice, (case, name))
        if first != case:
            message = f"<{other}> and <{name}> exclude each other: send one of them"
            raise ConfigError(path, message, tag="bad-element", bad_element=name)


def twice(path: str, name: str) -> ConfigError:
    message = f"<{name}> is said twice for this place: say all of it in one element"
    return ConfigError(path, message, tag="bad-element", bad_element=name)
