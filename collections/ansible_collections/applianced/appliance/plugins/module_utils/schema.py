# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data model of the appliance, as a tree of nodes over the generated table."""

from __future__ import annotations

from difflib import get_close_matches

from ansible_collections.applianced.appliance.plugins.module_utils.schema_table import (
    DATA,
    IDENTITIES,
    MODULES,
    OPERATIONS,
)

CONTAINER, LIST, LEAF, LEAF_LIST = "container", "list", "leaf", "leaf-list"


class InputError(Exception):
    """What was given does not fit the model. path: where, as its author wrote it."""

    def __init__(self, path, message):
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class Node:
    """A data node.

    kind: one of the four above. value: how a leaf's value stands in JSON: int, long (an integer that JSON has as a
    string), bool, empty, identity, mixed (an integer or a name), string. keys: of a list. presence: the container says
    something by being there. ordered: the user orders it. config: it can be configured.
    """

    __slots__ = ("_children", "_table", "config", "keys", "kind", "module", "name", "ordered", "presence", "value")

    def __init__(self, name, table, module, config=True):
        self.name = name
        self.module = table.get("module", module)
        self.kind = table.get("kind", LEAF)
        self.value = table.get("value", "string")
        self.keys = tuple(table.get("keys", ()))
        self.presence = bool(table.get("presence"))
        self.ordered = bool(table.get("ordered"))
        self.config = config and table.get("config", True)
        self._table = table.get("children", {})
        self._children = None

    @property
    def children(self):
        """Child nodes by name."""
        if self._children is None:
            self._children = {name: Node(name, table, self.module, self.config) for name, table in self._table.items()}
        return self._children

    @property
    def namespace(self):
        return MODULES[self.module]

    @property
    def said(self):
        """Whether it says something by being there, and more by its content: true stands for an empty one."""
        return self.presence and not self.flag

    @property
    def flag(self):
        """Whether being there is all it says: a leaf of type empty, a presence container without content."""
        bare = self.presence and not any(child.config for child in self.children.values())
        return self.value == "empty" or (self.kind == CONTAINER and self.config and bare)


class Top(Node):
    """What stands at the top: roots of the data, parameters of an operation. Names may be qualified (RFC 7951 section
    4) and need not be where one name is one node."""

    __slots__ = ()

    def __init__(self, table, module=""):
        Node.__init__(self, "", {"kind": CONTAINER}, module)
        self._children = {}
        for name, entry in table.items():
            owner, _colon, local = name.rpartition(":")
            self._children[local] = Node(local, entry, owner or module)


DATASTORE = Top(DATA)


def said_names(parent=DATASTORE):
    """Names of the arguments for nodes as `Node.said` has them."""
    for node in parent.children.values():
        if node.config:
            if node.said:
                yield node.name.replace("-", "_")
            yield from said_names(node)


def child_of(parent, name, path):
    """A child by its name, with or without its module. Raises InputError that says which names there are."""
    owner, _colon, local = name.rpartition(":")
    child = parent.children.get(local)
    if child is not None and (not owner or owner == child.module):
        return child
    near = get_close_matches(local, parent.children, n=3, cutoff=0.5) or sorted(parent.children)[:20]
    what = parent.name or "the configuration"
    raise InputError(path, f"{name} is nothing that {what} has: use one of {', '.join(near)}")


def operation(name):
    """(module, input, output) of an RPC by name, qualified or not. Raises InputError."""
    for qualified, parts in OPERATIONS.items():
        module, _colon, local = qualified.rpartition(":")
        if name in (qualified, local):
            return module, Top(parts["input"], module), Top(parts["output"], module)
    near = get_close_matches(name, [known.rpartition(":")[2] for known in OPERATIONS], n=3, cutoff=0.5)
    hint = f": use {', '.join(near)}" if near else ": give its XML instead"
    raise InputError("rpc", f"{name} is no operation that this collection knows{hint}")


def identity_module(node, value):
    """The module of an identity that a leaf has as its value; None when none has that name."""
    modules = IDENTITIES.get(value, ())
    return node.module if node.module in modules else next(iter(modules), None)
