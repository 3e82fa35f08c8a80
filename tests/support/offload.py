"""Policies with services-offload, what the state says of it, and a stream that is under way meanwhile.

For whatever stands between the two namespaces: its zones are trust and untrust.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import NamedTuple, Self

from lxml import etree

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import Plan, Topology
from applianced.tools.netconf_client import PREFIXES, NetconfClient
from tests.support.appliance import FLOW_FILTER, SECURITY_ELEMENT
from tests.support.sockets import connect_in, listen_in

OFFLOAD = "<permit><services-offload/></permit>"
BLOCK = bytes(1 << 16)
PAUSE_S = 0.02
"""Between two blocks: enough for a stream that is under way, and an emulated machine has time for others."""
_REPLACE = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="replace"'


def policy(name: str, *applications: str, then: str = OFFLOAD) -> str:
    """A policy for everybody; of any application when none is named."""
    named = "</application><application>".join(applications or ("any",))
    return (
        f"<policy><name>{name}</name><match><source-address>any</source-address>"
        f"<destination-address>any</destination-address><application>{named}</application></match>"
        f"<then>{then}</then></policy>"
    )


def outbound(*policies: str) -> str:
    """These are the policies from trust to untrust, and no others; as configuration of `security`."""
    return (
        f"<policies><policy {_REPLACE}><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>"
        f"{''.join(policies)}</policy></policies>"
    )


def push(netconf: NetconfClient, security: str, beside: str = "") -> None:
    """Commit what stands inside `security`, and what stands beside it."""
    netconf.push(SECURITY_ELEMENT.format(security) + beside)


class Shown(NamedTuple):
    """The state services-offload."""

    state: str
    reason: str
    interfaces: frozenset[str]
    sessions: int
    by_rules: int


def shown(netconf: NetconfClient) -> Shown:
    found = netconf.get(FLOW_FILTER.format("services-offload")).find(".//state:services-offload", PREFIXES)
    assert found is not None
    interfaces = frozenset(str(each.text) for each in found.iterfind("state:interface", PREFIXES))
    numbers = [int(leaf(found, name)) for name in ("sessions", "packets-by-rules")]
    return Shown(leaf(found, "state"), leaf(found, "reason"), interfaces, *numbers)


def flow(netconf: NetconfClient, container: str) -> list[etree._Element]:
    """Entries of control-sessions or data-sessions."""
    return list(netconf.get(FLOW_FILTER.format(container)).iterfind(f".//state:{container}/*", PREFIXES))


class Stream:
    """A TCP connection from the client, on which the server sends until the end. received: octets that have arrived.
    ended: that somebody else has ended it."""

    def __init__(self, topology: Topology, plan: Plan, port: int = 80) -> None:
        with listen_in(topology.server, plan.server, port=port) as listener:
            self.client = connect_in(topology.client, plan.server, port, timeout_s=30)
            self.served, _ = listener.accept()
        self.received = 0
        self.ended = False
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        try:
            while not self._closing.wait(PAUSE_S):
                self.served.sendall(BLOCK)
            self.served.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True

    def _receive(self) -> None:
        try:
            while octets := self.client.recv(1 << 16):
                self.received += len(octets)
        except OSError:
            self.ended = True

    def goes_on(self) -> bool:
        """Whether more arrives than now."""
        before = self.received
        self._threads[1].join(0.5)
        return self.received > before and not self.ended

    def over(self) -> bool:
        """Whether somebody else has ended it. The client speaks: what comes from outside for a session that nobody
        knows is for the appliance itself, and is dropped."""
        try:
            self.client.send(b"x", socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except OSError:
            # The kernel tells of a reset once: here, or to the thread that receives.
            self.ended = True
        return self.ended

    def finish(self) -> int:
        """Close in order; how much has arrived."""
        self._closing.set()
        for thread in self._threads:
            thread.join(60)
        return self.received

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for each in (self.client, self.served):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        for each in (self.client, self.served):
            each.close()
