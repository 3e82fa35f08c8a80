"""Sessions under way when the policy that admitted them changes, with `policy-rematch` and without."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from subprocess import PIPE

import pytest

from applianced.tools.namespaces import IPV4, IPV6, Topology
from tests.support.appliance import Appliance
from tests.support.sockets import connect_in, socket_in

REMATCH = "<policies><policy-rematch/></policies>"


def with_rematch(policies: str) -> str:
    """The same edit with policy-rematch; <policies> may be said once only."""
    return (policies + REMATCH).replace("</policies><policies>", "")


PAIR = (
    "<policies><policy><from-zone-name>trust</from-zone-name><to-zone-name>untrust</to-zone-name>{}</policy></policies>"
)
MATCH = """
<match><source-address>any</source-address><destination-address>any</destination-address>
<application>{}</application></match>"""
GLOBAL = "<policies><global>{}</global></policies>"
DELETE = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"'


def permit(name: str, *applications: str) -> str:
    named = "</application><application>".join(applications)
    return f"<policy><name>{name}</name>{MATCH.format(named)}<then><permit/></then></policy>"


DENY_WEB = PAIR.format("<policy><name>web</name><then><deny/></then></policy>")


@pytest.fixture
def web(topology: Topology) -> Iterator[socket.socket]:
    listener = socket_in(topology.server, socket.AF_INET)
    listener.bind((IPV4.server, 80))
    listener.listen()
    listener.settimeout(10)
    yield listener
    listener.close()


def connected(topology: Topology, web: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = connect_in(topology.client, IPV4.server, 80, timeout_s=5)
    served, _ = web.accept()
    served.settimeout(1)
    return client, served


def goes_on(client: socket.socket, served: socket.socket) -> bool:
    """Whether what one end says reaches the other; no means that it was reset."""
    try:
        client.sendall(b"x")
        return served.recv(1) == b"x"
    except (ConnectionResetError, TimeoutError):
        return False


def test_without_it_a_session_goes_on(topology: Topology, appliance: Appliance, web: socket.socket) -> None:
    appliance.push(PAIR.format(permit("web", "junos-http")))
    client, served = connected(topology, web)
    with client, served:
        appliance.push(DENY_WEB)
        assert goes_on(client, served)
    with pytest.raises(TimeoutError):
        connect_in(topology.client, IPV4.server, 80, timeout_s=0.5)


def test_with_it_a_session_ends_that_is_no_longer_permitted(
    topology: Topology, appliance: Appliance, web: socket.socket
) -> None:
    appliance.push(with_rematch(PAIR.format(permit("web", "junos-http", "junos-https"))))
    client, served = connected(topology, web)
    with client, served:
        # Another change of the policy that still permits it.
        appliance.push(PAIR.format(permit("web", "junos-telnet")))
        assert goes_on(client, served)
        appliance.push(DENY_WEB)
        assert not goes_on(client, served)


def test_a_session_that_another_policy_permits_becomes_its_own(
    topology: Topology, appliance: Appliance, web: socket.socket
) -> None:
    both = permit("web", "junos-http", "junos-https") + permit("more", "junos-http")
    appliance.push(with_rematch(PAIR.format(both)))
    client, served = connected(topology, web)
    with client, served:
        removed = f"<policy><name>web</name><match><application {DELETE}>junos-http</application></match></policy>"
        appliance.push(PAIR.format(removed))
        assert goes_on(client, served)
        # It no longer rests on the policy that admitted it.
        appliance.push(PAIR.format(f"<policy {DELETE}><name>web</name></policy>"))
        assert goes_on(client, served)
        appliance.push(PAIR.format(f"<policy {DELETE}><name>more</name></policy>"))
        assert not goes_on(client, served)


def test_sessions_of_a_global_policy(topology: Topology, appliance: Appliance, web: socket.socket) -> None:
    appliance.push(with_rematch(GLOBAL.format(permit("web", "junos-http"))))
    client, served = connected(topology, web)
    with client, served:
        appliance.push(GLOBAL.format(permit("web", "junos-telnet")))
        assert goes_on(client, served)
        appliance.push(GLOBAL.format("<policy><name>web</name><then><reject/></then></policy>"))
        assert not goes_on(client, served)


@pytest.mark.parametrize("address", [IPV4.server, IPV6.server])
def test_pings_end_with_their_policy(topology: Topology, appliance: Appliance, address: str) -> None:
    """Conntrack knows an ICMP session by identifier, type and code."""
    sent = 80
    appliance.push(REMATCH)
    ping = topology.popen(topology.client, ["ping", "-i", "0.05", "-c", str(sent), "-W", "1", address], stdout=PIPE)
    assert ping.stdout is not None
    assert any("bytes from" in ping.stdout.readline() for _ in range(3))
    appliance.push(PAIR.format("<policy><name>allow-ping</name><then><deny/></then></policy>"))
    found = re.search(r"(\d+) received", ping.communicate(timeout=20)[0])
    assert found is not None
    assert 0 < int(found[1]) < sent
