"""What goes on when a part of the appliance dies, and what is left when it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from applianced.tools.ftp_server import FtpServer
from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance
from tests.support.ftp_session import ftp_session, read_all
from tests.support.programs import make_file
from tests.support.until import until

BIG_OCTETS = 20_000_000
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13


def test_worker_killed_during_a_transfer(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    make_file(server.files / "big", BIG_OCTETS)
    with ftp_session(topology, server, IPV4) as session:
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        session.send(b"RETR pub/big\r\n")
        with listener:
            data, _ = listener.accept()
        killed = appliance.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert read_all(data) == (server.files / "big").read_bytes()
        until(lambda: len(set(appliance.workers()) - set(killed)) == len(killed), 10, what="workers run again")
        session.expect(150)
        session.expect(226)

        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        session.send(b"RETR pub/big\r\n")
        assert len(session.receive(listener)) == BIG_OCTETS
    assert sum(int(leaf(worker, "restarts")) for worker in appliance.flow("workers")) == len(killed)


def test_forwarding_goes_on_without_management(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    make_file(server.files / "small", 1000)
    with ftp_session(topology, server, IPV4) as session:
        os.kill(appliance.serving.process_id, signal.SIGKILL)
        until(lambda: not appliance.serving.alive, what="management is gone")
        for _ in range(3):
            listener, announcement = session.listen()
            session.send(announcement)
            session.expect(200)
            session.send(b"RETR pub/small\r\n")
            assert len(session.receive(listener)) == 1000
            session.expect(150)
            session.expect(226)
    with ftp_session(topology, server, IPV4) as session:
        session.command("PWD", 257)


def test_restart_takes_up_the_last_commit(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    appliance.push("<flow><gate-timeout>17</gate-timeout></flow>")
    appliance.restart()
    flow = appliance.netconf.get_config('<security xmlns="urn:applianced:yang:security"><flow/></security>')
    assert flow.findtext(".//{urn:applianced:yang:security}gate-timeout") == "17"
    with ftp_session(topology, server, IPV4) as session:
        session.command("PWD", 257)


def test_nothing_is_left_at_the_end(topology: Topology, appliance: Appliance) -> None:
    assert topology.run(topology.gateway, ["nft", "list", "tables"]).stdout
    appliance.stop()
    until(lambda: not appliance.dataplane_processes(), 2, what="the agent and its workers are gone")
    assert not topology.run(topology.gateway, ["nft", "list", "tables"]).stdout


def test_privileges(appliance: Appliance) -> None:
    """Management holds no capability and is not root; what runs in the namespace holds two at the most."""
    management = status_of(appliance.serving.process_id)
    assert capabilities(management) == set()
    assert "0" not in management["Uid"].split()
    processes = appliance.dataplane_processes()
    assert len(processes) > len(appliance.workers()) > 0
    for pid in processes:
        assert capabilities(status_of(pid)) <= {CAP_NET_ADMIN, CAP_NET_RAW}


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def capabilities(status: dict[str, str]) -> set[int]:
    """Numbers of the capabilities that a process could use now or take up."""
    held = int(status["CapEff"], 16) | int(status["CapPrm"], 16)
    return {number for number in range(64) if held >> number & 1}
