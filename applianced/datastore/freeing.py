"""Trees are freed little by little.

libyang keeps each text once, in a dictionary of the context that one thread has at a time. Freeing a tree in one go
takes it again and again, so quickly that a thread that waits for it, to look up one entry, gets it when all is free:
0.2 s after 300,000 entries.
"""

from __future__ import annotations

from applianced.courtesy import give_way
from applianced.datastore import native

PIECE = 64
"""Nodes that are freed in one go."""


def free(first: native.Node) -> None:
    """Free a whole tree, given the first of its top-level nodes."""
    for top in native.siblings(native.first_sibling(first)):
        _thin(top)
    native.free(first)


def _thin(node: native.Node) -> int:
    """Free what is below a node but for a piece; how many nodes are left there."""
    left = 0
    below = native.first_child(node)
    while below:
        # Keys come first, and are never freed without their entry.
        following = native.following(below)
        size = 1 + (_thin(below) if native.is_inner(below) else 0)
        if left + size > PIECE:
            native.free_subtree(below)
            give_way()
        else:
            left += size
        below = following
    return left
