"""A topology with the appliance on its gateway, for the tests of one module or of one function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import Topology
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.faults import SMALL_OCTETS
from tests.support.netns import unique_topology
from tests.support.programs import make_file


@pytest.fixture
def topology() -> Iterator[Topology]:
    """Namespaces for one test."""
    with unique_topology() as made:
        yield made


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """Where a server keeps its files."""
    with private_directory() as directory:
        yield directory


@pytest.fixture
def appliance(topology: Topology) -> Iterator[Appliance]:
    """The appliance with the example's configuration, for one test."""
    with appliance_on(topology) as made:
        yield made


@pytest.fixture
def server(topology: Topology, server_directory: Path) -> FtpServer:
    """vsftpd in the server's namespace, with a small file, for one test."""
    server = vsftpd(topology, server_directory)
    make_file(server.files / "small", SMALL_OCTETS)
    return server
