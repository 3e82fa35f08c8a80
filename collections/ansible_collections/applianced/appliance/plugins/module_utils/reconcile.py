# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a state makes of what is there, and the edit that leads from the one to the other. Plain trees (see codec)."""

from __future__ import annotations

from bisect import bisect_left

from ansible_collections.applianced.appliance.plugins.module_utils.codec import (
    GONE,
    element,
    encode,
    key_leaves,
    leaf,
    tagged,
)
from ansible_collections.applianced.appliance.plugins.module_utils.lines import anchor_attribute
from ansible_collections.applianced.appliance.plugins.module_utils.schema import CONTAINER, LEAF, LEAF_LIST, LIST

REMOVE = ' nc:operation="remove"'


# --- states ------------------------------------------------------------------------------------------------------


def merged(node, have, given):
    """A container or an entry, with what is given laid over what is there; what is GONE is taken away."""
    want = dict(have)
    for name, value in given.items():
        if value is GONE:
            want.pop(name, None)
        else:
            want[name] = _merged_value(node.children[name], want.get(name), value)
    return want


def _merged_value(node, have, given):
    if node.kind == LIST:
        have = have or {}
        return {**have, **{key: merged(node, have.get(key, {}), entry) for key, entry in given.items()}}
    if node.kind == LEAF_LIST:
        return [*(have or []), *(text for text in given if text not in (have or []))]
    return merged(node, have or {}, given) if node.kind == CONTAINER else given


def replaced(node, have, given):
    """Each entry, container or leaf that is given is as given; the others are left alone."""
    want = dict(have)
    for name, value in given.items():
        if value is GONE:
            want.pop(name, None)
        elif node.children[name].kind == LIST:
            want[name] = {**have.get(name, {}), **_present(value)}
        else:
            want[name] = _present(value)
    return want


def _present(value):
    """A plain tree without what is GONE."""
    if not isinstance(value, dict):
        return value
    return {name: _present(below) for name, below in value.items() if below is not GONE}


def deleted(node, have, given):
    """Without the entries, containers and leaves that are given; without anything when nothing is given.

    Where entries are named within an entry, these go, and it goes with them when nothing else is left of it.
    """
    if not given:
        return {}
    want = dict(have)
    for name, value in given.items():
        left = _left(node.children[name], want.pop(name, None), value)
        if left is not None:
            want[name] = left
    return {name: want[name] for name in have if name in want}


def _left(node, have, given):
    """What is left of a child, None for nothing."""
    if have is None or not given or node.kind == LEAF:
        return None
    if node.kind == LEAF_LIST:
        return [text for text in have if text not in given]
    if node.kind == CONTAINER:
        return deleted(node, have, given)
    entries = {key: _left_of_entry(node, entry, given[key]) if key in given else entry for key, entry in have.items()}
    return {key: entry for key, entry in entries.items() if entry is not None}


def _left_of_entry(node, have, given):
    below = _entries_within(node, given)
    if not below:
        return None
    left = deleted(node, have, below)
    others = [name for name, value in left.items() if name not in given and (value or node.children[name].presence)]
    others += [name for name in below if left.get(name)]
    return left if others else None


def _entries_within(node, given):
    """The part of an entry that names entries further down."""
    found = {}
    for name, value in given.items():
        child = node.children[name]
        below = value if child.kind == LIST else _entries_within(child, value) if child.kind == CONTAINER else None
        if below:
            found[name] = below
    return found


def overridden(node, have, given):
    """As given, and nothing else."""
    return given


STATES = {"merged": merged, "replaced": replaced, "overridden": overridden, "deleted": deleted}
"""By name: (node, have, given) -> want, for the children of a container."""


# --- edits -------------------------------------------------------------------------------------------------------


def edit(node, have, want):
    """XML of the edit below a node that leads from `have` to `want`, "" when there is nothing to do. Prefixes nc and
    yang are declared around it."""
    parts = []
    for name in (*have, *(name for name in want if name not in have)):
        child = node.children[name]
        parts.append(_EDITS[child.kind](node, child, have.get(name), want.get(name)))
    return "".join(parts)


def _edit_leaf(parent, node, have, want):
    if have == want:
        return ""
    return tagged(parent, node, "", REMOVE) if want is None else leaf(parent, node, want)


def _edit_leaf_list(parent, node, have, want):
    have, want = have or [], want or []
    gone = "".join(leaf(parent, node, text, REMOVE) for text in have if text not in want)
    kept = [text for text in have if text in want]
    if not node.ordered or kept == want[: len(kept)]:
        return gone + element(parent, node, [text for text in want if text not in have])
    # Each in its turn goes to the end, so that the last is last.
    return gone + element(parent, node, want, ' yang:insert="last"')


def _edit_container(parent, node, have, want):
    if want is None:
        return tagged(parent, node, "", REMOVE)
    inner = edit(node, have or {}, want)
    return tagged(parent, node, inner) if inner or (node.presence and have is None) else ""


def _edit_list(parent, node, have, want):
    have, want = have or {}, want or {}
    parts = [tagged(parent, node, key_leaves(node, key), REMOVE) for key in have if key not in want]
    moves = _moves(list(have), list(want)) if node.ordered else {}
    for key, entry in want.items():
        place = _place(node, moves[key]) if key in moves else ""
        if key not in have:
            parts.append(tagged(parent, node, encode(node, entry), place))
        elif (inner := edit(node, have[key], entry)) or place:
            parts.append(tagged(parent, node, key_leaves(node, key) + inner, place))
    return "".join(parts)


_EDITS = {LEAF: _edit_leaf, LEAF_LIST: _edit_leaf_list, CONTAINER: _edit_container, LIST: _edit_list}


def _place(node, after):
    """Attributes that put an entry behind another (RFC 7950 section 7.8.6), or first."""
    if after is None:
        return ' yang:insert="first"'
    return ' yang:insert="after"' + anchor_attribute(node, after)


def _moves(have, want):
    """Which entries have to be put somewhere, in this order, so that those of `want` stand in its order: each with the
    one that it stands behind, None for the first. New ones at the end need not be put anywhere."""
    place = {key: at for at, key in enumerate(have)}
    staying = set(_longest_rising([key for key in want if key in place], place))
    last_kept = max((at for at, key in enumerate(want) if key in staying), default=-1)
    moves = {}
    for at, key in enumerate(want):
        if key not in staying and (at < last_kept or key in place):
            moves[key] = want[at - 1] if at else None
    return moves


def _longest_rising(keys, place):
    """The most of `keys` that stand in rising order of their places already."""
    tails, ends, before = [], [], {}
    for key in keys:
        at = bisect_left(tails, place[key])
        before[key] = ends[at - 1] if at else None
        if at == len(tails):
            tails.append(place[key])
            ends.append(key)
        else:
            tails[at], ends[at] = place[key], key
    found, key = [], ends[-1] if ends else None
    while key is not None:
        found.append(key)
        key = before[key]
    return found[::-1]
