"""What the dataplane does, told to a subscriber: real sessions, a real worker that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from applianced.tools.netconf_client import NETCONF, SYSTEM, connect
from tests.support.appliance import Appliance
from tests.support.ftp_session import ftp_session
from tests.support.programs import make_file
from tests.support.until import until
from tests.topology.test_operations import ask

NOTIFICATIONS = "urn:applianced:yang:notifications"
SWITCH = f'<system xmlns="{SYSTEM}"><services><netconf><notification>{{}}</notification></netconf></services></system>'
ENABLED = "<event><name>{}</name><enable/></event>"
LIMITED = "<event><name>{}</name><rate-limit>{}</rate-limit></event>"
ALG_EVENTS = ("gate-opened", "gate-closed", "gate-refused", "violation")


class Watcher:
    """A subscriber by ncclient. told: (name, leaves) of what has come."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.told: list[tuple[str, dict[str, str]]] = []
        session.create_subscription(filter=("xpath", ({"n": NOTIFICATIONS}, "/n:*")))

    def find(self, name: str, **wanted: object) -> dict[str, str]:
        """The first one of this name with these leaves (`_` for `-`), {} when none came yet."""
        while (notification := self._session.take_notification(block=False)) is not None:
            event = etree.fromstring(notification.notification_xml.encode())[1]
            self.told.append(
                (etree.QName(event).localname, {etree.QName(leaf).localname: leaf.text or "" for leaf in event})
            )
        expected = {key.replace("_", "-"): str(value) for key, value in wanted.items()}
        found = (leaves for each, leaves in self.told if each == name and expected.items() <= leaves.items())
        return next(found, {})

    def wait(self, name: str, **wanted: object) -> dict[str, str]:
        try:
            return until(lambda: self.find(name, **wanted), 10, what=f"{name} {wanted}")
        finally:
            print(*self.told, sep="\n")


@pytest.fixture
def watcher(appliance: Appliance) -> Iterator[Watcher]:
    appliance.netconf.push(SWITCH.format("".join(ENABLED.format(name) for name in ALG_EVENTS)))
    with connect(appliance.serving.host, appliance.serving.port, appliance.key) as client:
        yield Watcher(client.session)


def test_a_transfer_is_told_from_its_gate_to_its_violation(
    topology: Topology, appliance: Appliance, server: FtpServer, watcher: Watcher
) -> None:
    make_file(server.files / "small", 1000)
    limits = "<alg-gates-per-session>1</alg-gates-per-session><alg-gates-per-source>1</alg-gates-per-source>"
    appliance.push(f"<flow>{limits}</flow>")
    with ftp_session(topology, server, IPV4) as session:
        control = {
            "alg": "ftp", "source_address": IPV4.client, "source_port": session.control.getsockname()[1],
            "destination_address": IPV4.server, "destination_port": server.port, "protocol": "tcp",
            "policy": "allow-ftp", "from_zone": "trust", "to_zone": "untrust", "application": "junos-ftp",
        }  # fmt: skip
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        opened = watcher.wait("gate-opened", **control, reason=announcement.decode().strip())
        assert (opened["inside-address"], opened["outside-address"]) == (IPV4.client, IPV4.public)
        assert opened["inside-port"] == str(listener.getsockname()[1])
        assert opened["gate-protocol"] == "tcp"
        with ftp_session(topology, server, IPV4) as greedy:
            _, refused = greedy.listen()
            greedy.send(refused)
            greedy.expect(500)
        watcher.wait("gate-refused", source_address=IPV4.client, reason=refused.decode().strip())
        session.send(b"RETR pub/small\r\n")
        assert len(session.receive(listener)) == 1000
        session.expect(150)
        session.expect(226)
        session.send(b"PORT 192,0,2,99,10,10\r\n")
        session.expect(500)
        broken = watcher.wait("violation", **control, rule="bounce")
        assert "not the speaker's own" in broken["description"]
    watcher.wait("gate-closed", **control, number=opened["number"])


def test_a_worker_that_dies_is_told_of_and_the_one_after_it(appliance: Appliance, watcher: Watcher) -> None:
    killed = appliance.workers()[0]
    os.kill(killed, signal.SIGKILL)
    down = watcher.wait("worker-down", pid=killed, status=signal.SIGKILL.value, reason="died")
    up = watcher.wait("worker-up", queue=down["queue"], restarts=1, reason="died")
    assert int(up["pid"]) in appliance.workers()


def test_a_worker_that_is_replaced_on_request_is_told_of_as_such(appliance: Appliance, watcher: Watcher) -> None:
    former = appliance.workers()[0]
    ask(appliance, "restart-worker", queue=0)
    watcher.wait("worker-down", pid=former, queue=0, status=0, reason="requested")
    up = watcher.wait("worker-up", queue=0, restarts=1, reason="requested")
    assert int(up["pid"]) == appliance.workers()[0] != former


def test_more_than_the_limit_is_counted_and_off_is_silent(
    topology: Topology, appliance: Appliance, server: FtpServer, watcher: Watcher
) -> None:
    off = f'<event><name>gate-opened</name><enable xmlns:nc="{NETCONF}" nc:operation="remove"/></event>'
    appliance.netconf.push(SWITCH.format(off + LIMITED.format("violation", 2)))
    with ftp_session(topology, server, IPV4) as session:
        _, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        for _ in range(5):
            session.send(b"PORT 192,0,2,99,10,10\r\n")
            session.expect(500)
        # Each of them breaks two rules: whose address it is, and that it is refused.
        suppressed = watcher.wait("events-suppressed", event="violation")
    told = [name for name, _ in watcher.told]
    assert told.count("violation") + sum(
        int(leaves["count"]) for name, leaves in watcher.told if name == "events-suppressed"
    ) <= 10  # fmt: skip
    assert int(suppressed["count"]) >= 1
    assert "gate-opened" not in told


def test_events_go_on_with_another_agent(topology: Topology, appliance: Appliance, watcher: Watcher) -> None:
    agent = _agent_of(appliance.workers()[0])
    os.kill(agent, signal.SIGKILL)
    replaced = until(lambda: set(appliance.workers()) or None, 10, what="workers of another agent")

    def told_again() -> dict[str, str]:
        workers = appliance.workers()
        if workers and not watcher.find("worker-down"):
            os.kill(workers[0], signal.SIGKILL)
        return watcher.find("worker-up")

    assert until(told_again, 15, interval_s=0.5, what=f"worker-up, not of {replaced}")


def _agent_of(worker: int) -> int:
    """The parent of a process."""
    with open(f"/proc/{worker}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])
