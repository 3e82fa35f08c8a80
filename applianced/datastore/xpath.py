"""XPath filters (RFC 6241 8.9). libyang evaluates them where the data stands, without a copy, as long as it does so
rightly; of all others libxml2 evaluates a copy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lxml import etree

from applianced.datastore import copied, counting, expense, native
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
    r"""|(?P<fraction>\d*\.\d)"""
)
"""What libyang 2.1.30 answers wrongly: of //node(), with an axis as well, the top alone or nothing; of the axis
preceding too many nodes, or none; of places and sums that are fractions."""
_OPERAND = re.compile(r"""[\w.)\]*'"]\s*$""")
"""What an operator follows."""
_NOT_CALLS = frozenset({"comment", "node", "and", "or", "div"})
_BOTH = frozenset(
    {
        *("boolean", "concat", "contains", "count", "false", "last", "normalize-space", "not", "position", "round"),
        *("starts-with", "string", "substring-after", "substring-before", "sum", "true"),
    }
)
_LIBYANG = frozenset({"current", "derived-from", "derived-from-or-self", "re-match"})
"""Of RFC 7950 section 10."""
_LIBXML2 = frozenset(
    {
        *("ceiling", "floor", "id", "lang", "local-name", "name", "namespace-uri", "number", "string-length"),
        *("substring", "text", "translate"),
    }
)
"""libyang 2.1.30 reads memory that is not its own, or divides by zero, in local-name, name, namespace-uri and the
operator mod, so that a request could end the process; it has no id and lang, counts octets for characters in
string-length, substring and translate, reads 0x10 as a number, rounds negative ones wrongly, and selects no text."""
FUNCTIONS = _BOTH | _LIBYANG | _LIBXML2
_ROOT = ("/", ".", "/.")
_HINTS = (
    ("Non-prefixed node", "declare a prefix for its namespace and write prefix:name"),
    ("Unknown XPath function", "those of XPath 1.0 and RFC 7950 section 10 are there"),
    ("maximum nesting", "nest less deeply"),
)


class Expression(NamedTuple):
    """An expression with the namespaces that its prefixes stand for.

    copied: libxml2 evaluates it on a copy, in these parts, whose nodes are joined; () for libyang.
    """

    text: str
    namespaces: Mapping[str, str]
    copied: Sequence[str] = ()

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
    wanted = _only_libxml2(text)
    if long := expense.endless(text):
        raise _refused(long, "resource-denied")
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
    expression = Expression(text, namespaces)
    wanted = wanted or counting.miscounted(models, text)
    return _for_copy(expression, wanted) if wanted else expression


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
    found = _find(tree, expression)
    if found is None:
        return writer.all_of(tree.roots())
    outline = _Outline(writer)
    for node in found:
        outline.add(node)
    return outline.level(0, "")


def nodes(tree: Tree, expression: Expression) -> list[native.Node]:
    """The selected nodes themselves, in document order. Raises ExpressionError; it may take as long as `select`."""
    found: list[native.Node] | None = None
    if expression.text not in _ROOT:
        if not tree.first:
            return []
        _check_affordable(tree, expression)
        found = _find(tree, expression)
    if found is None:
        raise _refused("the root of the data is no node that can be named: select what is below it", "invalid-value")
    return found


def _check_affordable(tree: Tree, expression: Expression) -> None:
    if not expense.affordable(tree, expression.text, copied=bool(expression.copied)):
        message = "the XPath searches the data again for each node of it, and there are too many: ask more narrowly"
        raise _refused(message, "resource-denied")


def _only_libxml2(text: str) -> str:
    """What libyang cannot evaluate, or not rightly; "" for nothing. Raises ExpressionError."""
    wanted = next((found[0].strip(" (") for found in _UNTRUSTED.finditer(text) if found.lastgroup), "")
    for found in _WORD.finditer(text):
        called = found["called"]
        if called and called.rpartition("::")[2] not in FUNCTIONS | _NOT_CALLS:
            raise _refused(f'"{called}()" is not offered in a filter: use {", ".join(sorted(FUNCTIONS))}')
        if called in _LIBXML2 or (found["mod"] and _OPERAND.search(text, 0, found.start())):
            wanted = called or "mod"
    return wanted


def _find(tree: Tree, expression: Expression) -> list[native.Node] | None:
    """None for the root. Raises ExpressionError."""
    if expression.copied:
        return _found_on_copy(tree, expression)
    try:
        first = native.first_sibling(tree.first)
        return native.find_xml(tree.models.context, first, expression.text, expression.namespaces)
    except native.NativeError as error:
        said = error.fault.message.rstrip(".")
    hint = next((hint for begin, hint in _HINTS if begin in said), "")
    try:
        if not hint:
            # What libyang makes of "or" in a predicate where there are no nodes is a value.
            expression = _for_copy(expression, "")
            _check_affordable(tree, expression)
            return _found_on_copy(tree, expression)
    except ExpressionError as refusal:
        if refusal.tag != "bad-attribute":
            raise
    tag = "invalid-value" if "is not a node set" in said else "bad-attribute"
    raise _refused(f"{said[:500]}: {hint}" if hint else said[:500], tag)


def _found_on_copy(tree: Tree, expression: Expression) -> list[native.Node] | None:
    try:
        return copied.find(tree, expression.copied, expression.namespaces)
    except copied.NotNodesError:
        raise _refused("the XPath is not a node set: select nodes, not a value", "invalid-value") from None
    except etree.XPathError as error:
        message = f'"{expression.text[:500]}" is no XPath 1.0 ({error}): look at its brackets, quotes and names'
        raise _refused(message) from None


def _for_copy(expression: Expression, wanted: str) -> Expression:
    """The same for libxml2. wanted: why. Raises ExpressionError."""
    text = expression.text
    if alone := next((found["called"] for found in _WORD.finditer(text) if found["called"] in _LIBYANG), ""):
        raise _refused(f'"{alone}()" of RFC 7950 is not offered beside "{wanted}": ask in two requests')
    try:
        return expression._replace(copied=copied.parts(text))
    except copied.NotPrefixedError as error:
        raise _refused(f'"{error}" has no prefix: declare a prefix for its namespace and write prefix:name') from None


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
