# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`set`, `delete` and `insert` lines, as the appliance's <compare> prints them, to an edit."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from ansible_collections.applianced.appliance.plugins.module_utils import codec
from ansible_collections.applianced.appliance.plugins.module_utils.schema import (
    CONTAINER,
    DATASTORE,
    LEAF,
    LEAF_LIST,
    LIST,
    InputError,
    child_of,
)

VERBS = ("set", "delete", "insert")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


class Step:
    """A node of an edit: one instance. operation: "" is merge. key: texts of an entry's keys, or the value in a
    leaf-list. attributes: where `insert` puts it. Children are in the order of the lines."""

    def __init__(self, node, key=()):
        self.node = node
        self.key = key
        self.operation = ""
        self.text = None
        self.attributes = ""
        self.children = {}

    def child(self, node, key=()):
        """The one child of this name and key."""
        return self.children.setdefault((node.name, key), Step(node, key))

    def create(self):
        """A later line sets something at or below this one."""
        if self.operation == "remove":
            self.operation = "replace"

    def remove(self):
        self.operation, self.text, self.attributes = "remove", None, ""
        self.children = {}

    def xml(self, parent):
        """Of this instance, below a node. Prefixes nc and yang are declared around it."""
        marked = f' nc:operation="{self.operation}"' if self.operation else ""
        if self.node.kind in (LEAF, LEAF_LIST):
            text = self.key[0] if self.node.kind == LEAF_LIST else self.text or ""
            return codec.leaf(parent, self.node, text, marked + self.attributes)
        inner = codec.key_leaves(self.node, self.key) if self.node.kind == LIST else ""
        inner += "".join(step.xml(self.node) for step in self.children.values())
        return codec.tagged(parent, self.node, inner, marked + self.attributes)


def edit_of(lines):
    """XML of the edit that the lines are, in their order; empty ones and those that begin with # say nothing.

    Raises InputError that names the line.
    """
    root = Step(DATASTORE)
    for number, line in enumerate(lines):
        words = split(line, f"lines[{number}]")
        if words:
            _take(root, words, f"lines[{number}]")
    return "".join(step.xml(DATASTORE) for step in root.children.values())


def split(line, path):
    """Words; in double quotes a word may have spaces, and quotes after a backslash. Raises InputError."""
    words, word, quoted, escaped = [], None, False, False
    for character in line.strip():
        if escaped:
            word, escaped = word + _ESCAPED.get(character, character), False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            word, quoted = word or "", not quoted
        elif character.isspace() and not quoted:
            words, word = (words if word is None else [*words, word]), None
        elif character == "#" and not words and word is None:
            return []
        else:
            word = (word or "") + character
    if quoted:
        raise InputError(path, "a double quote is not closed: add the other one")
    return words if word is None else [*words, word]


def _take(root, words, path):
    verb, *rest = words
    if verb not in VERBS:
        raise InputError(path, f"{verb} is no verb: begin with set, delete or insert")
    step, left = _walk(root, rest, path, creates=verb != "delete")
    if step is root:
        raise InputError(path, f"{verb} what: give a path")
    if verb == "set":
        _set(step, left, path)
    elif verb == "delete":
        _delete(step, left, path)
    else:
        _insert(step, left, path)


def _walk(step, words, path, creates):
    """The instance that words lead to, and the words that are left: none but behind a leaf or an insertion."""
    while words and step.node.kind in (CONTAINER, LIST) and words[0] not in ("first", "after", "before"):
        node = child_of(step.node, words[0], path)
        count = {LIST: len(node.keys), LEAF_LIST: 1}.get(node.kind, 0)
        key, words = tuple(words[1 : 1 + count]), words[1 + count :]
        if len(key) < count:
            wanted = " and ".join(node.keys) if node.kind == LIST else "a value"
            raise InputError(path, f"{node.name} needs {wanted} behind it")
        step = step.child(node, key)
        if creates:
            step.create()
    return step, words


def _set(step, left, path):
    if step.node.kind != LEAF or step.node.value == "empty":
        if left:
            raise InputError(path, f"nothing can follow {step.node.name}, and here {left[0]!r} does")
        return
    if len(left) != 1:
        raise InputError(path, f"{step.node.name} needs one value; put one with spaces in double quotes")
    step.text = codec.read(step.node, left[0], path, codec.Arguments)


def _delete(step, left, path):
    if left and (step.node.kind != LEAF or len(left) > 1):
        raise InputError(path, f"nothing can follow {step.node.name}, and here {left[0]!r} does")
    step.remove()


def _insert(step, left, path):
    node = step.node
    if not node.ordered or not left:
        raise InputError(path, "insert is for entries of a list that the user orders: PATH first, or PATH after ENTRY")
    where, *anchor = left
    if where == "first" and not anchor:
        step.attributes = ' yang:insert="first"'
        return
    name, *key = anchor or [""]
    if name != node.name or len(key) != (len(node.keys) or 1):
        raise InputError(path, f"{where} needs another {node.name}, by name and key")
    step.attributes = f' yang:insert="{where}"' + anchor_attribute(node, key)


def anchor_attribute(node, key):
    """The attribute that names another entry (RFC 7950 section 7.8.6) or value (7.7.9)."""
    if node.kind == LEAF_LIST:
        return f" yang:value={quoteattr(key[0])}"
    predicates = "".join(f"[k:{name}={_literal(text)}]" for name, text in zip(node.keys, key))
    return f" yang:key={quoteattr(predicates)} xmlns:k={quoteattr(node.namespace)}"


def _literal(text):
    return f'"{text}"' if "'" in text else f"'{text}'"
