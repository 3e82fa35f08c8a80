# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NETCONF session as this collection opens it: with a candidate of its own."""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.applianced.appliance.plugins.module_utils import framing

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
PRIVATE_CANDIDATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
CAPABILITIES = (framing.BASE_1_0, framing.BASE_1_1, PRIVATE_CANDIDATE)


class Session:
    """recv, send_all: of a stream to the appliance. Opening it exchanges the hellos.

    Raises what these raise, EOFError and FramingError.
    """

    def __init__(self, recv, send_all):
        self._wire = framing.Wire(recv, send_all)
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
        for operation in operations:
            self._messages += 1
            self._wire.send(f'<rpc xmlns="{NETCONF}" message-id="{self._messages}">{operation}</rpc>')
        return [self._wire.receive() for _operation in operations]
