"""TFTP through the appliance: real clients and servers, every kind of translation, and what no gate lets in."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import etree

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, PLANS, Plan, Topology
from applianced.tools.netconf_client import ALG
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.netns import SECOND_INSIDE, second_inside, unique_topology
from tests.support.programs import checksum, make_file
from tests.support.segments import leaving
from tests.support.sockets import datagrams_in
from tests.support.tftp import CLIENTS, TftpClient, TftpServer, TftpTransfer, tftpd_hpa
from tests.support.translations import NO_NAT, destination_nat, permit, source_nat, static_nat
from tests.support.until import until

OPERATIONS = "urn:applianced:yang:operations"
OCTETS = 200_000
REQUEST = b"\0\1name\0octet\0"
DATA = b"\0\3\0\1data"
EVERY_CLIENT = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
BOTH = pytest.mark.parametrize("plan", [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])


class Route(NamedTuple):
    topology: Topology
    appliance: Appliance
    server: TftpServer


@pytest.fixture(scope="module", params=["source-nat", "routed"])
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    """The client inside, the server outside."""
    with (
        unique_topology(route_back=request.param == "routed") as topology,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        if request.param == "routed":
            appliance.push(NO_NAT)
        appliance.push(permit("trust", "untrust", "tftp-out", "junos-tftp"))
        yield Route(topology, appliance, tftpd_hpa(topology, directory))


def fetch_and_store(transfer: TftpTransfer, client: TftpClient, directory: Path, name: str = "one") -> None:
    files = transfer.server.files
    wanted = make_file(files / f"offered-{name}", OCTETS)
    client.fetch(transfer, f"offered-{name}", directory / "fetched")
    assert checksum(directory / "fetched") == wanted
    wanted = make_file(directory / "to-store", OCTETS + 1)
    client.store(transfer, directory / "to-store", f"stored-{name}")
    until(lambda: checksum(files / f"stored-{name}") == wanted, what="the server has written the file")
    (files / f"stored-{name}").unlink()


@EVERY_CLIENT
@BOTH
def test_fetches_and_stores(route: Route, client: TftpClient, plan: Plan, tmp_path: Path) -> None:
    before = [route.appliance.counter("tftp", event) for event in ("read", "write")]
    transfer = TftpTransfer(route.topology, route.server, route.topology.client, plan.server)
    fetch_and_store(transfer, client, tmp_path)
    assert [route.appliance.counter("tftp", event) for event in ("read", "write")] == [count + 1 for count in before]
    gates = [gate for gate in route.appliance.gates() if leaf(gate, "alg") == "tftp"]
    for gate in gates[-2:]:
        assert leaf(gate, "protocol") == "udp"
        assert leaf(gate, "peer-address") == plan.server


def test_several_clients_at_once(route: Route, tmp_path: Path) -> None:
    """Each gets its own file, whichever answers first."""
    transfer = TftpTransfer(route.topology, route.server, route.topology.client, IPV4.server)

    def one(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        fetch_and_store(transfer, CLIENTS[number % len(CLIENTS)], directory, str(number))

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(one, number) for number in range(16)]:
            done.result(60)


@pytest.fixture(scope="module", params=["static", "destination", "other-port"])
def published(request: pytest.FixtureRequest) -> Iterator[Route]:
    """The server inside, the client outside."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        appliance.push(permit("untrust", "trust", "tftp-in", "junos-tftp"))
        translations: dict[str, tuple[Callable[[Plan], str], int]] = {
            "static": (static_nat, 69),
            "destination": (destination_nat, 69),
            "other-port": (partial(destination_nat, outside_port=1069, port=69, protocol="udp"), 1069),
        }
        translation, port = translations[request.param]
        for plan in PLANS.values():
            appliance.push(translation(plan))
        server = tftpd_hpa(topology, directory, namespace=topology.client)
        yield Route(topology, appliance, TftpServer(server.files, port))


@EVERY_CLIENT
@BOTH
def test_a_published_server(published: Route, client: TftpClient, plan: Plan, tmp_path: Path) -> None:
    transfer = TftpTransfer(published.topology, published.server, published.topology.server, plan.extra_public)
    fetch_and_store(transfer, client, tmp_path)


@pytest.fixture(scope="module")
def hairpin() -> Iterator[Route]:
    """Both inside; the client knows the server by its public address, so both ends are translated."""
    with (
        unique_topology() as topology,
        second_inside(topology) as second,
        private_directory() as directory,
        appliance_on(topology) as appliance,
    ):
        topology.add_public_addresses()
        appliance.push(permit("trust", "trust", "tftp-inside", "junos-tftp"))
        for version, plan in PLANS.items():
            appliance.push(destination_nat(plan, zones=("trust", "untrust"), inside=SECOND_INSIDE[version]))
        networks = [plan.private_network for plan in PLANS.values()]
        appliance.push(source_nat("trust", "trust", dict.fromkeys(networks, "<interface/>")))
        yield Route(topology, appliance, tftpd_hpa(topology, directory, namespace=second))


@EVERY_CLIENT
@BOTH
def test_hairpin(hairpin: Route, client: TftpClient, plan: Plan, tmp_path: Path) -> None:
    transfer = TftpTransfer(hairpin.topology, hairpin.server, hairpin.topology.client, plan.extra_public)
    fetch_and_store(transfer, client, tmp_path)


class Scripted(NamedTuple):
    """A client socket inside, a server's outside, both of the test; and the client's address as the server sees it."""

    appliance: Appliance
    topology: Topology
    plan: Plan


@pytest.fixture(params=[pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")])
def scripted(request: pytest.FixtureRequest, topology: Topology, appliance: Appliance) -> Scripted:
    appliance.push(permit("trust", "untrust", "tftp-out", "junos-tftp"))
    return Scripted(appliance, topology, request.param)


def test_the_gate_is_for_one_session_of_the_server_alone(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    other = plan.server.removesuffix("2") + "9"
    topology.add_address(topology.server, plan, other)
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
        datagrams_in(topology.server, plan.server) as first,
        datagrams_in(topology.server, plan.server) as second,
        datagrams_in(topology.server, other) as stranger,
    ):
        client.sendto(REQUEST, (plan.server, 69))
        _, public = server.recvfrom(1000)
        assert public[0] == plan.public
        stranger.sendto(b"stranger", public)
        first.sendto(DATA, public)
        second.sendto(b"second", public)
        assert client.recvfrom(1000) == (DATA, first.getsockname())
        client.sendto(b"\0\4\0\1", first.getsockname())
        assert first.recvfrom(1000)[0] == b"\0\4\0\1"

        client.sendto(REQUEST, (plan.server, 69))  # said again: the server may answer by another session
        assert server.recvfrom(1000) == (REQUEST, public)
        second.sendto(b"second", public)
        assert client.recvfrom(1000) == (b"second", second.getsockname())
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recvfrom(1000)
    assert (appliance.counter("tftp", "gates-opened"), appliance.counter("tftp", "gates-renewed")) == (1, 1)


def test_a_gate_outlives_its_worker(scripted: Scripted) -> None:
    """The server is slow; meanwhile the worker that opened the gate dies. Its successor knows the request."""
    appliance, topology, plan = scripted
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
        datagrams_in(topology.server, plan.server) as answering,
    ):
        client.sendto(REQUEST, (plan.server, 69))
        _, public = server.recvfrom(1000)
        before = appliance.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(appliance.workers()) - set(before)) == len(before), 10, what="workers run again")
        assert appliance.counter("tftp", "sessions-resumed") == 1
        answering.sendto(DATA, public)
        assert client.recvfrom(1000) == (DATA, answering.getsockname())
        client.sendto(REQUEST, (plan.server, 69))
        assert server.recvfrom(1000)[0] == REQUEST
        assert appliance.counter("tftp", "again") == 1
        (session,) = appliance.flow("control-sessions")
        assert (leaf(session, "alg"), leaf(session, "protocol"), leaf(session, "gates")) == ("tftp", "udp", "1")


def test_a_gate_that_is_closed_by_hand_is_closed(scripted: Scripted) -> None:
    """The kernel opened it by itself: what it entered is found and taken out."""
    appliance, topology, plan = scripted
    with (
        datagrams_in(topology.client, plan.client, timeout_s=0.3) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
        datagrams_in(topology.server, plan.server) as answering,
    ):
        client.sendto(REQUEST, (plan.server, 69))
        _, public = server.recvfrom(1000)
        (gate,) = appliance.gates()
        assert (leaf(gate, "outside-address"), leaf(gate, "outside-port")) == (plan.public, str(public[1]))
        assert (leaf(gate, "inside-address"), leaf(gate, "one-shot")) == (plan.client, "true")
        clear = f'<clear-gate xmlns="{OPERATIONS}"><number>{leaf(gate, "number")}</number></clear-gate>'
        appliance.netconf.session.dispatch(etree.fromstring(clear))
        answering.sendto(DATA, public)
        with pytest.raises(TimeoutError):
            client.recvfrom(1000)
        client.sendto(REQUEST, (plan.server, 69))
        answering.sendto(DATA, server.recvfrom(1000)[1])
        assert client.recvfrom(1000)[0] == DATA


def test_what_is_no_request_does_not_arrive(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
    ):
        for data in (b"\0\4\0\1", b"", b"\0\1name\0other\0", REQUEST):
            client.sendto(data, (plan.server, 69))
        assert server.recvfrom(1000)[0] == REQUEST
    assert (appliance.counter("tftp", "no-request"), appliance.counter("tftp", "bad-mode")) == (2, 1)
    assert appliance.counter("tftp", "packets-refused") == 3


@pytest.mark.parametrize("octets", [3_900, 4_100, 20_000, 60_000])
def test_large_datagrams_are_read_whole(scripted: Scripted, octets: int) -> None:
    """Fragmented on the wire both ways: a request of such a size is refused, a block on the same port passes."""
    appliance, topology, plan = scripted
    block = DATA + bytes(range(256)) * (octets // 256)
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
    ):
        client.sendto(b"\0\1" + b"x" * octets + b"\0octet\0", (plan.server, 69))
        client.sendto(REQUEST, (plan.server, 69))
        data, public = server.recvfrom(65535)
        assert data == REQUEST
        assert appliance.counter("tftp", "long-request") == 1
        server.sendto(block, public)
        assert client.recvfrom(65535) == (block, (plan.server, 69, *server.getsockname()[2:]))
        client.sendto(b"\0\4\0\1" + block, (plan.server, 69))
        assert server.recvfrom(65535)[0] == b"\0\4\0\1" + block
    assert appliance.counter("tftp", "malformed-packet") == 0


def test_disabled(scripted: Scripted) -> None:
    """Requests pass, and no gate opens."""
    appliance, topology, plan = scripted
    appliance.push(f'<alg xmlns="{ALG}"><tftp><disable/></tftp></alg>')
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=69) as server,
        datagrams_in(topology.server, plan.server) as answering,
    ):
        client.sendto(REQUEST, (plan.server, 69))
        _, public = server.recvfrom(1000)
        answering.sendto(DATA, public)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recvfrom(1000)


def test_another_port_by_an_application(scripted: Scripted) -> None:
    appliance, topology, plan = scripted
    appliance.netconf.push(
        """
        <applications xmlns="urn:applianced:yang:applications"><application><name>boot</name>
          <application-protocol>tftp</application-protocol><protocol>udp</protocol>
          <destination-port>6969</destination-port></application></applications>
        """
    )
    appliance.push(permit("trust", "untrust", "boot-out", "boot"))
    with (
        datagrams_in(topology.client, plan.client) as client,
        datagrams_in(topology.server, plan.server, port=6969) as server,
        datagrams_in(topology.server, plan.server) as answering,
    ):
        client.sendto(REQUEST, (plan.server, 6969))
        _, public = server.recvfrom(1000)
        answering.sendto(DATA, public)
        assert client.recvfrom(1000)[0] == DATA


def test_a_block_size_that_is_agreed_upon_holds(route: Route, tmp_path: Path) -> None:
    """Blocks of 8 KiB, in fragments, and as few acknowledgements, both ways (RFC 2347, 2348)."""
    size = "8192"
    files, topology = route.server.files, route.topology
    wanted = make_file(files / "blocks", OCTETS)
    before = route.appliance.counter("tftp", "options")
    url = f"tftp://{IPV4.server}:69/blocks"
    words = ["curl", "-sS", "--max-time", "20", "--tftp-blksize", size]
    with leaving(topology.client) as sniffer:
        topology.run(topology.client, [*words, "--output", str(tmp_path / "blocks"), url])
        sent = sniffer.packets()
    assert checksum(tmp_path / "blocks") == wanted
    assert len(sent) == 1 + 1 + OCTETS // int(size) + 1, "a request, an answer to OACK, one for each block"
    topology.run(topology.client, [*words, "--upload-file", str(tmp_path / "blocks"), f"{url}-stored"])
    until(lambda: checksum(files / "blocks-stored") == wanted, what="the server has written the file")
    assert route.appliance.counter("tftp", "options") == before + 2
    reasons = [leaf(gate, "reason") for gate in route.appliance.gates()]
    assert any(f"blksize={size}" in (reason or "") for reason in reasons)
