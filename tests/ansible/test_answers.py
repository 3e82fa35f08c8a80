"""tasks/answers.yml: an appliance that starts is waited for, and one that stays away is told, over both connections."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks import DIRECT, PERSISTENT, host, run
from tests.ansible.rehearsed import ANSIBLE
from tests.support.served import HOST, Served

BOTH = pytest.mark.parametrize("connection", [DIRECT, PERSISTENT])


@contextmanager
def starting(port: int, server: Served, after_s: float) -> Iterator[None]:
    """A port at which the appliance answers from then on."""
    processes = []

    def begin() -> None:
        listening = f"TCP-LISTEN:{port},bind={HOST},fork,reuseaddr"
        processes.append(subprocess.Popen(["socat", listening, f"TCP:{HOST}:{server.port}"]))

    timer = threading.Timer(after_s, begin)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for process in processes:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])


def waited(server: Served, directory: Path, connection: str, port: int, tries: int) -> dict[str, Any]:
    """What became of the block that waits, and of the rescue."""
    tasks = [
        {"name": "tries", "ansible.builtin.set_fact": {"appliance_tries": tries}},
        {
            "block": [
                {"name": "wait", "ansible.builtin.include_tasks": str(ANSIBLE / "tasks" / "answers.yml")},
                {"name": "answered", "ansible.builtin.debug": {"msg": "{{ appliance_answer.ansible_facts }}"}},
            ],
            "rescue": [{"name": "gone back", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}],
        },
    ]
    return run(directory, {"gw": {**host(server, connection), "ansible_port": port}}, tasks)["gw"]


@BOTH
def test_one_that_starts_is_waited_for(server: Served, tmp_path: Path, connection: str) -> None:
    port = free_port()
    with starting(port, server, 4):
        found = waited(server, tmp_path, connection, port, 20)
    assert found["answered"]["msg"]["ansible_net_hostname"]
    assert "gone back" not in found


@BOTH
def test_one_that_stays_away_is_rescued(server: Served, tmp_path: Path, connection: str) -> None:
    found = waited(server, tmp_path, connection, free_port(), 2)
    assert found["gone back"]["msg"].startswith("it does not answer: ")
    assert "answered" not in found
