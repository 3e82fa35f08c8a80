# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One codec between JSON (RFC 7951), arguments of modules, and XML.

In the middle is a plain tree: a container is a dict by name, a list a dict by tuple of keys, in order, whose entries
are containers; a leaf is its text, a leaf-list a list of texts, a leaf of type empty "".
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.applianced.appliance.plugins.module_utils.schema import (
    CONTAINER,
    LEAF,
    LEAF_LIST,
    LIST,
    MODULES,
    InputError,
    child_of,
    identity_module,
)

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
TRUE_TEXTS = ("true", "yes", "on", "1")
FALSE_TEXTS = ("false", "no", "off", "0")


class Json:
    """RFC 7951: names as in the model, an empty leaf is [null], integers of 64 bits are strings.

    ABSENT: what a flag is read as that is said not to be there; None for nothing.
    """

    ABSENT = None

    @staticmethod
    def node_name(name):
        return name

    @staticmethod
    def shown(node, parent):
        return node.name if node.module == parent.module else f"{node.module}:{node.name}"

    @staticmethod
    def flag(node, given, path):
        """Whether a flag is there; None when `given` is no way to say so."""
        if node.kind == CONTAINER and isinstance(given, Mapping):
            return True
        return True if given == [None] else None

    @staticmethod
    def shown_flag(node):
        return {} if node.kind == CONTAINER else [None]

    @staticmethod
    def shown_long(text):
        return text

    @staticmethod
    def shown_identity(node, text):
        module = identity_module(node, text)
        return text if module in (None, node.module) else f"{module}:{text}"


class _Gone:
    """What a plain tree has for a flag that is said not to be there."""


GONE = _Gone()


class Arguments(Json):
    """Arguments of modules: _ for -, no names of modules, a flag is a bool, what is None was not given."""

    ABSENT = None
    RESERVED = ("message", "syslog_facility")
    """Ansible keeps these names for itself, in whatever depth; they end with _."""

    @staticmethod
    def node_name(name):
        return name.rstrip("_").replace("_", "-")

    @staticmethod
    def shown(node, parent):
        name = node.name.replace("-", "_")
        return f"{name}_" if name in Arguments.RESERVED else name

    @staticmethod
    def flag(node, given, path):
        return as_bool(given)

    @staticmethod
    def shown_flag(node):
        return True

    @staticmethod
    def shown_long(text):
        return int(text) if as_whole(text) else text

    @staticmethod
    def shown_identity(node, text):
        return text


class Changes(Arguments):
    """Arguments that are laid over what is there: a flag that is false is GONE."""

    ABSENT = GONE


def as_bool(given):
    """None when it is neither."""
    if isinstance(given, bool):
        return given
    text = str(given).lower()
    return True if text in TRUE_TEXTS else False if text in FALSE_TEXTS else None


def as_whole(given):
    """Whether it is a whole number, in digits of ASCII."""
    digits = str(given).removeprefix("-")
    return digits.isascii() and digits.isdigit() and not isinstance(given, bool)


# --- from JSON or arguments --------------------------------------------------------------------------------------


def read(node, given, path, dialect):
    """The plain tree of a node's value. path: of `given`, for errors. Raises InputError."""
    if node.presence and isinstance(given, bool) and issubclass(dialect, Arguments):
        return {} if given else dialect.ABSENT
    if node.kind == CONTAINER and not (node.flag and issubclass(dialect, Arguments)):
        return read_container(node, given, path, dialect)
    if node.kind == LIST:
        return read_list(node, given, path, dialect)
    if node.kind == LEAF_LIST:
        if isinstance(given, Mapping) or not isinstance(given, (list, tuple)):
            raise InputError(path, f"a list of values is needed, this is {described(given)}")
        return [_scalar(node, value, f"{path}[{at}]") for at, value in enumerate(given)]
    return _leaf(node, given, path, dialect)


def read_container(node, given, path, dialect):
    """A container or an entry of a list. Raises InputError."""
    if not isinstance(given, Mapping):
        raise InputError(path, f"a mapping is needed, this is {described(given)}")
    tree = {}
    for name, value in given.items():
        if value is None:
            continue
        below = f"{path}.{name}" if path else str(name)
        child = child_of(node, dialect.node_name(str(name)), below)
        plain = read(child, value, below, dialect)
        if plain is not None:
            tree[child.name] = plain
    return tree


def read_list(node, given, path, dialect):
    """Raises InputError."""
    if isinstance(given, Mapping) or not isinstance(given, (list, tuple)):
        raise InputError(path, f"a list of entries is needed, this is {described(given)}")
    tree = {}
    for at, value in enumerate(given):
        below = f"{path}[{at}]"
        entry = read_container(node, value, below, dialect)
        missing = [name for name in node.keys if name not in entry]
        if missing:
            raise InputError(below, f"{' and '.join(missing)} must be given: it tells the entries apart")
        key = key_of(node, entry)
        if key in tree:
            raise InputError(below, f"{' '.join(key)} is there twice: give each entry once")
        tree[key] = entry
    return tree


def _leaf(node, given, path, dialect):
    if not node.flag:
        return _scalar(node, given, path)
    there = dialect.flag(node, given, path)
    if there is None:
        raise InputError(path, f"this is there or not: {described(given)} says neither")
    return ({} if node.kind == CONTAINER else "") if there else dialect.ABSENT


def _scalar(node, given, path):
    if isinstance(given, (Mapping, list, tuple)) or given is None:
        raise InputError(path, f"a single value is needed, this is {described(given)}")
    if node.value == "bool":
        said = as_bool(given)
        if said is None:
            raise InputError(path, f"{described(given)} is not true or false")
        return "true" if said else "false"
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if node.value in ("int", "long") and not as_whole(text):
        raise InputError(path, f"{described(given)} is no whole number")
    return text.rpartition(":")[2] if node.value == "identity" else text


def described(given):
    """A value as an error shows it."""
    kinds = ((Mapping, "a mapping"), ((list, tuple), "a list"))
    return next((said for kind, said in kinds if isinstance(given, kind)), f"{str(given)[:60]!r}")


def key_of(node, entry):
    return tuple(entry[name] for name in node.keys)


# --- to JSON or arguments ----------------------------------------------------------------------------------------


def show(node, plain, dialect):
    """A plain tree as JSON or arguments have it."""
    if node.kind == LIST:
        return [show_container(node, entry, dialect) for entry in plain.values()]
    if node.kind == LEAF_LIST:
        return [_shown_scalar(node, text, dialect) for text in plain]
    if node.flag or (node.said and not plain and issubclass(dialect, Arguments)):
        return dialect.shown_flag(node)
    return show_container(node, plain, dialect) if node.kind == CONTAINER else _shown_scalar(node, plain, dialect)


def show_container(node, plain, dialect):
    """A container, or an entry of a list."""
    tree = {}
    for name, value in plain.items():
        child = node.children[name]
        tree[dialect.shown(child, node)] = show(child, value, dialect)
    return tree


def _shown_scalar(node, text, dialect):
    if node.value == "int" or (node.value == "mixed" and as_whole(text)):
        return int(text) if as_whole(text) else text
    if node.value == "bool":
        return text == "true"
    if node.value == "identity":
        return dialect.shown_identity(node, text)
    return dialect.shown_long(text) if node.value == "long" else text


# --- XML ---------------------------------------------------------------------------------------------------------


def parse_xml(text, path=""):
    """An element. path: of the text, for errors. Raises InputError."""
    if "<!DOCTYPE" in text:
        raise InputError(path, "this XML has a document type: leave it out")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(path, f"this is no XML: {error}") from None


def split_tag(element):
    """(namespace, local name)."""
    namespace, _brace, local = element.tag.rpartition("}")
    return namespace[1:], local


def decode(node, element):
    """The plain tree of what stands in an element: of a container or an entry. What the model does not have is left
    out: a newer appliance may show more than this collection knows."""
    tree = {}
    for child_element in element:
        namespace, local = split_tag(child_element)
        child = node.children.get(local)
        if child is None or child.namespace != namespace:
            continue
        if child.kind == LIST:
            entry = decode(child, child_element)
            if not child.keys:
                tree.setdefault(local, {})[(len(tree.get(local, ())),)] = entry
            elif all(name in entry for name in child.keys):
                tree.setdefault(local, {})[key_of(child, entry)] = entry
        elif child.kind == LEAF_LIST:
            tree.setdefault(local, []).append(_text(child, child_element))
        elif child.kind == LEAF:
            tree[local] = _text(child, child_element)
        else:
            below = decode(child, child_element)
            if below or child.presence:
                tree[local] = below
    return tree


def _text(node, element):
    text = (element.text or "").strip() if node.value != "string" else element.text or ""
    return text.rpartition(":")[2] if node.value == "identity" else text


def encode(parent, plain):
    """XML of what stands in a container, an entry (its keys first), or at the top."""
    names = [*parent.keys, *(name for name in plain if name not in parent.keys)]
    return "".join(element(parent, parent.children[name], plain[name]) for name in names)


def element(parent, node, plain, attributes=""):
    """XML of a node below `parent`. attributes: of each element that is made for it, with a space before."""
    if node.kind == LIST:
        return "".join(tagged(parent, node, encode(node, entry), attributes) for entry in plain.values())
    if node.kind == LEAF_LIST:
        return "".join(leaf(parent, node, text, attributes) for text in plain)
    if node.kind == CONTAINER:
        return tagged(parent, node, encode(node, plain), attributes)
    return leaf(parent, node, plain, attributes)


def leaf(parent, node, text, attributes=""):
    module = identity_module(node, text) if node.value == "identity" else None
    if module not in (None, node.module):
        return tagged(parent, node, f"id:{escape(text)}", f"{attributes} xmlns:id={quoteattr(MODULES[module])}")
    return tagged(parent, node, escape(text), attributes)


def tagged(parent, node, inner, attributes=""):
    """An element around XML; its namespace is declared where it differs from the parent's."""
    if node.module != parent.module:
        attributes = f" xmlns={quoteattr(node.namespace)}{attributes}"
    return f"<{node.name}{attributes}>{inner}</{node.name}>" if inner else f"<{node.name}{attributes}/>"


def key_leaves(node, key):
    """XML of the keys of an entry."""
    return "".join(leaf(node, node.children[name], text) for name, text in zip(node.keys, key))
