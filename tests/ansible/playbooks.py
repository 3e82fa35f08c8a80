"""Runs ansible programs with homes, caches and sockets of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.ansible.runner import COLLECTIONS
from tests.support.served import HOST, Served

DIRECT = "applianced.appliance.netconf"
PERSISTENT = "ansible.netcommon.netconf"
NETWORK_OS = "applianced.appliance.applianced"
TIMEOUT_S = 110


def environment(directory: Path, collections: Path = COLLECTIONS) -> dict[str, str]:
    """For programs that leave nothing outside `directory`."""
    (directory / "ansible.cfg").touch()
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "HOME": str(directory),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        # The process that keeps the connection outlives the playbook by this long.
        "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "10",
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def host(server: Served, connection: str) -> dict[str, Any]:
    """The variables of an appliance."""
    return {
        "ansible_connection": connection,
        "ansible_network_os": NETWORK_OS,
        "ansible_host": HOST,
        "ansible_port": server.port,
        "ansible_user": "admin",
        "ansible_ssh_private_key_file": str(server.key),
        "ansible_netconf_control_persist": 5,
        "ansible_python_interpreter": sys.executable,
    }


def run(
    directory: Path,
    hosts: Mapping[str, Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    *options: str,
    **play: Any,
) -> dict[str, dict[str, Any]]:
    """Results by host, then by task."""
    (directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": dict(hosts)}}))
    book = [{"name": "Play", "hosts": "all", "gather_facts": False, **play, "tasks": list(tasks)}]
    (directory / "play.yml").write_text(yaml.safe_dump(book))
    command = [program("ansible-playbook"), "-i", "inventory.yml", "play.yml", *options]
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    start = done.stdout.find("{")
    assert start >= 0, done.stdout + done.stderr
    results: dict[str, dict[str, Any]] = {}
    for played in json.loads(done.stdout[start:])["plays"]:
        for task in played["tasks"]:
            for name, result in task["hosts"].items():
                results.setdefault(name, {})[task["task"]["name"]] = result
    return results
