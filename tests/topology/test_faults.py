"""What goes on when a part of the appliance dies, hangs or has no room left."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]

from applianced.tools.ftp_server import FtpServer
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology, run
from applianced.tools.netconf_client import SECURITY
from tests.support.appliance import Appliance, appliance_on, private_directory
from tests.support.ftp_session import FtpSession, ftp_session, read_all
from tests.support.programs import make_file
from tests.support.until import until

BIG_OCTETS = 20_000_000
SMALL_OCTETS = 1000
GATE_TIMEOUT = "<flow><gate-timeout>{}</gate-timeout></flow>"
PLANS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


@pytest.fixture
def server(server: FtpServer) -> FtpServer:
    """The server of the topology, with a big and a small file."""
    make_file(server.files / "big", BIG_OCTETS)
    make_file(server.files / "small", SMALL_OCTETS)
    return server


def retrieve(session: FtpSession, name: str) -> socket.socket:
    """Ask for a file in active mode; the open data connection."""
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(f"RETR pub/{name}\r\n".encode())
    with listener:
        data, _ = listener.accept()
    return data


def fetch_small(session: FtpSession) -> None:
    """One whole transfer: announcement, data, replies."""
    assert len(read_all(retrieve(session, "small"))) == SMALL_OCTETS
    session.expect(150)
    session.expect(226)


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        os.kill(pid, number)


def restarts(appliance: Appliance) -> int:
    return sum(int(leaf(worker, "restarts")) for worker in appliance.flow("workers"))


def renewed(appliance: Appliance, before: list[int]) -> None:
    """Wait until other workers run."""
    until(lambda: len(set(appliance.workers()) - set(before)) == len(before), 10, what="workers run again")


def agent_of(appliance: Appliance) -> int:
    """The agent: the parent of the workers."""
    return parent_of(appliance.workers()[0])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gate_timeout(appliance: Appliance) -> str:
    """The leaf in running."""
    found = appliance.netconf.get_config(f'<security xmlns="{SECURITY}"><flow/></security>')
    return found.findtext(f".//{{{SECURITY}}}gate-timeout", default="")


def policy_table(topology: Topology) -> str:
    return topology.run(topology.gateway, ["nft", "--stateless", "list", "table", "inet", "rules"]).stdout


@pytest.mark.parametrize("plan", PLANS)
def test_worker_killed_during_a_transfer(
    topology: Topology, appliance: Appliance, server: FtpServer, plan: Plan
) -> None:
    with ftp_session(topology, server, plan) as session:
        data = retrieve(session, "big")
        killed = appliance.workers()
        kill(killed)
        assert read_all(data) == (server.files / "big").read_bytes()
        renewed(appliance, killed)
        session.expect(150)
        session.expect(226)
        fetch_small(session)
    assert restarts(appliance) == len(killed)
    assert appliance.counter("ftp", "sessions-resumed") == 1


def test_worker_killed_again_and_again_within_a_session(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    """Offsets add up over the lives of several workers."""
    with ftp_session(topology, server, IPV4) as session:
        for _ in range(3):
            fetch_small(session)
            killed = appliance.workers()
            kill(killed)
            fetch_small(session)
            renewed(appliance, killed)
    assert appliance.counter("ftp", "sessions-resumed") == 3
    assert not appliance.counter("ftp", "sessions-unknown")
    assert not appliance.counter("ftp", "session-resets")


def test_worker_killed_inside_a_command(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The first half of an announcement was read by one worker, the second by the next."""
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        session.send(announcement[:9])
        until(lambda: appliance.counter("ftp", "packets") > 6)
        killed = appliance.workers()
        kill(killed)
        session.send(announcement[9:])
        session.expect(200)
        session.send(b"RETR pub/small\r\n")
        assert len(session.receive(listener)) == SMALL_OCTETS


def test_gate_of_a_dead_worker_admits_its_session(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The gate is in the kernel and in the books of the worker's successor."""
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        killed = appliance.workers()
        kill(killed)
        renewed(appliance, killed)
        assert [leaf(gate, "closed") for gate in appliance.gates()] == [""]
        session.send(b"RETR pub/small\r\n")
        assert len(session.receive(listener)) == SMALL_OCTETS
        session.expect(150)
        session.expect(226)
        fetch_small(session)


def frozen(appliance: Appliance) -> None:
    """Dead workers stay dead: the agent that would start them again is stopped first."""
    workers = appliance.workers()
    os.kill(parent_of(workers[0]), signal.SIGSTOP)
    kill(workers)
    until(lambda: all(state_of_process(pid) in "ZX" for pid in workers), what="the workers are dead")


def state_of_process(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_fail_mode(topology: Topology, appliance: Appliance, server: FtpServer, mode: str) -> None:
    appliance.push(f"<flow><alg-fail-mode>{mode}</alg-fail-mode></flow>")
    with ftp_session(topology, server, IPV4) as session:
        agent = agent_of(appliance)
        frozen(appliance)
        try:
            session.control.settimeout(1.5)
            session.send(b"PWD\r\n")
            if mode == "open":
                session.expect(257)
            else:
                with pytest.raises(TimeoutError):
                    session.control.recv(100)
        finally:
            os.kill(agent, signal.SIGCONT)
        if mode == "closed":
            session.control.settimeout(20)
            assert session.control.recv(100).startswith(b"257"), "its sender repeats it to the next worker"


def test_agent_killed(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The watchdog starts another, which adopts the tables; the workers are replaced, and sessions go on."""
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        data = retrieve(session, "big")
        before = appliance.workers()
        rules = policy_table(topology)
        agent = agent_of(appliance)
        os.kill(agent, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in before), what="its workers end with it")
        assert read_all(data) == (server.files / "big").read_bytes()
        renewed(appliance, before)
        assert policy_table(topology) == rules
        assert agent_of(appliance) != agent
        session.expect(150)
        session.expect(226)
        fetch_small(session)
        appliance.push(GATE_TIMEOUT.format(17))
        fetch_small(session)
    assert appliance.counter("ftp", "sessions-resumed") == 1
    appliance.stop()
    until(lambda: not appliance.dataplane_processes(), 2, what="everything has ended")
    assert not topology.run(topology.gateway, ["nft", "list", "tables"]).stdout


def test_management_killed(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """Forwarding goes on, and the next management takes the dataplane up as it runs."""
    with ftp_session(topology, server, IPV4) as session:
        workers = appliance.workers()
        os.kill(appliance.serving.process_id, signal.SIGKILL)
        until(lambda: not appliance.serving.alive, what="management is gone")
        fetch_small(session)
        with ftp_session(topology, server, IPV4) as another:
            fetch_small(another)

        appliance.restart()

        assert appliance.workers() == workers
        fetch_small(session)
        appliance.push(GATE_TIMEOUT.format(17))
        assert gate_timeout(appliance) == "17"
        fetch_small(session)
    assert restarts(appliance) == 0


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


def test_commit_without_a_dataplane(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    agent = agent_of(appliance)
    watchdog = parent_of(agent)
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


def test_worker_that_dies_at_once_is_not_started_at_once_again(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    """Three deaths in a row cost more than one: the agent waits longer each time, and carries on."""
    with ftp_session(topology, server, IPV4) as session:
        for _ in range(3):
            killed = appliance.workers()
            kill(killed)
            renewed(appliance, killed)
        fetch_small(session)
    assert restarts(appliance) == 3 * len(killed)
