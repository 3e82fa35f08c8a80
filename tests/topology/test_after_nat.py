"""First datagrams of sessions whose ALG wants to know what NAT has made of them: judged where they leave."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from applianced.tools.namespaces import IPV4, IPV6, Plan
from tests.support.appliance import Appliance, appliance_on
from tests.support.faults import agent_of, frozen, kill
from tests.support.netns import unique_topology
from tests.support.sip_messages import lines
from tests.support.sockets import datagrams_in
from tests.support.translations import permit
from tests.support.until import until

BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    with unique_topology() as topology, appliance_on(topology) as made:
        made.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        yield made


def options(plan: Plan, port: int, more: int = 0) -> bytes:
    """A request, with so many octets more than it needs."""
    host, server = (f"[{end}]" if plan.version == 6 else end for end in (plan.client, plan.server))
    return lines(
        f"OPTIONS sip:{server} SIP/2.0\n"
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{port};rport\n"
        f"From: <sip:a@{host}>;tag=1\nTo: <sip:{server}>\nCall-ID: {port}@example\nCSeq: 1 OPTIONS\n"
        f"Contact: <sip:a@{host}:{port}>\nMax-Forwards: 70\n"
        f"Content-Type: text/plain\nContent-Length: {more}\n\n"
    ) + bytes(more)


def ask(appliance: Appliance, plan: Plan, more: int = 0) -> tuple[bytes, tuple[str, int]]:
    """What the server hears of a new client, and whom it takes it for."""
    topology = appliance.topology
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=5060) as server,
    ):
        client.sendto(options(plan, client.getsockname()[1], more), (plan.server, 5060))
        octets, source = server.recvfrom(70000)
    return octets, source[:2]


@BOTH
def test_the_first_datagram_says_whom_it_comes_from(appliance: Appliance, plan: Plan) -> None:
    before = appliance.counter("sip", "judged-after-nat")
    octets, (address, port) = ask(appliance, plan)
    host = f"[{address}]" if plan.version == 6 else address
    assert address == plan.public
    assert f"Via: SIP/2.0/UDP {host}:{port};".encode() in octets
    assert f"Contact: <sip:a@{host}:{port}>".encode() in octets
    assert plan.client.encode() not in octets
    assert appliance.counter("sip", "judged-after-nat") == before + 1


@BOTH
@pytest.mark.parametrize("more", [1400, 5000, 40000])
def test_a_large_one_too(appliance: Appliance, plan: Plan, more: int) -> None:
    """In fragments, and by the queue for large ones."""
    octets, (address, port) = ask(appliance, plan, more)
    assert octets.endswith(bytes(more))
    host = f"[{address}]" if plan.version == 6 else address
    assert f"<sip:a@{host}:{port}>".encode() in octets
    assert plan.client.encode() not in octets


def test_repeats_that_come_at_once(appliance: Appliance) -> None:
    """Each is translated by itself while the first is judged; what leaves, leaves as one session."""
    topology = appliance.topology
    with (
        datagrams_in(topology.client, IPV4.client) as client,
        datagrams_in(topology.server, IPV4.server, port=5060) as server,
    ):
        asked = options(IPV4, client.getsockname()[1])
        for _ in range(20):
            client.sendto(asked, (IPV4.server, 5060))
        heard = [server.recvfrom(2000)]
        server.settimeout(0.5)
        try:
            while True:
                heard.append(server.recvfrom(2000))
        except TimeoutError:
            pass
    assert len({source for _, source in heard}) == 1
    assert len({octets for octets, _ in heard}) == 1


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_without_a_worker(mode: str) -> None:
    """As the fail mode says, also where they leave."""
    with unique_topology() as topology, appliance_on(topology) as appliance:
        appliance.push(permit("trust", "untrust", "sip-out", "junos-sip"))
        appliance.push(f"<flow><alg-fail-mode>{mode}</alg-fail-mode></flow>")
        workers, agent = appliance.workers(), agent_of(appliance)
        frozen(appliance)
        try:
            if mode == "open":
                octets, _ = ask(appliance, IPV4)
                assert IPV4.client.encode() in octets, "unread"
            else:
                with pytest.raises(TimeoutError):
                    ask(appliance, IPV4)
        finally:
            kill([agent], signal.SIGCONT)
        until(lambda: set(appliance.workers()).isdisjoint(workers) and appliance.workers(), 10, what="workers again")
        octets, _ = ask(appliance, IPV4)
        assert IPV4.client.encode() not in octets
