# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
author: The applianced project (@applianced)
name: applianced
short_description: Speaks NETCONF to applianced appliances
description:
  - Used by the connection P(ansible.netcommon.netconf#connection) when C(ansible_network_os) is
    C(applianced.appliance.applianced).
  - The connection logs in. Besides its own session this plugin opens a second one on the same SSH connection, with a
    candidate of its own, so that no other controller sees or commits half of a change.
  - Requests over that session are sent together where they do not wait for each other, and are answered as soon as the
    appliance answers; the session of ncclient looks for new requests every 0.1 seconds only.
version_added: 1.0.0
options:
  ncclient_device_handler:
    type: str
    default: default
    description:
      - The device handler of ncclient; the appliance needs none of its own.
"""

import json
import socket
from xml.etree import ElementTree

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.text.converters import to_native
from ansible_collections.ansible.netcommon.plugins.plugin_utils.netconf_base import NetconfBase, ensure_ncclient

from ansible_collections.applianced.appliance.plugins.module_utils.framing import FramingError
from ansible_collections.applianced.appliance.plugins.module_utils.session import CAPABILITIES, Session

try:
    from ncclient.operations import RPC
    from ncclient.transport.errors import TransportError
    from paramiko import SSHException
except ImportError:
    RPC = object
    SSHException = TransportError = OSError

SYSTEM = "urn:applianced:yang:system"


class SshTransport(RPC):
    """Not an operation: ncclient's way to give code of others the session that it is asked to use."""

    def request(self):
        return self.session.transport


class OwnSession(Session):
    """A session on a channel of its own."""

    def __init__(self, transport, timeout_s):
        self._channel = transport.open_session(timeout=timeout_s)
        self._channel.settimeout(timeout_s)
        self._channel.invoke_subsystem("netconf")
        super().__init__(self._channel.recv, self._channel.sendall, timeout_s)

    @property
    def alive(self):
        return not self._channel.closed and not self._channel.eof_received

    def close(self):
        self._channel.close()


class Netconf(NetconfBase):
    """What modules call, by its name, over the persistent connection."""

    _own = None
    _untouched = True

    @ensure_ncclient
    def exchange(self, operations):
        """Send operations (each the XML of what stands in <rpc>) together, and return their replies in this order.

        A session that has ended between two calls is opened again; one that ends within a call is an error.
        """
        if self._own is None or not self._own.alive:
            self._own = self._opened()
            self._untouched = True
        self._untouched = self._untouched and all(operation.startswith("<get") for operation in operations)
        try:
            return self._own.exchange(operations)
        except (OSError, EOFError, FramingError) as error:
            self._own.close()
            said = "no answer in time" if isinstance(error, socket.timeout) else to_native(error)
            raise AnsibleConnectionFailure(
                f"NETCONF with {self.peer()} ended before the answer: {said}; what was asked may have been done"
            ) from error

    def _opened(self):
        """A new session, over a new SSH connection when the old one has ended, as after a restart."""
        try:
            transport = self.m.execute(SshTransport) if self.m.connected else None
            if transport is None or not transport.is_active():
                self._connection._connect()
                transport = self.m.execute(SshTransport)
            return OwnSession(transport, self._timeout())
        except (OSError, EOFError, FramingError, SSHException, TransportError) as error:
            raise AnsibleConnectionFailure(f"NETCONF with {self.peer()}: {to_native(error)}") from error

    def untouched(self):
        """Whether nothing but reading has been asked in the session: its candidate is what runs."""
        return self._own is None or not self._own.alive or self._untouched

    def peer(self):
        """user@address:port of the appliance."""
        context = self._connection._play_context
        return f"{context.remote_user or ''}@{context.remote_addr}:{context.port or 830}"

    def get_device_info(self):
        """Who is there, for modules that ask any network device."""
        wanted = f'<filter type="subtree"><system xmlns="{SYSTEM}"><host-name/></system></filter>'
        (reply,) = self.exchange([f"<get-config><source><running/></source>{wanted}</get-config>"])
        name = ElementTree.fromstring(reply).findtext(f".//{{{SYSTEM}}}host-name")
        return {"network_os": "applianced", "network_os_hostname": name or ""}

    def get_capabilities(self):
        """As text, in the form that ansible.netcommon expects."""
        self.exchange([])
        return json.dumps(
            {
                "rpc": [*self.get_base_rpc(), "exchange", "peer", "untouched"],
                "network_api": "netconf",
                "device_info": self.get_device_info(),
                "server_capabilities": self._own.capabilities,
                "client_capabilities": list(CAPABILITIES),
                "session_id": self._own.number,
                "device_operations": self.get_device_operations(self._own.capabilities),
            }
        )

    def _timeout(self):
        return self._connection.get_option("persistent_command_timeout")
