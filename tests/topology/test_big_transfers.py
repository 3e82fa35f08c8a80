"""Big files arrive whole in every mode, also when packets are lost on the path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import PLANS, Topology
from tests.support.appliance import appliance_on, private_directory
from tests.support.netns import EVERYWHERE, lose, lost, unique_topology
from tests.support.programs import ALL_MODES, CLIENTS, Mode, Transfer, checksum, make_file

CASES = [pytest.param(version, mode, id=f"ipv{version}-{mode.value}") for version, mode in ALL_MODES]
LOSS_PERCENT = 3


@pytest.fixture(scope="module", params=[pytest.param(0, id="no-loss"), pytest.param(LOSS_PERCENT, id="loss")])
def route(request: pytest.FixtureRequest) -> Iterator[tuple[Topology, FtpServer, int]]:
    """The appliance and vsftpd, with so much loss at every entrance."""
    unstarted = unique_topology(offloads=not request.param)
    with unstarted as topology, private_directory() as directory, appliance_on(topology):
        server = vsftpd(topology, directory)
        if request.param:
            lose(topology, request.param)
        yield topology, server, request.param


@pytest.mark.parametrize(("version", "mode"), CASES)
def test_arrives_whole(
    route: tuple[Topology, FtpServer, int], version: int, mode: Mode, tmp_path: Path, soak: bool
) -> None:
    topology, server, loss = route
    octets = (4_000_000 if loss else 200_000_000) * (5 if soak else 1)
    sent = tmp_path / f"big-{version}-{mode.value}"
    wanted = make_file(sent, octets)
    transfer = Transfer(topology, server, PLANS[version], mode, timeout_s=100)
    curl = CLIENTS["curl"]

    curl.store(transfer, sent, sent.name)
    stored = server.files / sent.name
    assert checksum(stored) == wanted
    curl.fetch(transfer, sent.name, tmp_path / "back")
    assert checksum(tmp_path / "back") == wanted

    stored.unlink()
    assert invalid_packets(topology) == 0
    if loss:
        assert all(lost(topology, place) for place in EVERYWHERE)


def invalid_packets(topology: Topology) -> int:
    """What connection tracking in the gateway has found invalid so far."""
    statistics = topology.run(topology.gateway, ["conntrack", "--stats"]).stdout
    return sum(int(number) for number in re.findall(r"\binvalid=(\d+)", statistics))
