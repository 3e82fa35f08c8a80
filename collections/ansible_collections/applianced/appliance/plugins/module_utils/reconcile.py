# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a state makes of what is there, and the edit that leads from the one to the other. Plain trees (see codec)."""

from __future__ import annotations

from bisect import bisect_left

from ansible_collections.applianced.appliance.plugins.module_utils.codec import (
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
    """A container or an entry, with what is given laid over what is there."""
    want = dict(have)
    for name, value in given.items():
        child = node.children[name]
        want[name] = _merged_value(child, want[name], value) if name in want else value
    return want


def _merged_value(node, have, given):
    if node.kind == LIST:
        return {
            **have,
            **{key: merged(node, have[key], entry) if key in have else entry for key, entry in given.items()},
        }
    if node.kind == LEAF_LIST:
        return [*have, *(text for text in given if text not in have)]
    return merged(node, have, given) if node.kind == CONTAINER else given


def replaced(node, have, given):
    """Each entry, container or leaf that is given is as given; the others are left alone."""
    want = dict(have)
    for name, value in given.items():
        entries = node.children[name].kind == LIST
        want[name] = {**have.get(name, {}), **value} if entries else value
    return want


def deleted(node, have, given):
    """Without the entries, containers and leaves that are given; without anything when nothing is given."""
    want = {}
    for name, value in have.items():
        if name not in given:
            if given:
                want[name] = value
        elif node.children[name].kind == LIST and given[name]:
            want[name] = {key: entry for key, entry in value.items() if key not in given[name]}
        elif node.children[name].kind == LEAF_LIST and given[name]:
            want[name] = [text for text in value if text not in given[name]]
    return want


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
