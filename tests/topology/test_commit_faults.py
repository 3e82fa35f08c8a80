"""Commits that fail leave everything as before: whatever dies, hangs, refuses or has no room left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology, run
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.faults import (
    GATE_TIMEOUT,
    agent_of,
    fetch_small,
    gate_timeout,
    kill,
    parent_of,
    policy_table,
)
from tests.support.ftp_session import ftp_session
from tests.support.until import until


def refused(appliance: Appliance, security: str) -> str:
    """Commit what must be refused; the message of the rpc-error."""
    with pytest.raises(RPCError) as caught:
        appliance.push(security)
    return str(caught.value.message)


@contextmanager
def nothing_changes(topology: Topology, appliance: Appliance, server: FtpServer) -> Iterator[None]:
    """Around a commit that fails: configuration, kernel and sessions are as before, and the next commit works."""
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        rules, timeout = policy_table(topology), gate_timeout(appliance)
        yield
        assert policy_table(topology) == rules
        assert gate_timeout(appliance) == timeout
        fetch_small(session)
        appliance.push(GATE_TIMEOUT.format(99))
        assert gate_timeout(appliance) == "99"
        fetch_small(session)


def test_commit_while_a_worker_hangs(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """It is refused, and the worker replaced."""
    hanging = appliance.workers()[0]
    with nothing_changes(topology, appliance, server):
        os.kill(hanging, signal.SIGSTOP)
        message = refused(appliance, GATE_TIMEOUT.format(18))
        assert "dataplane refused the commit in prepare: worker 0: no answer within" in message
        until(lambda: len(set(appliance.workers()) - {hanging}) == 2, 10, what="it is replaced")


FAULTY_NFT = """#!/bin/sh
fault=$(cat {directory}/fault 2>/dev/null)
case "$fault $1" in
  "check --check" | "load --file") rm {directory}/fault; echo "injected fault" >&2; exit 1 ;;
  "die --file") rm {directory}/fault; {nft} "$@"; kill -9 $PPID; exit 1 ;;
  "verify --file") rm {directory}/fault; {nft} "$@" && exec {nft} delete chain inet rules input ;;
esac
exec {nft} "$@"
"""


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory first in PATH with an `nft` that fails once, at what the file `fault` in it names."""
    with private_directory() as directory:
        directory.chmod(0o777)
        command = directory / "nft"
        command.write_text(FAULTY_NFT.format(directory=directory, nft=shutil.which("nft")))
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
        yield directory


@pytest.mark.parametrize(
    ("fault", "phase", "why"),
    [
        ("check", "prepare", "nft --check --file -: injected fault"),
        ("load", "apply", "nft --file -: injected fault"),
        ("verify", "verify", "verify: chain input is not in the kernel"),
    ],
)
def test_commit_that_fails_in_the_kernel(
    topology: Topology, server: FtpServer, faults: Path, fault: str, phase: str, why: str
) -> None:
    with appliance_on(topology) as appliance:
        with nothing_changes(topology, appliance, server):
            workers = appliance.workers()
            (faults / "fault").write_text(fault)
            message = refused(appliance, f"<flow><alg-fail-mode>open</alg-fail-mode></flow>{GATE_TIMEOUT.format(18)}")
            assert f"dataplane refused the commit in {phase}: {why}" in message
            assert not (faults / "fault").exists()
        assert appliance.workers() == workers


def test_a_ruleset_that_stays_is_left_alone(topology: Topology, server: FtpServer, faults: Path) -> None:
    """What changes for the workers alone asks the kernel nothing, unless somebody has taken rules away."""
    with appliance_on(topology) as appliance:
        rules = policy_table(topology)
        (faults / "fault").write_text("check")
        appliance.push(GATE_TIMEOUT.format(18))
        assert (faults / "fault").exists()
        assert gate_timeout(appliance) == "18"
        (faults / "fault").unlink()
        topology.run(topology.gateway, ["nft", "flush", "chain", "inet", "rules", "input"])
        assert policy_table(topology) != rules
        appliance.push(GATE_TIMEOUT.format(19))
        assert policy_table(topology) == rules
        with ftp_session(topology, server, IPV4) as session:
            fetch_small(session)


def test_agent_killed_in_the_midst_of_a_commit(topology: Topology, server: FtpServer, faults: Path) -> None:
    """The kernel has the new rules when it dies: the next agent takes them back."""
    with appliance_on(topology) as appliance, nothing_changes(topology, appliance, server):
        agent = agent_of(appliance)
        (faults / "fault").write_text("die")
        message = refused(appliance, f"<flow><alg-fail-mode>open</alg-fail-mode></flow>{GATE_TIMEOUT.format(18)}")
        assert "dataplane refused the commit in apply" in message
        assert "putting the old state back failed" not in message
        assert not (faults / "fault").exists()
        until(lambda: len(appliance.workers()) == 2, 10, what="workers run again")
        assert agent_of(appliance) != agent


def test_commit_without_a_dataplane(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    agent = agent_of(appliance)
    watchdog = parent_of(agent)
    # Stopped first: an agent that sees its watchdog die takes its place.
    kill([watchdog, agent], signal.SIGSTOP)
    kill([watchdog, agent])
    until(lambda: not appliance.dataplane_processes(), what="the dataplane is gone")

    assert "dataplane refused the commit in prepare: dataplane agent" in refused(appliance, GATE_TIMEOUT.format(18))

    assert gate_timeout(appliance) != "18"
    appliance.restart()
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A directory whose `state` is a file system of its own, of a few megabytes."""
    with private_directory() as directory:
        state = directory / "state"
        state.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", str(state)])
        try:
            yield directory
        finally:
            run(["umount", "--lazy", str(state)])


def test_commit_on_a_full_disk(topology: Topology, server: FtpServer, small_disk: Path) -> None:
    appliance = Appliance(topology, small_disk)
    try:
        with nothing_changes(topology, appliance, server):
            ballast = small_disk / "state" / "ballast"
            fill(ballast)
            message = refused(appliance, GATE_TIMEOUT.format(18))
            assert "No space left on device" in message
            ballast.unlink()
    finally:
        appliance.stop()


def fill(ballast: Path) -> None:
    """Take every octet that the disk has left."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
