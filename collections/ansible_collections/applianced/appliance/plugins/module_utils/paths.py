# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in the configuration: /applications/application[name='ftp-2121'], modules' names where one likes."""

from __future__ import annotations

from ansible_collections.applianced.appliance.plugins.module_utils import codec
from ansible_collections.applianced.appliance.plugins.module_utils.schema import (
    CONTAINER,
    DATASTORE,
    LEAF_LIST,
    LIST,
    InputError,
    child_of,
)


class Place:
    """A node with the instances above it. steps: (parent, node, key) from the top; the key of the last may be missing
    when it is a list."""

    def __init__(self, steps, path):
        self.steps = steps
        self.path = path

    @property
    def parent(self):
        return self.steps[-1][0]

    @property
    def node(self):
        return self.steps[-1][1]

    @property
    def key(self):
        return self.steps[-1][2]

    def wrapped(self, inner):
        """XML from the top around that of the last step."""
        for parent, node, key in reversed(self.steps[:-1]):
            inner = codec.tagged(parent, node, codec.key_leaves(node, key) + inner)
        return inner

    def instance(self, inner, attributes=""):
        """XML of the last step itself. Raises InputError when it is a list without keys."""
        if self.node.kind == LIST and not self.key:
            raise InputError("path", f"{self.path} names a list: say which entry, as [{self.node.keys[0]}='...']")
        if self.node.kind == LEAF_LIST:
            return codec.leaf(self.parent, self.node, self.key[0] if self.key else "", attributes)
        keys = codec.key_leaves(self.node, self.key) if self.key else ""
        return codec.tagged(self.parent, self.node, keys + inner, attributes)

    def read(self, given, attributes=""):
        """XML of the last step with a value in JSON. Raises InputError."""
        if self.node.kind == LIST and self.key:
            entry = codec.read_container(
                self.node, {**dict(zip(self.node.keys, self.key)), **_mapping(given)}, "config", codec.Json
            )
            if codec.key_of(self.node, entry) != self.key:
                raise InputError("config", f"the keys are not those of {self.path}: leave them out")
            return codec.tagged(self.parent, self.node, codec.encode(self.node, entry), attributes)
        plain = codec.read(self.node, given, "config", codec.Json)
        return "" if plain is None else codec.element(self.parent, self.node, plain, attributes)


def _mapping(given):
    if isinstance(given, dict):
        return given
    raise InputError("config", f"a mapping is needed, this is {codec.described(given)}")


def place_of(path):
    """Raises InputError."""
    node, steps = DATASTORE, []
    for name, predicates in _split(path):
        if node.kind not in (CONTAINER, LIST):
            raise InputError("path", f"{path}: nothing is below {node.name}")
        child = child_of(node, name, "path")
        steps.append((node, child, _key(child, predicates, path)))
        node = child
    if not steps:
        raise InputError("path", f"{path!r} leads nowhere: begin with /")
    open_lists = [step for step in steps[:-1] if step[1].kind == LIST and not step[2]]
    if open_lists:
        raise InputError("path", f"{path}: say which entry of {open_lists[0][1].name}")
    return Place(steps, path)


def _key(node, predicates, path):
    if not predicates:
        return ()
    wanted = node.keys if node.kind == LIST else (".",) if node.kind == LEAF_LIST else ()
    if set(predicates) != set(wanted):
        names = " and ".join(wanted) or "no predicate"
        raise InputError("path", f"{path}: {node.name} goes by {names}")
    return tuple(predicates[name] for name in wanted)


def _split(path):
    """(name, predicates) of each step. Raises InputError."""
    at = 0
    while at < len(path):
        if path[at] != "/":
            raise InputError("path", f"{path!r}: a / is missing at character {at + 1}")
        end = _end_of_name(path, at + 1)
        name, at, predicates = path[at + 1 : end], end, {}
        if not name:
            raise InputError("path", f"{path!r}: a name is missing at character {at + 1}")
        while at < len(path) and path[at] == "[":
            key, value, at = _predicate(path, at)
            predicates[key] = value
        yield name, predicates


def _end_of_name(path, at):
    while at < len(path) and path[at] not in "/[":
        at += 1
    return at


def _predicate(path, at):
    """[name='value'] at a place: name, value, and where it goes on."""
    equals = path.find("=", at)
    quote = path[equals + 1 : equals + 2]
    if equals < 0 or quote not in ("'", '"') or not quote:
        raise InputError("path", f"{path!r}: write [KEY='VALUE'] at character {at + 1}")
    end = path.find(quote + "]", equals + 2)
    if end < 0:
        raise InputError("path", f"{path!r}: {quote}] is missing behind character {equals + 2}")
    return path[at + 1 : equals].strip().rpartition(":")[2], path[equals + 2 : end], end + 2
