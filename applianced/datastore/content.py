"""A whole configuration that a client sends, as <copy-config> and <validate> take it."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from applianced.datastore import native, whole
from applianced.datastore.models import Models
from applianced.datastore.native import Form
from applianced.datastore.orders import DEFAULT_ATTRIBUTES
from applianced.datastore.places import Element
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError


def parse_content(models: Models, elements: Sequence[Element]) -> Tree:
    """The children of <config>; a value marked wd:default is left to the schema (RFC 6243 section 6).

    Raises ConfigError.
    """
    marked = [node for element in elements for node in element.iter() if any(map(node.get, DEFAULT_ATTRIBUTES))]
    if not marked:
        return whole.from_elements(models, elements)
    marks = [(node, _taken(node)) for node in marked]
    # Once without the marks, for all that must be right besides.
    whole.from_elements(models, elements).close()
    for node, value in marks:
        node.set(DEFAULT_ATTRIBUTES[1], value)
    tree = Tree.parse(models, b"".join(etree.tostring(element, with_tail=False) for element in elements), Form.XML)
    try:
        for root in list(tree.roots()):
            _drop_defaults(tree, root)
    except ConfigError:
        tree.close()
        raise
    return tree


def _taken(node: Element) -> str:
    """The mark, taken off; libyang knows the attribute in its module's namespace, the second."""
    values = [str(node.attrib.pop(name)) for name in DEFAULT_ATTRIBUTES if name in node.attrib]
    return values[0]


def _drop_defaults(tree: Tree, node: native.Node) -> None:
    for child in native.children(node):
        _drop_defaults(tree, child)
    if not native.is_default(node) or native.first_child(node):
        return
    if native.is_term(native.schema_of(node)):
        if not native.equals_default(node):
            name = native.name(native.schema_of(node))
            message = f'wd:default says that "{native.value(node)}" is the default of "{name}": it is not'
            raise ConfigError(native.path(node), message, tag="invalid-value", bad_element=name)
        tree.detach(node)
        native.free(node)
