# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An appliance as modules talk to it: operations out, replies or faults back, each exchange counted."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ansible.module_utils.connection import Connection, ConnectionError

from ansible_collections.applianced.appliance.plugins.module_utils.codec import NETCONF, parse_xml, split_tag
from ansible_collections.applianced.appliance.plugins.module_utils.schema import InputError
from ansible_collections.applianced.appliance.plugins.module_utils.secrets import MASK, is_secret

CONFLICT = "urn:applianced:yang:conflict"
NETWORK_OS = "applianced.appliance.applianced"
NO_CONNECTION = "no-connection"
METHOD_NOT_FOUND = -32601
"""Of JSON-RPC: the connection has no plugin that could do this."""
BUSY_TAGS = ("in-use", "lock-denied")
RACE_TAGS = ("conflict", "txid-mismatch", "locked")
"""error-tag and error-app-tag of what another controller does at the same time; the same may succeed later."""


class Fault(Exception):
    """What an appliance refuses. path: the instance, as the appliance names it. details: elements of error-info."""

    def __init__(self, tag, message, path="", app_tag="", details=()):
        super().__init__(message)
        self.tag = tag
        if app_tag == "conflict" and is_secret(path.rpartition(":")[2]):
            message = "changed in the candidate and in running; the values are not shown"
        self.message = message
        self.path = path
        self.app_tag = app_tag
        self.details = tuple(details)

    @property
    def race(self):
        """Whether another controller is in the way."""
        return self.tag in BUSY_TAGS or self.app_tag in RACE_TAGS or self.awaits_confirmation

    @property
    def awaits_confirmation(self):
        """Whether a confirmed commit with a name, or with another one, is in the way."""
        bad = f"{{{NETCONF}}}bad-element"
        return any(element.tag == bad and element.text == "persist-id" for element in self.details)

    def described(self):
        """One text for people: where, and what is wrong."""
        where = f"{readable_path(self.path)}: " if self.path else ""
        return f"{where}{self.message}"

    def result(self):
        """What a failed module returns of it."""
        found = {"tag": self.tag, "path": readable_path(self.path), "message": self.message}
        return {**found, **({"app_tag": self.app_tag} if self.app_tag else {}), **self._conflicts()}

    def _conflicts(self):
        nodes = [
            {split_tag(leaf)[1]: leaf.text or "" for leaf in element}
            for element in self.details
            if element.tag == f"{{{CONFLICT}}}conflict"
        ]
        for node in nodes:
            if is_secret(node.get("path", "").rpartition("/")[2]):
                node.update({name: MASK for name in ("base", "candidate", "running") if name in node})
        return {"conflicts": nodes} if nodes else {}


def readable_path(path):
    """An instance path without the modules' names: /security/zones/security-zone[name='trust']."""
    shown, quote, word = [], "", []
    for character in path:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == ":":
            del shown[len(shown) - len(word) :]
            word = []
            continue
        word = [*word, character] if character.isalnum() or character in "-_." else []
        shown.append(character)
    return "".join(shown)


class Direct:
    """The connection of an action that runs modules in its own process; None elsewhere."""

    connection = None


class Device:
    """round_trips: requests that were sent to the appliance, answered or not."""

    def __init__(self, module):
        self._connection = Direct.connection or Connection(module._socket_path)
        self.round_trips = 0

    @property
    def lasting(self):
        """Whether the session goes on when the task has ended."""
        return Direct.connection is None

    def cleaning(self):
        """Operations after which the candidate is empty of what an earlier task has left in it: what it edited and did
        not commit, and, by the appliance's doing, what was committed and then cancelled or not confirmed."""
        return () if not self.lasting or self._connection.untouched() else ("<discard-changes/>",)

    def peer(self):
        """user@address:port; it is not asked over the network."""
        return self._connection.peer()

    def exchange(self, *operations):
        """Replies (<rpc-reply> elements) or Faults, in the order of the operations, which are sent together.

        Raises Fault with the tag NO_CONNECTION when there is nobody to talk to.
        """
        self.round_trips += len(operations)
        try:
            texts = self._connection.exchange(list(operations))
        except ConnectionError as error:
            raise _no_connection(error) from None
        return [_fault(reply) or reply for reply in map(parse_xml, texts)]

    def read(self, operation):
        """The text of the reply to one operation, as the appliance sent it. Raises Fault."""
        self.round_trips += 1
        try:
            (text,) = self._connection.exchange([operation])
        except ConnectionError as error:
            raise _no_connection(error) from None
        fault = _fault(parse_xml(text))
        if fault:
            raise fault
        return text

    def call(self, operation):
        """The reply to one operation. Raises Fault."""
        (reply,) = self.exchange(operation)
        if isinstance(reply, Fault):
            raise reply
        return reply


def _no_connection(error):
    """What is wrong with a persistent connection."""
    if getattr(error, "code", None) == METHOD_NOT_FOUND:
        return InputError("ansible_network_os", f"the connection knows no appliances: it must be {NETWORK_OS}")
    return Fault(NO_CONNECTION, str(error))


def _fault(reply):
    """The first error of a reply, the others in its message; None when there is none."""
    errors = [element for element in reply.findall(_name("rpc-error")) if _text(element, "error-severity") != "warning"]
    if not errors:
        return None
    first = errors[0]
    info = [element for error in errors for element in error.iterfind(f"{_name('error-info')}/*")]
    said = [_text(error, "error-message") or _text(error, "error-tag") for error in errors[:5]]
    message = "; ".join(text for text in said if text) or "the appliance refused it and did not say why"
    return Fault(_text(first, "error-tag"), message, _text(first, "error-path"), _text(first, "error-app-tag"), info)


def _name(local):
    return f"{{{NETCONF}}}{local}"


def _text(element, local):
    return (element.findtext(_name(local)) or "").strip()


def text_element(name, text, attributes=""):
    """An element with text, "" for no text."""
    return f"<{name}{attributes}>{escape(str(text))}</{name}>" if text not in (None, "") else ""
