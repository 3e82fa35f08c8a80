"""Over ansible.netcommon one session serves all tasks of a playbook: what one task leaves is no part of the next."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks import PERSISTENT, host, run
from tests.ansible.runner import Controller
from tests.support.served import HOST, Served

OURS = "applianced.appliance"
BAD = [{"name": "bad", "protocol": "tcp", "destination_port": "4711"}]
NAMED: dict[str, Any] = {f"{OURS}.system": {"config": {"host_name": "gw9.example.net"}}}
SET = ["set system host-name gw9.example.net"]


@pytest.mark.usefixtures("operator")
def test_a_cancelled_commit_does_not_come_back(server: Served, tmp_path: Path) -> None:
    confirmed = {"confirm_timeout": 60, "persist_id": "t"}
    tasks = [
        {"name": "bad", f"{OURS}.applications": {"config": BAD, **confirmed}},
        {"name": "cancel", f"{OURS}.config": {"confirm": "cancel", "persist_id": "t"}},
        {"name": "foreseen", "check_mode": True, **NAMED},
        {"name": "named", **NAMED},
        {"name": "there", f"{OURS}.applications": {"state": "gathered"}},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert results["cancel"]["changed"]
    assert (results["foreseen"]["commands"], results["named"]["commands"]) == (SET, SET)
    assert results["named"]["round_trips"] <= 6
    assert results["there"]["gathered"] == []


def test_a_commit_of_the_session_is_confirmed_without_a_name(
    server: Served, operator: Controller, tmp_path: Path
) -> None:
    confirm = {f"{OURS}.config": {"confirm": "commit"}}
    tasks = [
        {"name": "done", f"{OURS}.system": {"config": {"host_name": "gw9.example.net"}, "confirm_timeout": 60}},
        {"name": "foreseen", "check_mode": True, **confirm},
        {"name": "confirmed", **confirm},
        {"name": "again", **confirm},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert [results[name].get("changed") for name in ("foreseen", "confirmed", "again")] == [True, True, False]
    assert operator.ok("system", state="gathered")["gathered"]["host_name"] == "gw9.example.net"


def test_an_expired_commit_does_not_come_back(server: Served, operator: Controller, tmp_path: Path) -> None:
    tasks = [
        {"name": "bad", f"{OURS}.applications": {"config": BAD, "confirm_timeout": 1}},
        {
            "name": "gone",
            f"{OURS}.applications": {"state": "gathered"},
            "register": "there",
            "until": "not there.gathered",
            "retries": 50,
            "delay": 0.2,
        },
        {"name": "named", **NAMED},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert results["named"]["commands"] == SET
    assert operator.ok("applications", state="gathered")["gathered"] == []


@pytest.mark.usefixtures("operator")
def test_an_edit_of_another_task_is_not_told_as_ones_own(server: Served, tmp_path: Path) -> None:
    edit = (
        "<edit-config><target><candidate/></target><config><applications xmlns='urn:applianced:yang:applications'>"
        "<application><name>bad</name><protocol>tcp</protocol></application></applications></config></edit-config>"
    )
    tasks = [
        {"name": "edit", f"{OURS}.rpc": {"xml": edit}},
        {"name": "foreseen", "check_mode": True, **NAMED},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert not results["edit"].get("failed"), results["edit"]
    assert results["foreseen"]["commands"] == SET


class Relay:
    """A port before an appliance whose connections end when a file appears; then the file goes."""

    def __init__(self, port: int, cut: Path, once: bool = False) -> None:
        self._once = once
        self._target = (HOST, port)
        self._cut = cut
        self._server = socket.create_server((HOST, 0))
        self._server.settimeout(0.02)
        self.port = self._server.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        self._end_all()
        self._server.close()

    def _work(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                self._take(self._server.accept()[0])
            if self._cut.exists():
                self._end_all()
                if self._once:
                    self._server.close()
                    self._ending.set()
                self._cut.unlink()

    def _take(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        self._pairs.append((client, server))
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def _end_all(self) -> None:
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def test_an_appliance_that_does_not_answer_is_unreachable(server: Served, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    here = {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    tasks = [
        {"name": "before", f"{OURS}.facts": {}},
        {"name": "cut", "ansible.builtin.file": {"path": str(cut), "state": "touch"}, **here},
        {"name": "gone", "ansible.builtin.wait_for": {"path": str(cut), "state": "absent", "sleep": 1}, **here},
        {"name": "after", "ignore_unreachable": True, **NAMED},
    ]
    with Relay(server.port, cut, once=True) as relay:
        gateway = {**host(server, PERSISTENT), "ansible_port": relay.port}
        results = run(tmp_path, {"gw": gateway}, tasks)["gw"]
    assert results["after"]["unreachable"], results["after"]
    assert not results["after"]["changed"]


def test_another_network_os_is_told(server: Served, tmp_path: Path) -> None:
    gateway = {**host(server, PERSISTENT), "ansible_network_os": "default"}
    result = run(tmp_path, {"gw": gateway}, [{"name": "read", f"{OURS}.facts": {}}])["gw"]["read"]
    assert result["failed"]
    assert "it must be applianced.appliance.applianced" in result["msg"]


@pytest.mark.usefixtures("operator")
def test_a_connection_that_ended_is_made_again(server: Served, tmp_path: Path) -> None:
    """As an appliance that was restarted between two tasks ends it."""
    cut = tmp_path / "cut"
    here = {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    tasks = [
        {"name": "before", f"{OURS}.facts": {}},
        {"name": "cut", "ansible.builtin.file": {"path": str(cut), "state": "touch"}, **here},
        {"name": "gone", "ansible.builtin.wait_for": {"path": str(cut), "state": "absent", "sleep": 1}, **here},
        {"name": "after", **NAMED},
    ]
    with Relay(server.port, cut) as relay:
        gateway = {**host(server, PERSISTENT), "ansible_port": relay.port}
        results = run(tmp_path, {"gw": gateway}, tasks)["gw"]
    assert not results["before"].get("failed"), results["before"]
    assert results["after"].get("commands") == SET, results["after"]
