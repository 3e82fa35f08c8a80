"""What nobody asks about is noticed all the same: stopped workers, deleted tables."""

from __future__ import annotations

import os
import signal

import pytest

from applianced.tools.ftp_server import FtpServer
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance
from tests.support.faults import SMALL_OCTETS, fetch_small
from tests.support.ftp_session import ftp_session
from tests.support.until import until

COMMIT = "<flow><gate-timeout>{}</gate-timeout></flow>"


def tables(topology: Topology) -> list[str]:
    return topology.run(topology.gateway, ["nft", "list", "tables"]).stdout.split("\n")


BOTH = {"table inet gates", "table inet rules"}


def test_stopped_workers_are_replaced_unasked(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    workers = appliance.workers()
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        session.control.settimeout(12)
        fetch_small(session)
    assert set(appliance.workers()).isdisjoint(workers)
    assert all(int(leaf(worker, "restarts")) == 1 for worker in appliance.flow("workers"))
    assert "has said nothing for 5 s" in appliance.log()


def test_state_does_not_wait_for_stopped_workers_in_turn(appliance: Appliance) -> None:
    workers = appliance.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: set(appliance.workers()).isdisjoint(workers), 8, what="the state comes, and shows others")


@pytest.mark.parametrize("command", ["flush ruleset", "delete table inet gates", "delete table inet rules"])
def test_deleted_tables_come_back(topology: Topology, appliance: Appliance, server: FtpServer, command: str) -> None:
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        # A segment that passes while nothing translates would reach the gateway itself, which resets the session.
        until(
            lambda: "unacked" not in topology.run(topology.server, ["ss", "-Htni"]).stdout, what="all is acknowledged"
        )
        topology.run(topology.gateway, ["nft", *command.split()])
        until(lambda: set(tables(topology)) >= BOTH, 6, what="both tables again")
        until(lambda: "tcp . 21" in control_ports(topology), what="the ports of control sessions")
        until(lambda: "203.0.113.2" in gates(topology), what="the open gate")
        session.send(b"RETR pub/small\r\n")
        assert len(session.receive(listener)) == SMALL_OCTETS
        session.expect(150)
        session.expect(226)
        fetch_small(session)
    with ftp_session(topology, server, IPV4) as another:
        fetch_small(another)
    assert "were deleted: putting them back" in appliance.log()


def control_ports(topology: Topology) -> str:
    listed = topology.run(topology.gateway, ["nft", "list", "set", "inet", "gates", "control_ports"], check=False)
    return listed.stdout


def gates(topology: Topology) -> str:
    return topology.run(topology.gateway, ["nft", "list", "set", "inet", "gates", "once4"], check=False).stdout


def test_commit_puts_deleted_tables_back(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    topology.run(topology.gateway, ["nft", "flush", "ruleset"])
    appliance.push(COMMIT.format(17))
    assert set(tables(topology)) >= BOTH
    with ftp_session(topology, server, IPV4) as session:
        fetch_small(session)
