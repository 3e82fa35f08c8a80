# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NETCONF session as this collection opens it: with a candidate of its own."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.parsers import expat

from ansible_collections.applianced.appliance.plugins.module_utils import framing

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
PRIVATE_CANDIDATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
CAPABILITIES = (framing.BASE_1_0, framing.BASE_1_1, PRIVATE_CANDIDATE)

ROOT_CHARACTERS = 65536
"""Within which the first element of a reply begins."""


class Session:
    """recv, send_all: of a stream to the appliance. timeout_s: for a whole message. Opening it exchanges the hellos.

    Raises what these raise, EOFError and FramingError.
    """

    def __init__(self, recv, send_all, timeout_s=None):
        self._wire = framing.Wire(recv, send_all, timeout_s)
        offered = "".join(f"<capability>{uri}</capability>" for uri in CAPABILITIES)
        self._wire.send(f'<hello xmlns="{NETCONF}"><capabilities>{offered}</capabilities></hello>')
        try:
            hello = ElementTree.fromstring(self._wire.receive())
        except ElementTree.ParseError as error:
            raise framing.FramingError(f"the hello is no XML: {error}") from None
        self.capabilities = [(node.text or "").strip() for node in hello.iter(f"{{{NETCONF}}}capability")]
        self.number = hello.findtext(f"{{{NETCONF}}}session-id")
        self._wire.chunked = framing.BASE_1_1 in self.capabilities
        self._messages = 0

    def exchange(self, operations):
        """Send operations (each what stands in <rpc>), then read their replies, each a whole <rpc-reply>."""
        first = self._messages + 1
        for operation in operations:
            self._messages += 1
            self._wire.send(f'<rpc xmlns="{NETCONF}" message-id="{self._messages}">{operation}</rpc>')
        return [self._reply(number) for number in range(first, self._messages + 1)]

    def _reply(self, number):
        text = self._wire.receive()
        name, attributes = _root(text)
        if name != f"{NETCONF} rpc-reply" or attributes.get("message-id") != str(number):
            raise framing.FramingError(f"what came is not the reply to message {number}: {text[:80]!r}")
        return text


class _RootFound(Exception):
    """Enough has been read."""


def _root(text):
    """Name (namespace, a space, and the local name) and attributes of the first element. Raises FramingError."""
    found = []

    def start(name, attributes):
        found.append((name, attributes))
        raise _RootFound

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    try:
        parser.Parse(text[:ROOT_CHARACTERS].encode(), False)
    except _RootFound:
        return found[0]
    except expat.ExpatError as error:
        raise framing.FramingError(f"what came is no XML: {error}") from None
    raise framing.FramingError(f"what came has no element at its beginning: {text[:80]!r}")
