"""Where an XML element points to in a tree: its schema node, its keys, the instance if there is one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice
from typing import NamedTuple

from lxml import etree

from applianced.datastore import native
from applianced.datastore.faults import NamedFaultError
from applianced.datastore.models import Models
from applianced.datastore.native import Kind
from applianced.errors import ConfigError

Element = etree._Element
_KEY_STEP = re.compile(r"""\s*\[\s*(?:([\w.-]+):)?([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*\]\s*""")


def has_more_than(count: int, elements: Iterable[Element]) -> bool:
    """Whether there are more elements, as children of one or in a list. len() of an element would count them all: a
    millisecond for each 30,000, during which no other thread runs."""
    return next(islice(elements, count, None), None) is not None


class Place(NamedTuple):
    """One element of an edit, resolved. parent: NULL at the top. keys: of a list entry, in the schema's order."""

    element: Element
    parent: native.Node
    schema: native.Schema
    keys: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return native.name(self.schema)

    @property
    def path(self) -> str:
        """Instance path, also of what does not exist."""
        module = native.module_name(self.schema)
        above = native.path(self.parent) if self.parent else ""
        inherited = bool(self.parent) and native.module_name(native.schema_of(self.parent)) == module
        step = self.name if inherited else f"{module}:{self.name}"
        return f"{above}/{step}{predicate(self.keys)}"


def predicate(keys: tuple[tuple[str, str], ...]) -> str:
    """ "[name='x'][unit='y']"."""
    return "".join(f"[{name}={quoted(value)}]" for name, value in keys)


def quoted(value: str) -> str:
    """An XPath literal; a value with both kinds of quotes has none, and its double quotes are dropped."""
    if "'" not in value:
        return f"'{value}'"
    return '"' + value.replace('"', "") + '"'


def resolve(models: Models, parent: native.Node, element: Element) -> Place:
    """Find the schema node of `element` below `parent`, and its keys. Raises ConfigError."""
    schema = _schema(models, parent, element)
    keys = _keys(schema, parent, element) if native.kind(schema) is Kind.LIST else ()
    return Place(element, parent, schema, keys)


def _schema(models: Models, parent: native.Node, element: Element) -> native.Schema:
    name = etree.QName(element)
    where = native.path(parent) if parent else ""
    module = models.modules.get(name.namespace or "")
    if module is None:
        remedy = _home(models, name.localname, parent) or "check its xmlns"
        message = f'no module has the namespace "{name.namespace or ""}" of <{name.localname}>: {remedy}'
        raise NamedFaultError(
            where,
            message,
            tag="unknown-namespace",
            bad_element=name.localname,
            namespace=name.namespace or "",
        )
    above = native.schema_of(parent) if parent else native.NULL
    schema = native.find_schema(above, module.pointer, name.localname)
    if not schema:
        place = f"<{native.name(above)}>" if parent else "the top level"
        remedy = _home(models, name.localname, parent) or "check its spelling and place"
        message = f"<{name.localname}> does not exist in {place} of module {module.name}: {remedy}"
        raise ConfigError(where, message, tag="unknown-element", bad_element=name.localname)
    if not native.is_config(schema):
        message = f"<{name.localname}> is state: it can be read, not configured"
        raise ConfigError(where, message, tag="unknown-element", bad_element=name.localname)
    return schema


def check_top_level(models: Models, element: Element) -> None:
    """Raises ConfigError when no module configures such an element at the top."""
    _schema(models, native.NULL, element)


def _home(models: Models, name: str, parent: native.Node) -> str:
    """What to do about a top-level element in a wrong namespace, "" when it is in none."""
    if parent:
        return ""
    having = [module for module in models.modules.values() if native.find_schema(native.NULL, module.pointer, name)]
    return " or ".join(f'give it the namespace "{module.namespace}"' for module in having)


def _keys(schema: native.Schema, parent: native.Node, element: Element) -> tuple[tuple[str, str], ...]:
    namespace = native.namespace(schema)
    found = []
    for name in native.keys(schema):
        where = f"{native.path(parent) if parent else ''}/{native.name(schema)}"
        given = element.findall(f"{{{namespace}}}{name}")
        if len(given) > 1:
            message = f"the entry says its key <{name}> more than once: send one element for each entry"
            raise ConfigError(where, message, tag="bad-element", bad_element=name)
        if not given:
            message = f"the entry does not say its key <{name}>: name the entry by all its keys"
            raise ConfigError(where, message, tag="missing-element", bad_element=name)
        if has_more_than(0, given[0]):
            raise overfull(f"{where}/{name}", given[0])
        found.append((name, given[0].text or ""))
    return tuple(found)


def overfull(path: str, element: Element) -> ConfigError:
    """The fault of an element that stands for a leaf, and holds elements."""
    name, inner = etree.QName(element).localname, etree.QName(element[0]).localname
    message = f"<{name}> holds a value and no elements: <{inner}> is too much"
    return ConfigError(path, message, tag="bad-element", bad_element=name)


def instance(models: Models, first: native.Node, place: Place) -> native.Node:
    """The node that a place names, defaults included; NULL if there is none. first: of the siblings to look in."""
    match native.kind(place.schema):
        case Kind.LIST:
            return entry(models, first, place.schema, place.keys)
        case Kind.LEAF_LIST:
            value = json_value(models, place.schema, place.element)
            return native.NULL if value is None else member(models, first, place.schema, value)
        case _:
            return native.find(first, place.schema)


def member(models: Models, first: native.Node, schema: native.Schema, value: str) -> native.Node:
    """An entry of a leaf-list by its value, identities as module:name; NULL if there is none."""
    if not first:
        return native.NULL
    node = native.find(first, schema, value)
    if not node:
        # What is no value of the type leaves an error behind, which would be taken for that of the next fault.
        native.clean_errors(models.context)
    return node


def entry(models: Models, first: native.Node, schema: native.Schema, keys: tuple[tuple[str, str], ...]) -> native.Node:
    """A list entry by its keys, in the schema's order; NULL if there is none."""
    if any("'" in value and '"' in value for _, value in keys):
        return _entry_by_search(first, schema, [value for _, value in keys])
    node = native.find(first, schema, predicate(keys))
    if not node:
        native.clean_errors(models.context)
    return node


def _entry_by_search(first: native.Node, schema: native.Schema, wanted: list[str]) -> native.Node:
    for node in native.siblings(first):
        if native.schema_of(node) != schema:
            continue
        values = [native.value(child) for child in native.children(node) if native.is_key(native.schema_of(child))]
        if values == wanted:
            return node
    return native.NULL


def json_value(models: Models, schema: native.Schema, element: Element) -> str | None:
    """An element's text with an identity's XML prefix turned into its module's name; None when that prefix is not
    declared, or not for a module: the text would be taken for a module's name then."""
    text = element.text or ""
    if not native.is_identity(schema) or not text.strip():
        return text
    prefix, colon, local = text.strip().rpartition(":")
    namespace = element.nsmap.get(prefix) if colon else element.nsmap.get(None) or native.namespace(schema)
    module = models.modules.get(namespace or "")
    return f"{module.name}:{local}" if module else None


def parse_key_attribute(text: str, namespaces: Collection[str | None]) -> tuple[tuple[str, str], ...]:
    """The keys in a yang:key attribute, e.g. "[ex:name='x']" (RFC 7950 7.8.6).

    namespaces: the prefixes that are declared; a key may do without one. Raises ValueError.
    """
    keys, at = [], 0
    while at < len(text):
        step = _KEY_STEP.match(text, at)
        if not step or (step[1] and step[1] not in namespaces):
            raise ValueError(text)
        keys.append((step[2], step[3] if step[3] is not None else step[4]))
        at = step.end()
    return tuple(keys)


def is_configured(node: native.Node) -> bool:
    """Whether somebody configured it: defaults, and containers that hold nothing else, do not count."""
    schema = native.schema_of(node)
    if native.kind(schema) is Kind.CONTAINER and not native.is_presence(schema):
        # Its own mark says nothing: libyang leaves it when a merge gives a default in it another value.
        return any(is_configured(child) for child in native.children(node))
    return not native.is_default(node)
