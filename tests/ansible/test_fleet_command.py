"""`make fleet` and `make fleet-stop`: what they run, from outside, with two appliances that have a network."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from applianced.tools.namespaces import run
from applianced.tools.serving import alive
from tests.ansible.playbooks import environment, program
from tests.ansible.rehearsed import ANSIBLE
from tests.support.machine import REPOSITORY

pytestmark = pytest.mark.topology
NAME = f"apc{os.getpid():x}-"


def recipe(target: str, directory: Path) -> list[str]:
    """The last command of a target, for a fleet of three in this directory."""
    make = ["make", "--no-print-directory", "-n", target, "N=3", f"FLEET={directory}"]
    done = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30)
    words = shlex.split(done.stdout.splitlines()[-1].replace(";", " "))
    words = words[words.index("applianced.tools.fleet") + 1 :]
    return [sys.executable, "-m", "applianced.tools.fleet", "--name", NAME, *(word for word in words if word != "fi")]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "fleet"
    try:
        yield place
    finally:
        subprocess.run(recipe("fleet-stop", place), check=False, timeout=60)


def groups(directory: Path) -> dict[str, Any]:
    loaded = json.loads((directory / "inventory.yml").read_text())
    found: dict[str, Any] = loaded["all"]["children"]["appliances"]["children"]
    return found


def test_three_of_which_two_have_a_network(directory: Path, tmp_path: Path) -> None:
    started = subprocess.run(recipe("fleet", directory), capture_output=True, text=True, timeout=100, check=False)
    assert started.returncode == 0, started.stderr
    assert started.stdout == f"3 appliances, inventory {directory}/inventory.yml\n"
    hosts = {name: variables for group in groups(directory).values() for name, variables in group["hosts"].items()}
    traffic = [variables["appliance_health_command"] for name, variables in sorted(hosts.items()) if name != "gw001"]
    assert len(traffic) == 2
    assert "appliance_health_command" not in hosts["gw001"]
    processes = [int(file.read_text()) for file in directory.glob("gw*/serve.pid")]
    assert [alive(process) for process in processes] == [True] * 3

    book = ["-i", str(directory / "inventory.yml"), str(ANSIBLE / "rolling_change.yml"), "-e", "batch=100%"]
    done = subprocess.run(
        [program("ansible-playbook"), *book],
        cwd=tmp_path,
        env={**environment(tmp_path), "ANSIBLE_STDOUT_CALLBACK": "default"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert {command[3] for command in traffic} == {f"{NAME}2-client", f"{NAME}3-client"}
    for command in traffic:
        assert run(command).stdout == "through the appliance\n"

    stopped = subprocess.run(recipe("fleet-stop", directory), capture_output=True, text=True, timeout=60, check=False)
    assert stopped.returncode == 0, stopped.stderr
    assert not directory.exists()
    assert not any(alive(process) for process in processes)
    assert NAME not in run(["ip", "netns", "list"]).stdout


def test_what_is_no_size_is_told(directory: Path) -> None:
    command = [word if word != "3" else "0" for word in recipe("fleet", directory)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "invalid choice: 0" in refused.stderr
    assert not directory.exists()
