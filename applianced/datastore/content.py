"""A whole configuration that a client sends, as <copy-config> and <validate> take it."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from applianced.datastore import native
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
    for node in marked:
        _translate(node)
    tree = Tree.parse(models, b"".join(etree.tostring(element, with_tail=False) for element in elements), Form.XML)
    if marked:
        try:
            for root in list(tree.roots()):
                _drop_defaults(tree, root)
        except ConfigError:
            tree.close()
            raise
    return tree


def _translate(node: Element) -> None:
    """libyang knows the attribute in its module's namespace."""
    ours, theirs = DEFAULT_ATTRIBUTES
    value = node.get(ours)
    if value is not None:
        del node.attrib[ours]
        node.set(theirs, value)


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
