"""A port below 1024, which only root can bind at the start and a commit can move NETCONF to all the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from applianced.tools import serving
from applianced.tools.namespaces import Topology
from tests.support.appliance import EXAMPLE, private_directory
from tests.support.netns import unique_topology
from tests.support.until import until
from tests.topology.test_privileges import capabilities, status_of

NET_BIND_SERVICE = 1 << 10
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
HELLO = f'<hello xmlns="{NETCONF}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'  # noqa: E501
CHANGE = (
    "<edit-config><target><candidate/></target><config>"
    '<system xmlns="urn:applianced:yang:system"><services><netconf><ssh><port>{}</port></ssh></netconf></services>'
    "</system></config></edit-config>"
)


@pytest.fixture
def topology() -> Iterator[Topology]:
    with unique_topology() as made:
        yield made


@contextmanager
def serve(topology: Topology, directory: Path, port: int, listen: str) -> Iterator[subprocess.Popen[Any]]:
    """Management alone in the server's namespace, where no other program listens. port: in the configuration."""
    configuration = json.loads(EXAMPLE.read_text())
    services = {"netconf": {"ssh": {"port": port}}}
    configuration.setdefault("applianced-system:system", {})["services"] = services
    (directory / "first.json").write_text(json.dumps(configuration))
    serving.make_admin_key(directory)
    program = str(Path(sys.executable).with_name("applianced"))
    arguments = ["--dataplane", "none", "--config", str(directory / "first.json"), "--listen", listen]
    arguments += ["--state-dir", str(directory / "state"), "--admin-key", str(directory / "admin.pub")]
    log = (directory / "serve.log").open("wb")
    process = topology.popen(topology.server, [program, "serve", *arguments], stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: serving.ready_address(directory / "serve.log"), what="the start of management")
        yield process
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def ask(topology: Topology, directory: Path, port: int, *operations: str) -> list[str]:
    """The replies to operations, by OpenSSH inside the namespace."""
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "BatchMode=yes")
    command = ["ssh", "-F", "none", *(part for option in options for part in ("-o", option))]
    command += ["-i", str(directory / "admin"), "-p", str(port), "admin@127.0.0.1", "-s", "netconf"]
    messages = "".join(
        f'<rpc xmlns="{NETCONF}" message-id="1">{operation}</rpc>]]>]]>'
        for operation in (*operations, "<close-session/>")
    )
    done = subprocess.run(
        ["ip", "netns", "exec", topology.server, *command],
        input=HELLO + messages,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return [reply for reply in done.stdout.split("]]>]]>")[1:-1] if reply]


def test_a_commit_moves_netconf_below_1024_and_back(topology: Topology) -> None:
    with private_directory() as directory, serve(topology, directory, 831, "127.0.0.1") as process:
        status = status_of(process.pid)
        assert set(capabilities(status).values()) == {NET_BIND_SERVICE}
        assert "0" not in status["Uid"].split() + status["Gid"].split()
        assert status["NoNewPrivs"] == "1"
        assert "<ok/>" in ask(topology, directory, 831, CHANGE.format(22), "<commit/>")[1]
        assert not ask(topology, directory, 831, "<discard-changes/>")
        assert "<ok/>" in ask(topology, directory, 22, CHANGE.format(8300), "<commit/>")[1]
        assert "<ok/>" in ask(topology, directory, 8300, "<discard-changes/>")[0]
        assert not ask(topology, directory, 22, "<discard-changes/>")


def test_a_port_of_the_command_line_needs_no_capability(topology: Topology) -> None:
    with private_directory() as directory, serve(topology, directory, 831, "127.0.0.1:832") as process:
        assert set(capabilities(status_of(process.pid)).values()) == {0}
        replies = ask(topology, directory, 832, CHANGE.format(833), "<commit/>")
        assert all(re.search("<ok/>", reply) for reply in replies)
        assert "<ok/>" in ask(topology, directory, 832, "<discard-changes/>")[0], "it stays where it was put"
