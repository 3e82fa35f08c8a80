"""XPath evaluated by libxml2 on a copy of the data: what libyang cannot evaluate, or answers otherwise than XPath 1.0
says.

A copy costs about 3 µs a node. It is a document with all top-level nodes below its root, as the data are; XML would
allow one, but what XSLT makes may have several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from lxml import etree

from applianced.courtesy import unhurried
from applianced.datastore import freeing, native
from applianced.datastore.counting import NODE_TYPES, PART
from applianced.datastore.native import Defaults, Form
from applianced.datastore.tree import Tree

Element = etree._Element
_WITHOUT_TOP = b"""
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/"><xsl:copy-of select="/*/*"/></xsl:template>
</xsl:stylesheet>
"""
_MAY_BE_ROOT = re.compile(r"\.\.|::|node\s*\(|(?<![\w)\]*])\.(?!\d)|/\s*(?:[^\w\s*/@.]|\Z)")
"""Without one of these nothing selects the root."""


class NotPrefixedError(ValueError):
    """A name without a prefix, which would be one without a namespace. Its argument is the name."""


class NotNodesError(ValueError):
    """The expression gives a value, not nodes."""


def parts(text: str) -> list[str]:
    """The expressions that "|" joins, each with its relative paths begun at the root, where a filter stands (RFC 6241
    8.9.1). Faults of syntax stay what they are. Raises NotPrefixedError.

    libxml2 compares each node of one side of "|" with each of the other: so they are joined here.
    """
    found = [""]
    brackets = parentheses = 0
    operand, going = True, False
    """Whether an operand or a step comes next (XPath 1.0 section 3.7), and whether it goes on with a path."""
    for token in PART.finditer(text):
        part, kind, bare = token[0], token.lastgroup, token[0].strip()
        node_type = kind == "called" and token["called"] in NODE_TYPES
        if not bare:
            pass
        elif bare == "|" and not brackets and not parentheses:
            found.append("")
            operand, going, part = True, False, ""
        elif bare == "@" or kind in ("axis", "parent", "self") or node_type or (kind == "name" and operand):
            if kind == "name" and bare != "*" and ":" not in bare and not found[-1].endswith("$"):
                raise NotPrefixedError(bare)
            if operand and not going and not brackets:
                found[-1] += "/"
            operand = going = bare == "@" or kind == "axis"
            parentheses += node_type
        elif kind in ("text", "number") or bare in (")", "]"):
            parentheses -= bare == ")"
            brackets -= bare == "]"
            operand = going = False
        else:
            parentheses += bare == "(" or kind == "called"
            brackets += bare == "["
            operand, going = True, bare in ("/", "//")
        found[-1] += part
    return found


def find(tree: Tree, expressions: Sequence[str], namespaces: Mapping[str, str]) -> list[native.Node] | None:
    """The nodes that any of the expressions selects, in document order; None when one selects the root, which is above
    all of them. Of text that is selected the leaf is found. It may take long: run it off the event loop.

    Raises etree.XPathError, NotNodesError.
    """
    first = native.first_sibling(tree.first)
    text = native.render(first, Form.XML, defaults=Defaults.ALL, siblings=True, empty=True)
    if not text:
        # There is nothing to find but what is wrong with the expressions.
        for expression in expressions:
            _evaluated(etree.ElementTree(etree.Element("none")), expression, namespaces)
        return []
    copy = _copy(text)
    tops = [copy, *copy.itersiblings()]
    try:
        selected: set[Element] = set()
        for expression in expressions:
            if _selects_root(copy.getroottree(), expression, namespaces):
                return None
            selected.update(_evaluated(copy.getroottree(), expression, namespaces))
        above: set[Element] = set()
        for element in unhurried(selected):
            for ancestor in element.iterancestors():
                if ancestor in above:
                    break
                above.add(ancestor)
        return list(_paired(tops, native.siblings(first), selected, above))
    finally:
        for top in tops:
            freeing.free_xml(top)


def _copy(text: bytes) -> Element:
    """The first of the top-level nodes."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    for piece in unhurried(chain((b"<data>",), _pieces(text), (b"</data>",)), 1):
        parser.feed(piece)
    whole = parser.close()
    try:
        return etree.XSLT(etree.XML(_WITHOUT_TOP))(whole).getroot()
    finally:
        freeing.free_xml(whole)


def _pieces(text: bytes, octets: int = 1 << 18) -> Iterator[bytes]:
    return (text[at : at + octets] for at in range(0, len(text), octets))


def _evaluated(document: Any, expression: str, namespaces: Mapping[str, str]) -> Iterable[Element]:
    found: Any = etree.XPath(expression, namespaces=dict(namespaces), regexp=False)(document)
    if not isinstance(found, list):
        raise NotNodesError
    # Attributes and namespaces are none of the data.
    texts = (node.getparent() for node in found if getattr(node, "is_text", False))
    return (node for node in chain(found, texts) if isinstance(node, Element))


def _selects_root(document: Any, expression: str, namespaces: Mapping[str, str]) -> bool:
    """lxml leaves the root out of what it gives."""
    if not _MAY_BE_ROOT.search(expression):
        return False
    try:
        look = etree.XPath(f"boolean(({expression})[not(parent::node())])", namespaces=dict(namespaces), regexp=False)
        return bool(look(document))
    except etree.XPathError:
        return False  # The expression itself tells what is wrong.


def _paired(
    elements: Iterable[Element], nodes: Iterable[native.Node], selected: set[Element], above: set[Element]
) -> Iterator[native.Node]:
    """Of siblings in the copy and in the data: those that are selected, and of those below them."""
    for element, node in unhurried(zip(elements, nodes, strict=True)):
        if element in selected:
            yield node
        if element in above and native.is_inner(node):
            yield from _paired(element, native.children(node), selected, above)
