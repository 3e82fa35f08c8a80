"""Big files arrive whole in every mode and on every kind of path, also when packets are lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet

from applianced.tools.ftp_server import FtpServer, make_certificate, vsftpd
from applianced.tools.namespaces import PLANS, Plan, Topology
from tests.support.appliance import FTPS_EXTENSION, appliance_on, private_directory
from tests.support.netns import EVERYWHERE, lose, lost, unique_topology
from tests.support.programs import ALL_MODES, CLIENTS, Mode, Transfer, fetch_and_store
from tests.support.translations import NO_NAT, destination_nat, permit_ftp, static_nat

LOSS_PERCENT = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of path. security: what is configured beyond the example. inside: the server is. tls: explicit.

    octets, lossy_octets: size of the files in the short form.
    """

    name: str
    security: str = ""
    inside: bool = False
    tls: bool = False
    octets: int = 5_000_000
    lossy_octets: int = 300_000


def published(translation: Callable[[Plan], str]) -> str:
    return permit_ftp("untrust", "trust") + "".join(translation(plan) for plan in PLANS.values())


KINDS = [
    Kind("source", octets=200_000_000, lossy_octets=4_000_000),
    Kind("routed", NO_NAT),
    Kind("static", published(static_nat), inside=True),
    Kind("destination", published(destination_nat), inside=True),
]
ENCRYPTED = Kind("tls", FTPS_EXTENSION, tls=True)


class Route(NamedTuple):
    topology: Topology
    server: FtpServer
    kind: Kind
    loss: int


def paths(kinds: Sequence[Kind]) -> list[ParameterSet]:
    """Each kind without loss and with it."""
    return [
        pytest.param((kind, loss), id=f"{kind.name}{'-loss' * bool(loss)}")
        for kind in kinds
        for loss in (0, LOSS_PERCENT)
    ]


def cases(modes: Iterable[tuple[int, Mode]]) -> list[ParameterSet]:
    return [pytest.param(version, mode, id=f"ipv{version}-{mode.value}") for version, mode in modes]


@contextmanager
def made(kind: Kind, loss: int) -> Iterator[Route]:
    """The appliance and vsftpd, with so much loss at every entrance."""
    unstarted = unique_topology(route_back=kind.name == "routed", offloads=not loss)
    with unstarted as topology, private_directory() as directory, appliance_on(topology) as appliance:
        topology.add_public_addresses()
        if kind.security:
            appliance.push(kind.security)
        certificate = make_certificate(directory) if kind.tls else None
        namespace = topology.client if kind.inside else topology.server
        server = vsftpd(topology, directory, namespace=namespace, certificate=certificate)
        if loss:
            lose(topology, loss)
        yield Route(topology, server, kind, loss)


@pytest.fixture(scope="module", params=paths(KINDS))
def route(request: pytest.FixtureRequest) -> Iterator[Route]:
    with made(*request.param) as found:
        yield found


@pytest.fixture(scope="module", params=paths([ENCRYPTED]))
def encrypted(request: pytest.FixtureRequest) -> Iterator[Route]:
    with made(*request.param) as found:
        yield found


@pytest.mark.parametrize(("version", "mode"), cases(ALL_MODES))
def test_arrives_whole(route: Route, version: int, mode: Mode, tmp_path: Path, soak: bool) -> None:
    exchange(route, PLANS[version], mode, tmp_path, 5 if soak else 1)


@pytest.mark.parametrize(("version", "mode"), cases(case for case in ALL_MODES if not case[1].active))
def test_arrives_whole_by_tls(encrypted: Route, version: int, mode: Mode, tmp_path: Path, soak: bool) -> None:
    """Passive alone: an encrypted announcement cannot be translated."""
    exchange(encrypted, PLANS[version], mode, tmp_path, 5 if soak else 1)


def exchange(route: Route, plan: Plan, mode: Mode, directory: Path, factor: int) -> None:
    """Fetch and store one big file each, so many times as big as in the short form."""
    topology, server, kind, loss = route
    transfer = Transfer(topology, server, plan, mode, timeout_s=100, tls=kind.tls)
    if kind.inside:
        transfer = replace(transfer, namespace=topology.server, host=plan.extra_public)
    octets = (kind.lossy_octets if loss else kind.octets) * factor

    fetch_and_store(CLIENTS["curl"], transfer, directory, offered=octets, stored=octets)

    assert invalid_packets(topology) == 0
    if loss:
        assert any(lost(topology, place) for place in EVERYWHERE)


def invalid_packets(topology: Topology) -> int:
    """What connection tracking in the gateway has found invalid so far."""
    statistics = topology.run(topology.gateway, ["conntrack", "--stats"]).stdout
    return sum(int(number) for number in re.findall(r"\binvalid=(\d+)", statistics))
