"""What goes on when a process of the appliance dies or hangs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support.appliance import Appliance
from tests.support.faults import (
    BIG_OCTETS,
    GATE_TIMEOUT,
    SMALL_OCTETS,
    agent_of,
    fetch_small,
    frozen,
    gate_timeout,
    kill,
    parent_of,
    policy_table,
    renewed,
    restarts,
    retrieve,
)
from tests.support.ftp_session import ftp_session, read_all
from tests.support.programs import make_file
from tests.support.until import until

PLANS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


@pytest.fixture
def server(server: FtpServer) -> FtpServer:
    """The server of the topology, with a big and a small file."""
    make_file(server.files / "big", BIG_OCTETS)
    make_file(server.files / "small", SMALL_OCTETS)
    return server


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


def test_watchdog_killed(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """Its agent takes its place and starts another: traffic goes on, and no agent runs unsupervised."""
    with ftp_session(topology, server, IPV4) as session:
        data = retrieve(session, "big")
        before = appliance.workers()
        agent = agent_of(appliance)
        rules = policy_table(topology)
        os.kill(parent_of(agent), signal.SIGKILL)
        assert read_all(data) == (server.files / "big").read_bytes()
        renewed(appliance, before)
        assert parent_of(agent_of(appliance)) == agent
        assert policy_table(topology) == rules
        session.expect(150)
        session.expect(226)
        fetch_small(session)
        appliance.push(GATE_TIMEOUT.format(17))

        again = appliance.workers()
        os.kill(agent_of(appliance), signal.SIGKILL)
        renewed(appliance, again)
        assert parent_of(agent_of(appliance)) == agent, "the new watchdog does its work"
        fetch_small(session)
    assert appliance.counter("ftp", "sessions-resumed") == 2
    assert not appliance.counter("ftp", "sessions-unknown")
    appliance.stop()
    until(lambda: not appliance.dataplane_processes(), 2, what="everything has ended")
    assert not topology.run(topology.gateway, ["nft", "list", "tables"]).stdout


def test_watchdog_and_management_killed(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    """The next `serve` takes up what runs."""
    with ftp_session(topology, server, IPV4) as session:
        before = appliance.workers()
        watchdog = parent_of(agent_of(appliance))
        kill([watchdog, appliance.serving.process_id])
        until(lambda: not appliance.serving.alive, what="management is gone")
        appliance.restart()
        assert set(appliance.workers()).isdisjoint(before)
        fetch_small(session)
        appliance.push(GATE_TIMEOUT.format(17))
    appliance.stop()
    until(lambda: not appliance.dataplane_processes(), 2, what="everything has ended")


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
