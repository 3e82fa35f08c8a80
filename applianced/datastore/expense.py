"""How long an XPath may take, told from its text.

libyang cannot be stopped once it evaluates. A step looks at each node of the data once; but a predicate that leaves
the node it stands at, and the axes following and preceding, look at all of the data for each node that they are
evaluated for, and nested ones again for each of those.
"""

from __future__ import annotations

import re

from applianced.datastore import native
from applianced.datastore.tree import Tree

VISITS_MAX = 25_000_000
"""Nodes that an evaluation may look at. 10 to 600 ns each were measured: 15 s at the very worst, mostly under 1 s."""
_TOKEN = re.compile(
    r"""'[^']*'|"[^"]*"|(?P<open>\[)|(?P<close>\])"""
    r"""|(?P<axis>\b(?:following|preceding)(?:-sibling)?\s*::)"""
    r"""|(?P<away>//|\.\.|\b(?:parent|ancestor(?:-or-self)?|descendant(?:-or-self)?)\s*::|\b(?:current|deref)\s*\()"""
    r"""|(?P<slash>/)|\s+|[\w.-]+|."""
)
_OPERAND = re.compile(r"(?!(?:and|or|div|mod)$).*[\w.)\]-]$")
"""A token with which something ends that a slash continues. Where it could begin a path at the root, it does."""


def degree(text: str) -> int:
    """How many times over an expression may look at all of the data: 1 for once, 2 for once per node, and so on."""
    nested, wide, deepest, before = 0, [0], 0, ""
    for found in _TOKEN.finditer(text):
        part = found[0]
        if part.isspace():
            continue
        if found["open"]:
            wide.append(0)
        elif found["close"]:
            if len(wide) > 1:
                wide.pop()
        elif found["axis"]:
            wide[-1] = max(wide[-1], 1)
        elif len(wide) > 1 and (found["away"] or (found["slash"] and not _OPERAND.match(before))):
            wide[-1] = 1
        nested = sum(wide)
        deepest = max(deepest, nested)
        # A star is a name, unless it stands where an operator must.
        before = "name" if part == "*" and not _OPERAND.match(before) else part
    return 1 + deepest


def size(tree: Tree, limit: int) -> int:
    """Nodes of a tree, counted no further than `limit`."""
    pending, count = [native.first_sibling(tree.first)], 0
    while pending and count < limit:
        for node in native.siblings(pending.pop()):
            count += 1
            below = native.first_child(node)
            if below:
                pending.append(below)
    return count


def affordable(tree: Tree, text: str) -> bool:
    """Whether an evaluation on this tree ends within VISITS_MAX."""
    power = degree(text)
    if power == 1:
        return True
    side: int = round(VISITS_MAX ** (1 / power))
    return size(tree, side + 1) <= side
