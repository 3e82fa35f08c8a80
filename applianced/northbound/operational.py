"""The operational datastore (RFC 8342 5.3): what is in use, and where each value comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from applianced.config.catalogue import predefined_data
from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree

ORIGIN_NS = "urn:ietf:params:xml:ns:yang:ietf-origin"
ORIGINS = frozenset(("intended", "dynamic", "system", "learned", "default", "unknown"))
"""Identities derived from ietf-origin:origin."""


class OperationalDatastore:
    """A copy of everything in one tree, to be closed. `tree` is there from `build` on."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._system: frozenset[int] = frozenset()
        self.tree = Tree(models)

    def build(self, running: Tree, state: Tree, beside: Tree) -> None:
        """Fill it: `running` and `beside` are copied, `state` is used up. It takes some time (3 µs per node)."""
        self.tree.adopt(list(running.roots()))
        self.tree.merge(state)
        self.tree.adopt(list(beside.roots()))
        self._in_use()
        # Last: the nodes are told apart by their addresses, and nobody may get one that was given back.
        system = _system(self._models)
        given = frozenset(native.identity(node) for root in system.roots() for node in _all_below(root))
        # A container that nobody configured is the system's, once it holds something of the system's.
        unused = frozenset(native.identity(root) for root in self.tree.roots() if native.is_default(root))
        self.tree.merge(system)
        self._in_use()
        self._system = given | unused

    def origin(self, node: native.Node) -> str:
        """The origin of a configuration node, a name of ORIGINS."""
        if native.is_default(node):
            return "default"
        return "system" if native.identity(node) in self._system else "intended"

    def close(self) -> None:
        self.tree.close()

    def __enter__(self) -> OperationalDatastore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _in_use(self) -> None:
        for root in list(self.tree.roots()):
            native.complete_below(self._models.context, root)


def _system(models: Models) -> Tree:
    """What the appliance brings along without being configured."""
    if "applianced-applications" not in models.names:
        return Tree(models)
    return Tree.parse(models, json.dumps(predefined_data()).encode(), Form.JSON)


def _all_below(node: native.Node) -> Iterator[native.Node]:
    pending: list[Iterable[native.Node]] = [[node]]
    while pending:
        for each in pending.pop():
            yield each
            pending.append(list(native.children(each)))
