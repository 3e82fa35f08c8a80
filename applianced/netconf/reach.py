"""How far a filter reaches: which containers can be in its answer, told before the data are there.

Finding out the state costs time (a list of 50,000 gates: seconds), so nobody finds out what no filter can select. It
is told from the names on the way down alone. What cannot be told is said to be within reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from lxml import etree

from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.xpath import Expression
from applianced.netconf.xmltext import Element

Step = tuple[str, str]
"""Namespace and local name of a container."""

_NAME = r"[^\W\d][\w.-]*"
_PLAIN = re.compile(rf"/({_NAME}):({_NAME})((?:\s*\[\s*(?:{_NAME}:)?{_NAME}\s*=\s*(?:'[^']*'|\"[^\"]*\")\s*\])*)")
"""A step down to a named child, with predicates that compare a child with a text."""
_COMPARED = re.compile(rf"\[\s*(?:{_NAME}:)?({_NAME})")


def steps(path: str, names: Mapping[str, str]) -> Sequence[Step]:
    """The containers of a path as RFC 7951 names it ("module:name/name"). names: module -> namespace."""
    found: list[Step] = []
    namespace = ""
    for part in path.split("/"):
        module, _, name = part.rpartition(":")
        namespace = names.get(module, "") if module else namespace
        found.append((namespace, name))
    return found


def subtree_reaches(elements: Iterable[Element], way: Sequence[Step]) -> bool:
    """Whether a subtree filter (RFC 6241 6.2) can select what is in the container at the end of `way`, or below."""
    if not way:
        return True
    namespace, name = way[0]
    for element in elements:
        given = etree.QName(element)
        if given.localname == name and given.namespace in (namespace, NETCONF_NS, None) and _goes_on(element, way[1:]):
            return True
    return False


def _goes_on(element: Element, way: Sequence[Step]) -> bool:
    # Content match nodes alone select all beside them; beside other children they only restrict.
    selecting = [child for child in element if isinstance(child.tag, str) and not _is_content_match(child)]
    return not selecting or subtree_reaches(selecting, way)


def _is_content_match(element: Element) -> bool:
    return len(element) == 0 and bool((element.text or "").strip())


def xpath_reaches(expression: Expression, way: Sequence[Step]) -> bool:
    """Whether an XPath can select, or has to look at, what is in the container at the end of `way`, or below."""
    known, compared, rest = [], [], expression.text
    while found := _PLAIN.match(rest):
        known.append((expression.namespaces.get(found[1], ""), found[2]))
        compared.append(_COMPARED.findall(found[3]))
        rest = rest[found.end() :]
    if rest and not _stays_below(rest):
        return True
    for at, (one, other) in enumerate(zip(known, way, strict=False)):
        if one != other:
            return False
        if at + 1 < len(way) and way[at + 1][1] in compared[at]:
            return True
    return True


def _stays_below(rest: str) -> bool:
    """Whether what follows the plain steps leads only further down: no step up, no other path, no function."""
    return bool(re.fullmatch(rf"(?://?(?:{_NAME}:)?(?:{_NAME}|\*))*", rest))
