"""What each process may do, read from /proc: management, watchdog, agent, workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.lab_report import leaf
from tests.support.appliance import Appliance, appliance_on
from tests.support.netns import unique_topology

NET_ADMIN_AND_RAW = 1 << 12 | 1 << 13
FILTERED = "2"


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """One appliance for the whole module: these tests only look."""
    with unique_topology() as topology, appliance_on(topology) as made:
        yield made


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status by field."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def capabilities(status: dict[str, str]) -> dict[str, int]:
    """The capability sets of a process as bit fields."""
    return {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}


def test_management_can_do_nothing_special(appliance: Appliance) -> None:
    status = status_of(appliance.serving.process_id)
    assert set(capabilities(status).values()) == {0}
    assert "0" not in status["Uid"].split() + status["Gid"].split() + status["Groups"].split()
    assert status["NoNewPrivs"] == "1"


def test_dataplane_has_two_capabilities_exactly(appliance: Appliance) -> None:
    """Watchdog, agent and workers alike."""
    processes = appliance.dataplane_processes()
    assert len(processes) == len(appliance.workers()) + 2
    for pid in processes:
        status = status_of(pid)
        assert set(capabilities(status).values()) == {NET_ADMIN_AND_RAW}
        assert "0" not in status["Uid"].split() + status["Gid"].split() + status["Groups"].split()
        assert status["NoNewPrivs"] == "1"


def test_workers_are_confined(appliance: Appliance) -> None:
    for pid in appliance.workers():
        assert status_of(pid)["Seccomp"] == FILTERED
    assert "without a seccomp filter" not in appliance.log()


def test_workers_hold_no_sockets_of_the_agent(appliance: Appliance) -> None:
    """What a worker has open: standard streams, its control socket, netlink. No file, no UNIX socket with a name."""
    agents = [pid for pid in appliance.dataplane_processes() if pid not in appliance.workers()]
    theirs = {target for pid in agents for target in open_sockets(pid)}
    for pid in appliance.workers():
        assert not open_sockets(pid) & theirs


def open_sockets(pid: int) -> set[str]:
    return {
        target
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (target := str(link.readlink())).startswith(("socket:", "anon_inode:[eventpoll"))
        and target != "anon_inode:[eventpoll]"
    }


def test_state_shows_the_workers_that_run(appliance: Appliance) -> None:
    for worker in appliance.flow("workers"):
        assert leaf(worker, "state") == "running"
        assert leaf(worker, "restarts") == "0"
        assert int(leaf(worker, "pid")) in appliance.dataplane_processes()
