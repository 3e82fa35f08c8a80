"""An XPath on elements of a request, for many threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from lxml import etree

Element = etree._Element


class Selector:
    """lxml lets one thread at a time evaluate an expression, and holds a lock meanwhile: whoever reads a short request
    would wait until another thread is through with a long one. So each thread has the expression to itself."""

    def __init__(self, expression: str, namespaces: Mapping[str, str] | None = None) -> None:
        """expression: one that selects elements."""
        self._expression = expression
        self._namespaces = dict(namespaces or {})
        self._own = threading.local()

    def __call__(self, element: Element) -> list[Element]:
        """What it selects, in document order."""
        evaluate = getattr(self._own, "evaluate", None)
        if evaluate is None:
            evaluate = self._own.evaluate = etree.XPath(self._expression, namespaces=self._namespaces)
        found: Any = evaluate(element)
        return list(found)
