"""Trees are freed little by little, those of libyang and those of lxml.

libyang keeps each text once, in a dictionary of the context that one thread has at a time. Freeing a tree in one go
takes it again and again, so quickly that a thread that waits for it, to look up one entry, gets it when all is free:
0.2 s after 300,000 entries.
"""

from __future__ import annotations

from itertools import count

from lxml import etree

from applianced.courtesy import give_way
from applianced.datastore import native

Element = etree._Element
PIECE = 64
"""Nodes that are freed in one go."""
_PIECES_AT_ONCE = 16
"""Of XML."""
_IS_PIECE = etree.XPath("not(descendant::*[65] or descendant-or-self::*[@*[65]])")


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


def free_xml(root: Element) -> None:
    """Take a tree apart, in more time, during which others run: lxml frees it in one go."""
    path = [root]
    for freed in count(1):
        if not freed % _PIECES_AT_ONCE:
            give_way()
        above = path[-1]
        first = next(iter(above), None)
        if first is None:
            path.pop()
            if not path:
                return
            path[-1].remove(above)
        elif next(iter(first), None) is None or _IS_PIECE(first):
            above.remove(first)
        else:
            path.append(first)
