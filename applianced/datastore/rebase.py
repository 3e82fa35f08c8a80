"""Three configurations into one (draft-ietf-netconf-privcand): what a candidate changed since it was made or updated,
its base, put onto what running has become since.

A node is in conflict when both changed it, to different ends. The node is a leaf; a leaf-list as a whole; an entry or
a presence container that one took away or both made; the order of a list that the user orders. Both having changed a
node to the same end is nothing to resolve. Two nodes of different cases of one choice, each made by one side, are in
conflict, too: they cannot both be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from lxml import etree

from applianced.datastore import native, pairs
from applianced.datastore.native import Form, Kind
from applianced.datastore.places import is_configured
from applianced.datastore.tree import Tree

Steps = list[tuple[str, ...]]


class Resolution(Enum):
    """Which version a node in conflict gets; REVERT: none, the candidate stays as it is."""

    REVERT = "revert-on-conflict"
    PREFER_CANDIDATE = "prefer-candidate"
    PREFER_RUNNING = "prefer-running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A node that both changed. path: its instance path; of an order, that of the list without keys.

    base, candidate, running: what it was and is: a leaf's value, the values of a leaf-list, an entry or container as
    XML, the order of a list as its keys; None where it is not.
    """

    path: str
    base: str | None
    candidate: str | None
    running: str | None


class Rebased(NamedTuple):
    """tree: a new one, for the caller to own; None when conflicts kept it from coming about."""

    tree: Tree | None
    conflicts: list[Conflict]


def rebase(base: Tree, candidate: Tree, running: Tree, resolution: Resolution) -> Rebased:
    """The changes that lead from `base` to `candidate`, made to a copy of `running`. All three stay as they are; others
    may read them meanwhile. Takes about as long as copying `running`."""
    merge = _Merge(running.duplicate(), resolution)
    try:
        merge.level(native.first_sibling(base.first), native.first_sibling(candidate.first), native.NULL)
    except BaseException:
        merge.tree.close()
        raise
    merge.tree.first = native.first_sibling(merge.tree.first)
    if merge.conflicts and resolution is Resolution.REVERT:
        merge.tree.close()
        return Rebased(None, merge.conflicts)
    return Rebased(merge.tree, merge.conflicts)


class _Merge:
    """tree: begins as running, ends as the rebased candidate."""

    def __init__(self, tree: Tree, resolution: Resolution) -> None:
        self.tree = tree
        self.wins = resolution is Resolution.PREFER_CANDIDATE
        self.conflicts: list[Conflict] = []

    def level(self, base: native.Node, ours: native.Node, parent: native.Node) -> None:
        """One level of siblings. base, ours: their first nodes, NULL for none. parent: in `tree`, NULL for the top."""
        lists = pairs.user_ordered(base, ours)
        orders = [
            (schema, pairs.ordered(self.siblings(parent), schema))
            for schema in lists
            if native.kind(schema) is Kind.LIST
        ]
        # In another order, each member is the same.
        leaf_lists = {native.identity(schema): schema for schema in lists if native.kind(schema) is Kind.LEAF_LIST}
        changed = list(pairs.differing(base, ours))
        # What goes makes room for what comes: a choice has one case.
        for before, after in sorted(changed, key=lambda pair: bool(pair.after)):
            node = after or before
            schema = native.schema_of(node)
            if native.kind(schema) is Kind.LEAF_LIST:
                leaf_lists[native.identity(schema)] = schema
            elif _is_plain_container(node):
                self.container(before, after, parent)
            elif not after:
                self.gone(before, parent)
            else:
                self.one(before, after, parent)
        for schema in leaf_lists.values():
            self.leaf_list(base, ours, schema, parent)
        for schema, theirs in orders:
            self.order(_Orders(pairs.ordered(base, schema), pairs.ordered(ours, schema), theirs), schema, parent)

    def siblings(self, parent: native.Node) -> native.Node:
        return native.first_child(parent) if parent else native.first_sibling(self.tree.first)

    # --- one node ----------------------------------------------------------------------------------------------

    def container(self, before: native.Node, after: native.Node, parent: native.Node) -> None:
        """A container without presence is there always, if in nothing but what is in it (RFC 7950 7.5.1)."""
        node = after or before
        theirs = native.find(self.siblings(parent), native.schema_of(node))
        made = not theirs
        if made and not after:
            return
        if made:
            if not self.room_for(after, parent):
                return
            theirs = self.shell(after, parent)
        first, second = (native.first_child(each) if each else native.NULL for each in (before, after))
        self.level(first, second, theirs)
        if made and not native.first_child(theirs):
            self.take_out(theirs)

    def gone(self, before: native.Node, parent: native.Node) -> None:
        """The candidate does not have it any more."""
        theirs = pairs.counterpart(self.siblings(parent), before)
        if theirs and (pairs.same(before, theirs) or self.conflict(before, native.NULL, theirs)):
            self.take_out(theirs)

    def one(self, before: native.Node, after: native.Node, parent: native.Node) -> None:
        """The candidate has made or changed it. Leaf-lists and containers without presence go elsewhere."""
        theirs = pairs.counterpart(self.siblings(parent), after)
        if before and theirs and native.kind(native.schema_of(after)) is not Kind.LEAF:
            self.level(native.first_child(before), native.first_child(after), theirs)
            return
        if theirs and pairs.same(after, theirs):
            return
        if before and pairs.same(before, after):
            return
        alone = pairs.same(before, theirs) if before and theirs else not (before or theirs)
        if alone or self.conflict(before, after, theirs):
            self.put(after, parent)

    def leaf_list(self, base: native.Node, ours: native.Node, schema: native.Schema, parent: native.Node) -> None:
        every = [pairs.ordered(first, schema) for first in (base, ours, self.siblings(parent))]
        before, after, theirs = every if native.is_user_ordered(schema) else map(sorted, every)
        if after in (before, theirs):
            return
        nodes = [node for node in pairs.configured(ours) if native.schema_of(node) == schema]
        if theirs != before:
            shown = [" ".join(value for (value,) in values) or None for values in every]
            path = self.path_below(parent, schema)
            self.conflicts.append(Conflict(path=path, base=shown[0], candidate=shown[1], running=shown[2]))
            if not self.wins:
                return
        if nodes and not self.room_for(nodes[0], parent):
            return
        for node in [node for node in native.siblings(self.siblings(parent)) if native.schema_of(node) == schema]:
            self.take_out(node)
        for node in nodes:
            self.tree.attach(parent, native.duplicate(self.tree.models.context, node, siblings=False))

    def order(self, orders: _Orders, schema: native.Schema, parent: native.Node) -> None:
        """The entries of a list that the user orders, once those that come and go have done so."""
        here = {
            pairs.step_of(node): node
            for node in native.siblings(self.siblings(parent))
            if native.schema_of(node) == schema
        }
        if orders.contradict:
            before, ours, theirs = (" ".join(map(_shown, steps)) for steps in orders)
            path = self.path_below(parent, schema)
            self.conflicts.append(Conflict(path=path, base=before, candidate=ours, running=theirs))
        wanted = orders.woven(here, self.wins)
        if wanted == list(here):
            return
        for above, step in pairwise(wanted):
            native.insert_after(here[above], here[step])
        self.tree.first = native.first_sibling(self.tree.first)

    # --- the tree ----------------------------------------------------------------------------------------------

    def conflict(self, before: native.Node, ours: native.Node, theirs: native.Node) -> bool:
        """Note a conflict; whether the candidate's version is to be taken."""
        node = ours or theirs
        shown = [_text(each) if each else None for each in (before, ours, theirs)]
        self.conflicts.append(Conflict(path=native.path(node), base=shown[0], candidate=shown[1], running=shown[2]))
        return self.wins

    def put(self, node: native.Node, parent: native.Node) -> None:
        """A copy of a node of the candidate, in place of what is there."""
        if not self.room_for(node, parent):
            return
        old = pairs.instance(self.siblings(parent), node)
        if old:
            self.take_out(old)
        self.tree.attach(parent, native.duplicate(self.tree.models.context, node, siblings=False))

    def room_for(self, node: native.Node, parent: native.Node) -> bool:
        """Take out what stands in other cases of the node's choices; False when that is running's own, and stays."""
        others = [
            other
            for schema in native.rivals(native.schema_of(node))
            for other in native.instances(self.siblings(parent), schema)
        ]
        running = next(filter(is_configured, others), native.NULL)
        if running and not self.conflict(native.NULL, node, running):
            return False
        for other in others:
            self.take_out(other)
        return True

    def take_out(self, node: native.Node) -> None:
        self.tree.detach(node)
        native.free_subtree(node)

    def shell(self, node: native.Node, parent: native.Node) -> native.Node:
        """A container as `node`, with nothing in it."""
        schema = native.schema_of(node)
        text = etree.tostring(etree.Element(f"{{{native.namespace(schema)}}}{native.name(schema)}"))
        if parent:
            native.parse_under(self.tree.models.context, parent, text)
        else:
            self.tree.attach(native.NULL, native.parse(self.tree.models.context, text, Form.XML))
        return native.find(self.siblings(parent), schema)

    def path_below(self, parent: native.Node, schema: native.Schema) -> str:
        """Path of a list or leaf-list as a whole."""
        above = native.path(parent) if parent else ""
        module = native.module_name(schema)
        inherited = bool(parent) and native.module_name(native.schema_of(parent)) == module
        return f"{above}/{native.name(schema) if inherited else f'{module}:{native.name(schema)}'}"


class _Orders(NamedTuple):
    """One list's entries by their keys, in three orders."""

    base: Steps
    ours: Steps
    theirs: Steps

    @property
    def contradict(self) -> bool:
        """Both sides moved entries that were there before, and not alike."""
        common = set(self.base) & set(self.ours) & set(self.theirs)
        ours, theirs = _among(self.ours, common), _among(self.theirs, common)
        return self._moved(self.ours) and self._moved(self.theirs) and ours != theirs

    def _moved(self, steps: Steps) -> bool:
        common = set(self.base) & set(steps)
        return _among(steps, common) != _among(self.base, common)

    def woven(self, here: Iterable[tuple[str, ...]], ours_wins: bool) -> Steps:
        """The order of those that are here: that of the side that moved any, with what only the other has made put
        behind what stands before it there."""
        leads = self._moved(self.ours) and (ours_wins or not self._moved(self.theirs))
        main, other = (self.ours, self.theirs) if leads else (self.theirs, self.ours)
        alive = set(here)
        result = [step for step in main if step in alive]
        known, made = set(result), [step for step in other if step in alive and step not in set(result)]
        for step in made:
            at = _place(result, other[: other.index(step)], known)
            known.add(step)
            # Behind what the leading side made there: both added at the same place.
            while at < len(result) and result[at] not in other:
                at += 1
            result.insert(at, step)
        return result


def _place(result: Steps, preceding: Sequence[tuple[str, ...]], known: set[tuple[str, ...]]) -> int:
    """Behind the nearest of those that precede it and are there, 0 when there is none."""
    nearest = next((step for step in reversed(preceding) if step in known), None)
    return 0 if nearest is None else result.index(nearest) + 1


def _among(steps: Steps, chosen: set[tuple[str, ...]]) -> Steps:
    return [step for step in steps if step in chosen]


def _is_plain_container(node: native.Node) -> bool:
    schema = native.schema_of(node)
    return native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema)


def _text(node: native.Node) -> str:
    if native.is_term(native.schema_of(node)):
        return native.value(node)
    return native.render(node, Form.XML).decode()


def _shown(step: tuple[str, ...]) -> str:
    return f"[{', '.join(step)}]"
