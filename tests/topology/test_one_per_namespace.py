"""A start that cannot succeed costs nothing: not what runs already, and nothing is left of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from applianced.tools import serving
from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import EXAMPLE, Appliance
from tests.support.faults import SMALL_OCTETS, fetch_small
from tests.support.ftp_session import ftp_session
from tests.support.programs import make_file
from tests.support.until import until


def start(namespace: str, directory: Path, listen: str) -> subprocess.CompletedProcess[str]:
    """Run `serve` with a state of its own, to its end."""
    directory.mkdir(exist_ok=True)
    key = serving.make_admin_key(directory)
    argv = [sys.executable, "-m", "applianced", "serve", "--netns", namespace, "--config", str(EXAMPLE)]
    argv += ["--state-dir", str(directory / "state"), "--admin-key", f"{key}.pub", "--listen", listen]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def ruleset(topology: Topology) -> str:
    return topology.run(topology.gateway, ["nft", "--stateless", "list", "table", "inet", "rules"]).stdout


def test_second_on_a_namespace_is_refused(
    topology: Topology, appliance: Appliance, server: FtpServer, server_directory: Path
) -> None:
    make_file(server.files / "small", SMALL_OCTETS)
    before, workers = ruleset(topology), appliance.workers()
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        second = start(topology.gateway, server_directory / "second", "127.0.0.1:0")
        assert second.returncode == 1
        assert f"network namespace {topology.gateway} is served already (by process " in second.stderr
        holder = int(second.stderr.partition("(by process ")[2].partition(")")[0])
        assert holder in appliance.dataplane_processes()
        assert ruleset(topology) == before
        assert appliance.workers() == workers
        fetch_small(session)


def test_namespace_is_free_again_after_the_end(topology: Topology, appliance: Appliance) -> None:
    appliance.restart()
    assert appliance.workers()


def test_address_in_use_makes_nothing(topology: Topology, server_directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failed = start(topology.gateway, server_directory / "second", address)
    assert failed.returncode == 1
    assert f"cannot listen on {address}: Address already in use" in failed.stderr
    assert not topology.run(topology.gateway, ["nft", "list", "tables"]).stdout
    assert not (server_directory / "second" / "state" / "dataplane").exists()


def test_failed_start_leaves_what_it_took_up(topology: Topology, appliance: Appliance) -> None:
    """The same state directory, while its management runs: the running dataplane is not the second one's to end."""
    before, workers = ruleset(topology), appliance.workers()
    second = start(topology.gateway, appliance.directory, "127.0.0.1:0")
    assert second.returncode == 1
    assert "is in use by another applianced" in second.stderr
    until(lambda: appliance.workers() == workers, what="the workers are the same")
    assert ruleset(topology) == before
