# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML taken apart without changing its prefixes, which values (identities, paths) may use as well."""

from __future__ import annotations

from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.applianced.appliance.plugins.module_utils.schema import InputError

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
MARK = "asked"
"""The prefix of an operation that is added."""


class Inside:
    """What stands in the first element at a depth (0: the root), one element a line when `indented`.

    operation: what each element in it gets as its operation, unless it has one; "" for none. strict: text beside
    elements is refused. names: of the elements from the root to that one. declared: prefixes that are declared on
    these, with their URIs. count: of the elements in it.
    """

    def __init__(self, text, depth, indented=False, operation="", strict=False):
        self.names = []
        self.declared = {}
        self.count = 0
        self._operation = operation
        self._strict = strict
        self._limit = depth
        self._indented = indented
        self._depth = 0
        self._parts = []
        self._text = []
        self._open = None
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._started
        parser.EndElementHandler = self._ended
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refused
        try:
            parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise InputError("", f"this is no XML: {error}") from None

    @property
    def text(self):
        return "".join(self._parts)

    def _refused(self, *_arguments):
        raise InputError("", "this XML has a document type: leave it out")

    def _marks(self, attributes):
        """What is added to the attributes of an element."""
        own = {key[6:]: uri for key, uri in attributes.items() if key.startswith("xmlns:")}
        known = {"nc": NETCONF, **self.declared, **own}
        has = any(key.endswith(":operation") and known.get(key.partition(":")[0]) == NETCONF for key in attributes)
        return {} if has or not self._operation else {f"xmlns:{MARK}": NETCONF, f"{MARK}:operation": self._operation}

    def _refuse_text(self):
        text = "".join(self._text).strip()
        if self._strict and text:
            raise InputError("", f"{text[:60]!r} stands where only elements can: put it into one, or leave it out")

    def _started(self, name, attributes):
        self._refuse_text()
        if self._depth <= self._limit:
            self.names.append(name.rpartition(":")[2])
            found = {key[6:]: value for key, value in attributes.items() if key.startswith("xmlns:")}
            self.declared.update(found)
        else:
            self._finish_start()
            if self._depth == self._limit + 1:
                self.count += 1
                attributes = {**attributes, **self._marks(attributes)}
            said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
            self._open = f"{self._break()}<{name}{said}"
        self._text.clear()
        self._depth += 1

    def _finish_start(self):
        if self._open is not None:
            self._parts.append(f"{self._open}>")
            self._open = None

    def _ended(self, name):
        self._depth -= 1
        if self._open is None:
            self._refuse_text()
        if self._depth > self._limit:
            content = "".join(self._text)
            if self._open is not None:
                self._parts.append(f"{self._open}>{escape(content)}</{name}>" if content else f"{self._open}/>")
                self._open = None
            else:
                self._parts.append(f"{self._break()}</{name}>")
        self._text.clear()

    def _break(self):
        return "\n" + "  " * (self._depth - self._limit) if self._indented else ""


def declarations(prefixes):
    """As attributes, with a space before each."""
    return "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in prefixes.items())


def without_declaration(text):
    """XML without the declaration that a file may begin with."""
    text = text.strip()
    return text.partition("?>")[2] if text.startswith("<?xml") else text
