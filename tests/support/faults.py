"""Killing parts of an appliance, and looking at what should be as before."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from applianced.tools.lab_report import leaf
from applianced.tools.namespaces import Topology
from applianced.tools.netconf_client import SECURITY
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, read_all
from tests.support.until import until

BIG_OCTETS = 20_000_000
SMALL_OCTETS = 1000
GATE_TIMEOUT = "<flow><gate-timeout>{}</gate-timeout></flow>"


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


def kill(pids: Sequence[int], number: signal.Signals = signal.SIGKILL) -> None:
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
