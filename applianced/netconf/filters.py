"""The parameter <filter> (RFC 6241 6, 8.9), and the answer to it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, cast

from lxml import etree

from applianced.datastore import native, subtree, xpath
from applianced.datastore.edit import NETCONF_NS
from applianced.datastore.models import Models
from applianced.datastore.subtree import TooManyLooksError
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.datastore.xpath import Expression, ExpressionError
from applianced.netconf.messages import RpcError, bad
from applianced.netconf.reach import steps, subtree_reaches, xpath_reaches
from applianced.netconf.xmltext import Element
from applianced.northbound.threads import run_in

SLOW_MAX = 2
"""XPath and other filters evaluated at once; one that takes long must not keep commits from their threads."""
_EVALUATING = ThreadPoolExecutor(SLOW_MAX, thread_name_prefix="filter")
ELEMENTS_MAX = 150_000
"""Elements of a subtree filter: it may name 50,000 entries by their keys and select a leaf of each."""
TEXT_MAX = 4 << 20
"""Characters of all texts in a subtree filter."""
BIG = 1000
"""Elements from which on a filter is looked at off the event loop alone."""
_ELEMENTS, _CHARACTERS = etree.XPath("count(descendant::*)"), etree.XPath("string-length(.)")
"""For the event loop, which must not wait for another thread that evaluates them (datastore.selector)."""
QUICK_LOOKS = 2000
"""Nodes that a subtree filter looks at on the event loop: a few milliseconds."""


class Filter(NamedTuple):
    """What is wanted: the children of a subtree filter, or an XPath; with neither, everything.

    place: the error-info that says where the XPath stands. big: there is much of it.
    """

    elements: Sequence[Element] | None = None
    expression: Expression | None = None
    place: str = ""
    big: bool = False

    @classmethod
    def read(cls, models: Models, element: Element | None) -> Filter:
        """<filter> of <get> and <get-config>. Raises RpcError."""
        if element is None:
            return cls()
        kind = _attribute(element, "type") or "subtree"
        if kind == "subtree":
            if _attribute(element, "select") is not None:
                message = 'select is for a filter of type "xpath": give the filter that type, or leave select out'
                raise RpcError("bad-attribute", message, info=_place("select"))
            return cls.subtree(element)
        if kind != "xpath":
            message = f'filter type "{kind}" is not offered: use "subtree" or "xpath"'
            raise RpcError("bad-attribute", message, info=_place("type"))
        text = _attribute(element, "select")
        if text is None:
            message = 'a filter of type "xpath" needs the attribute select: write the XPath there'
            raise RpcError("missing-attribute", message, info=_place("select"))
        return cls.xpath(models, text, element, _place("select"))

    @classmethod
    def subtree(cls, element: Element) -> Filter:
        """A subtree filter. Raises RpcError."""
        count, characters = (cast(float, measure(element)) for measure in (_ELEMENTS, _CHARACTERS))
        if count > ELEMENTS_MAX or characters > TEXT_MAX:
            message = (
                f"a subtree filter has at most {ELEMENTS_MAX} elements and {TEXT_MAX} characters: name what holds the "
                "others, or ask in several requests"
            )
            raise RpcError("too-big", message)
        return cls(elements=list(element), big=count > BIG)

    @classmethod
    def xpath(cls, models: Models, text: str, element: Element, place: str) -> Filter:
        """An XPath with the namespaces in scope on `element`. Raises RpcError."""
        try:
            return cls(expression=xpath.read(models, text, element.nsmap), place=place)
        except ExpressionError as error:
            raise _refused(error, place) from None

    def may_select(self, namespace: str) -> bool:
        """Whether top-level data of a module can be in the answer."""
        if self.elements is None or self.big:
            return True
        return any(etree.QName(element).namespace in (namespace, NETCONF_NS, None) for element in self.elements)

    def reaches(self, models: Models, path: str) -> bool:
        """Whether what is in a container can be in the answer; the container as of northbound.state.Wanted."""
        way = steps(path, models.names)
        if self.expression is not None:
            return xpath_reaches(self.expression, way)
        return self.elements is None or self.big or subtree_reaches(self.elements, way)

    @property
    def broad(self) -> bool:
        """Whether it may select much: nothing in it says which value is wanted."""
        elements = self.elements or ()
        return self.big or not any(
            node.text and not node.text.isspace() for element in elements for node in element.iter()
        )

    async def found(self, models: Models, roots: Sequence[native.Node], writer: Writer) -> bytes:
        """As `select`, off the event loop when it turns out to take long."""
        if self.elements is None:
            return writer.all_of(roots)
        try:
            if not self.big:
                return subtree.select(models, roots, self.elements, writer, QUICK_LOOKS)
        except TooManyLooksError:
            pass
        return await run_in(_EVALUATING, partial(self.select, models, roots, writer))

    def select(self, models: Models, roots: Sequence[native.Node], writer: Writer) -> bytes:
        """The answer to a filter that is no XPath, from the top-level nodes of one tree or several."""
        if self.elements is None:
            return writer.all_of(roots)
        return subtree.select(models, roots, self.elements, writer)

    async def evaluate(self, tree: Tree, writer: Writer) -> bytes:
        """The answer to an XPath, off the event loop. Raises RpcError."""
        assert self.expression is not None
        try:
            return await run_in(_EVALUATING, partial(xpath.select, tree, self.expression, writer))
        except ExpressionError as error:
            raise _refused(error, self.place) from None


def _refused(error: ExpressionError, place: str) -> RpcError:
    tag = "invalid-value" if error.tag == "bad-attribute" and "bad-attribute" not in place else error.tag
    return RpcError(tag, error.message, info="" if tag in ("too-big", "resource-denied") else place)


def _attribute(element: Element, name: str) -> str | None:
    """Clients qualify the attributes of <filter> or do not."""
    return element.get(name, element.get(f"{{{NETCONF_NS}}}{name}"))


def _place(attribute: str) -> str:
    return bad("attribute", attribute) + bad("element", "filter")
