"""Transaction ids (draft-ietf-netconf-transaction-id): which state of the running datastore last changed each node.

Versioned nodes are the datastore's root, containers and list entries; a leaf belongs to the one around it. A table says
for each the number of the state that changed it or anything below it. It holds only what differs from a default, its
`floor`, and what was made whole stands for all below it: a table is as large as what changed, not as the datastore.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from applianced.datastore import native, pairs
from applianced.datastore.native import Kind
from applianced.datastore.tree import Tree

HISTORY_MAX = 1000
"""States whose order is remembered; of older ones only those that some node still has."""
_SWEPT_FROM = 1000
NAMESPACE = "urn:ietf:params:xml:ns:netconf:txid:1.0"
UNKNOWN, MATCH, ASK = "!", "=", "?"
"""Of a node that is changed in a candidate; of one that is left out of an answer; what asks for ids."""


class Mechanism(Enum):
    """Attributes that carry an id."""

    ETAG = "etag"
    LAST_MODIFIED = "last-modified"


class State(NamedTuple):
    """A state of running that somebody has been told of. last_modified: yang:date-and-time."""

    etag: str
    last_modified: str

    def text(self, mechanism: Mechanism) -> str:
        return self.etag if mechanism is Mechanism.ETAG else self.last_modified


class Found(NamedTuple):
    """Where a versioned node stands in a table. made: the newest state that made it, or something around it, whole."""

    key: str
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Ids of one state of running. Never changed once made.

    newest: the number of that state, which is the root's. states: by number. touched: by key, the newest state that
    changed something there; made: that made the node with all below it. floor: of every node that is in neither.
    swept: how many keys there were when those of nodes that are gone were last taken out.
    """

    newest: int
    floor: int
    states: Mapping[int, State]
    touched: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    swept: int = 0
    _numbers: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        texts = {text: number for number, state in self.states.items() for text in state}
        object.__setattr__(self, "_numbers", texts)

    def root(self) -> Found:
        return Found("", self.floor)

    def below(self, above: Found, node: native.Node) -> Found:
        """A versioned node, given the one around it."""
        key = f"{above.key}/{_step(node)}"
        return Found(key, max(above.made, self.made.get(key, 0)))

    def find(self, node: native.Node) -> Found:
        """The versioned node that a node is or belongs to; NULL is the root."""
        chain = []
        while node:
            if native.kind(native.schema_of(node)) in (Kind.CONTAINER, Kind.LIST):
                chain.append(node)
            node = native.parent(node)
        found = self.root()
        for each in reversed(chain):
            found = self.below(found, each)
        return found

    def number(self, found: Found) -> int:
        """The state that last changed a versioned node."""
        return self.newest if not found.key else max(found.made, self.touched.get(found.key, 0))

    def text(self, found: Found, mechanism: Mechanism) -> str:
        """The id of a versioned node."""
        return self.states[self.number(found)].text(mechanism)

    def numbered(self, given: str) -> int:
        """The number of the state that an id stands for, 0 when there is none. Who has that state, or a later one than
        a node's, has the node as it is."""
        return 0 if given in (UNKNOWN, MATCH, ASK) else self._numbers.get(given, 0)


def advance(table: Table, before: Tree, after: Tree, state: State) -> Table:
    """The table once `before`, whose table this is, has become `after`, which is `state`; the same table when nothing
    differs. Off the event loop: it takes some microseconds for each entry of a list in which something differs."""
    number = max(table.states) + 1
    walk = _Walk(number, dict(table.touched), dict(table.made))
    if not walk.level(native.first_sibling(before.first), native.first_sibling(after.first), ""):
        return table
    touched, made, swept = walk.touched, walk.made, table.swept
    if len(touched) + len(made) > 2 * swept + _SWEPT_FROM:
        there = frozenset(_keys(after))
        touched = {key: at for key, at in touched.items() if key in there}
        made = {key: at for key, at in made.items() if key in there}
        swept = len(touched) + len(made)
    states = _kept(table, {*touched.values(), *made.values()}, number, state)
    return Table(newest=number, floor=table.floor, states=states, touched=touched, made=made, swept=swept)


def first(state: State) -> Table:
    """A table in which every node has the one state that there is."""
    return Table(newest=1, floor=1, states={1: state})


def _kept(table: Table, used: set[int], number: int, state: State) -> dict[int, State]:
    oldest = number - HISTORY_MAX
    kept = {at: each for at, each in table.states.items() if at > oldest or at in used or at == table.floor}
    return {**kept, number: state}


class _Walk:
    def __init__(self, number: int, touched: dict[str, int], made: dict[str, int]) -> None:
        self.number = number
        self.touched = touched
        self.made = made

    def level(self, before: native.Node, after: native.Node, above: str) -> bool:
        """Whether anything differs among these siblings or below them."""
        changed = any(pairs.ordered(before, each) != pairs.ordered(after, each) for each in pairs.user_ordered(after))
        for pair in pairs.differing(before, after):
            changed = self.pair(pair, above) or changed
        return changed

    def pair(self, pair: pairs.Pair, above: str) -> bool:
        node = pair.after or pair.before
        kind = native.kind(native.schema_of(node))
        if kind not in (Kind.CONTAINER, Kind.LIST):
            return not (pair.before and pair.after and native.value(pair.before) == native.value(pair.after))
        key = f"{above}/{_step(node)}"
        if not pair.after and kind is Kind.LIST:
            return True
        if not (pair.before and pair.after):
            # A container of which nothing is left is still there for a reader, empty: who had it does not have that.
            self.made[key] = self.number
            return True
        if self.level(native.first_child(pair.before), native.first_child(pair.after), key):
            self.touched[key] = self.number
            return True
        return False


def _keys(tree: Tree) -> Iterator[str]:
    """Of every versioned node."""
    pending = [(root, "") for root in tree.roots()]
    while pending:
        node, above = pending.pop()
        if native.kind(native.schema_of(node)) in (Kind.CONTAINER, Kind.LIST):
            key = f"{above}/{_step(node)}"
            yield key
            pending.extend((child, key) for child in native.children(node))


def _step(node: native.Node) -> str:
    """No two nodes with the same around them have the same; "/" and control characters keep the parts apart."""
    schema = native.schema_of(node)
    keys = "".join(f"\x1f{key.replace('/', chr(0x1E))}" for key in pairs.step_of(node))
    return f"{native.module_name(schema)}:{native.name(schema)}{keys}"
