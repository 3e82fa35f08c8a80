"""XPath filters (RFC 6241 8.9), evaluated by libyang where the data stands; nothing is copied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from applianced.datastore import counting, expense, native
from applianced.datastore.models import Models
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer, is_key_leaf
from applianced.errors import ConfigError

LENGTH_MAX = 4096
"""Characters of an expression. How deep one may nest is libyang's limit, 100."""
_PREFIX = re.compile(r"""'[^']*'|"[^"]*"|([^\W\d][\w.-]*):(?=[^\W\d]|\*)""")
_WORD = re.compile(
    r"""'[^']*'|"[^"]*"|(?<![:A-Za-z_-])(?P<mod>mod)|(?P<called>(?:[^\W\d][\w.-]*:{1,2})?[^\W\d][\w.-]*)\s*\("""
)
_UNTRUSTED = re.compile(
    r"""'[^']*'|"[^"]*"|(?P<below>//\s*(?:[a-z-]+\s*::\s*)?node\s*\()|(?P<before>(?<![\w.-])preceding\s*::)"""
)
"""What libyang 2.1.30 answers wrongly: of //node(), with an axis as well, the top alone or nothing; of the axis
preceding too many nodes, or none."""
_OPERAND = re.compile(r"""[\w.)\]*'"]\s*$""")
"""What an operator follows."""
_FUNCTIONS = frozenset(
    {
        *("boolean", "ceiling", "concat", "contains", "count", "current", "derived-from", "derived-from-or-self"),
        *("false", "floor", "last", "normalize-space", "not", "number", "position", "re-match", "round", "starts-with"),
        *("string", "string-length", "substring", "substring-after", "substring-before", "sum", "translate", "true"),
        *("comment", "node", "text", "and", "or", "div"),
    }
)
"""What may stand before a bracket. libyang 2.1.30 reads memory that is not its own, or divides by zero, in bit-is-set,
deref, enum-value, local-name, name, namespace-uri and the operator mod: a request could end the process."""
_ROOT = ("/", ".", "/.")
_HINTS = (
    ("Non-prefixed node", "declare a prefix for its namespace and write prefix:name"),
    ("Unknown XPath function", "those of XPath 1.0 and RFC 7950 section 10 are there"),
    ("maximum nesting", "nest less deeply"),
    ("is not a node set", "select nodes, not a value"),
)


class Expression(NamedTuple):
    """An expression with the namespaces that its prefixes stand for."""

    text: str
    namespaces: Mapping[str, str]

    def by_modules(self, models: Models) -> str:
        """The text with the names of modules as prefixes, as RFC 7951 writes it."""

        def renamed(found: re.Match[str]) -> str:
            prefix = found[1]
            return f"{models.modules[self.namespaces[prefix]].name}:" if prefix in self.namespaces else found[0]

        return _PREFIX.sub(renamed, self.text)


class ExpressionError(ConfigError):
    """An expression that cannot be evaluated.

    tag: "too-big", "resource-denied" for what would take too long, "invalid-value" for what is no node-set,
    "bad-attribute" for all else.
    """


def read(models: Models, text: str, declared: Mapping[str | None, str]) -> Expression:
    """Check what can be checked without data. declared: the XML namespaces in scope. Raises ExpressionError."""
    text = text.strip()
    if len(text) > LENGTH_MAX:
        message = f"the XPath has {len(text)} characters, at most {LENGTH_MAX} are read: ask in several requests"
        raise ExpressionError("", message, tag="too-big")
    if not text:
        raise _refused("the XPath is empty: write what to select")
    _check_safe(text)
    # The prefix xml is always declared; nothing here is in its namespace.
    namespaces = {}
    for found in _PREFIX.finditer(text):
        prefix = found[1]
        if not prefix or prefix in namespaces:
            continue
        namespace = declared.get(prefix)
        if namespace is None:
            raise _refused(f'the prefix "{prefix}" is not declared: add xmlns:{prefix}="NAMESPACE" to the filter')
        if namespace not in models.modules:
            raise _refused(f'no module has the namespace "{namespace}" of the prefix "{prefix}": check its xmlns')
        namespaces[prefix] = namespace
    if predicate := counting.miscounted(models, text):
        message = f'"{predicate}" would count within each of several nodes, which is not offered'
        raise _refused(f"{message}: count the whole, (PATH){predicate}, or name the entries above by their keys")
    return Expression(text, namespaces)


def select(tree: Tree, expression: Expression, writer: Writer) -> bytes:
    """The selected nodes with all below them, their ancestors, and the keys of those, as XML. Raises ExpressionError.

    It may take long: run it off the event loop.
    """
    if expression.text in _ROOT:
        return writer.all_of(tree.roots())
    if not tree.first:
        with Tree(tree.models) as empty:
            empty.complete()
            _find(empty, expression)
        return b""
    _check_affordable(tree, expression)
    outline = _Outline(writer)
    for node in _find(tree, expression):
        outline.add(node)
    return outline.level(0, "")


def nodes(tree: Tree, expression: Expression) -> list[native.Node]:
    """The selected nodes themselves, in document order. Raises ExpressionError; it may take as long as `select`."""
    if expression.text in _ROOT:
        raise _refused("the root of the data is no node that can be named: select what is below it", "invalid-value")
    if not tree.first:
        return []
    _check_affordable(tree, expression)
    return _find(tree, expression)


def _check_affordable(tree: Tree, expression: Expression) -> None:
    if not expense.affordable(tree, expression.text):
        message = "the XPath searches the data again for each node of it, and there are too many: ask more narrowly"
        raise _refused(message, "resource-denied")


def _check_safe(text: str) -> None:
    for found in _UNTRUSTED.finditer(text):
        if found["below"]:
            raise _refused('"//node()" is not offered in a filter, nor with an axis between: write * for node()')
        if found["before"]:
            raise _refused('the axis "preceding" is not offered in a filter: use preceding-sibling, or name the nodes')
    for found in _WORD.finditer(text):
        called = found["called"]
        if called and called.rpartition("::")[2] not in _FUNCTIONS:
            raise _refused(f'"{called}()" is not offered in a filter: use {", ".join(sorted(_FUNCTIONS))}')
        if found["mod"] and _OPERAND.search(text, 0, found.start()):
            raise _refused('the operator "mod" is not offered in a filter: compare with numbers')


def _find(tree: Tree, expression: Expression) -> list[native.Node]:
    try:
        first = native.first_sibling(tree.first)
        return native.find_xml(tree.models.context, first, expression.text, expression.namespaces)
    except native.NativeError as error:
        said = error.fault.message.rstrip(".")
        hint = next((hint for begin, hint in _HINTS if begin in said), "")
        tag = "invalid-value" if "is not a node set" in said else "bad-attribute"
        raise _refused(f"{said[:500]}: {hint}" if hint else said[:500], tag) from None


def _refused(message: str, tag: str = "bad-attribute") -> ExpressionError:
    return ExpressionError("", message, tag=tag)


class _Outline:
    """Selected nodes and the way to them from the top."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._selected: set[int] = set()
        self._below: dict[int, dict[int, native.Node]] = {}
        """By the identity of a node, 0 for the top: those of its children that lead to something selected."""

    def add(self, node: native.Node) -> None:
        """Nodes come in document order, so that siblings stay in theirs."""
        way, above = [], node
        while above:
            number = native.identity(above)
            if number in self._selected:
                return  # All of an ancestor is shown.
            way.append((number, above))
            above = native.parent(above)
        self._selected.add(way[0][0])
        for (number, step), (holder, _) in zip(way, [*way[1:], (0, None)], strict=True):
            shown = self._below.setdefault(holder, {})
            if number in shown:
                return
            shown[number] = step

    def level(self, holder: int, above: str) -> bytes:
        """What is shown of the children of one node. above: the XML namespace in force."""
        return b"".join(self._one(number, node, above) for number, node in self._below.get(holder, {}).items())

    def _one(self, number: int, node: native.Node, above: str) -> bytes:
        if number in self._selected:
            # A key that is selected comes with its entry.
            return b"" if is_key_leaf(node) else self._writer.whole(node, above)
        body = self.level(number, native.namespace(native.schema_of(node)))
        if not body and not (any(map(is_key_leaf, self._below[number].values())) and self._writer.keeps(node)):
            return b""
        return self._writer.part(node, above, body)
