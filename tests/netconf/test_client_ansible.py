"""`ansible.netcommon`: netconf_get, netconf_config and netconf_rpc, run by ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.served import (
    APPLICATIONS,
    HOST,
    NETCONF,
    SYSTEM,
    Served,
    application,
    applications,
    config,
    served,
)

NETCOMMON = "ansible.netcommon.netconf_"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("ansible")) as running:
        yield running


def play(server: Served, directory: Path, *tasks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The results of tasks by their names."""
    inventory = {
        "all": {
            "hosts": {
                "appliance": {
                    "ansible_connection": "ansible.netcommon.netconf",
                    "ansible_network_os": "default",
                    "ansible_host": HOST,
                    "ansible_port": server.port,
                    "ansible_user": "admin",
                    "ansible_ssh_private_key_file": str(server.key),
                    "ansible_python_interpreter": sys.executable,
                }
            }
        }
    }
    book = [{"hosts": "appliance", "gather_facts": False, "tasks": list(tasks)}]
    (directory / "ansible.cfg").touch()
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (directory / "play.yml").write_text(yaml.safe_dump(book))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "HOME": str(directory),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_CONFIG": "ansible.cfg",
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        # The process that keeps the connection ends when it has had nothing to do for so long: not between two tasks.
        "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "20",
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "-i", "inventory.yml", "play.yml"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    start = done.stdout.find("{")
    assert start >= 0, done.stdout + done.stderr
    tasks_done = json.loads(done.stdout[start:])["plays"][0]["tasks"]
    return {task["task"]["name"]: task["hosts"]["appliance"] for task in tasks_done}


def test_configure_read_and_call(server: Served, tmp_path: Path) -> None:
    content = config(applications(application("ansible", 2121)))
    done = play(
        server,
        tmp_path,
        {"name": "first", f"{NETCOMMON}config": {"content": content, "validate": True}},
        {"name": "again", f"{NETCOMMON}config": {"content": content}},
        {
            "name": "edit",
            f"{NETCOMMON}config": {
                "content": config(applications(application("ansible-2", 2122))),
                "default_operation": "merge",
                "error_option": "rollback-on-error",
                "target": "candidate",
                "lock": "never",
                "commit": False,
            },
        },
        # What it answers is octets, which no callback can print.
        {
            "name": "call",
            f"{NETCOMMON}rpc": {"rpc": "compare", "xmlns": "urn:applianced:yang:history"},
            "register": "called",
            "no_log": True,
        },
        {
            "name": "answer",
            "ansible.builtin.assert": {
                "that": "'application ansible-2 destination-port 2122' in (called.stdout | string)"
            },
        },
        # Its own `confirm` fails in ncclient, which takes the number of seconds as text.
        {
            "name": "confirmed",
            f"{NETCOMMON}rpc": {
                "rpc": "commit",
                "xmlns": NETCONF,
                "content": "<confirmed/><confirm-timeout>60</confirm-timeout>",
            },
            "no_log": True,
        },
        {"name": "confirming", f"{NETCOMMON}config": {"confirm_commit": True}},
        {
            "name": "read",
            f"{NETCOMMON}get": {"source": "running", "filter": f'<applications xmlns="{APPLICATIONS}"/>'},
        },
        {
            "name": "xpath",
            f"{NETCOMMON}get": {"filter": "/s:system/s:host-name", "display": "xml"},
            "ignore_errors": True,
        },
        {"name": "state", f"{NETCOMMON}get": {"filter": f'<system xmlns="{SYSTEM}"/>', "lock": "if-supported"}},
        {
            "name": "bad",
            f"{NETCOMMON}config": {"content": config(applications("<application><name>x</name></application>"))},
            "ignore_errors": True,
        },
    )
    assert done["first"]["changed"] is True
    assert done["again"]["changed"] is False, "what is configured already is no change"
    for name in ("edit", "call", "answer", "confirmed", "confirming", "state"):
        assert not done[name].get("failed"), json.dumps(done[name])[:2000]
    session = server.connect()
    assert "awaiting-confirmation" not in str(session.get(("subtree", f'<system xmlns="{SYSTEM}"/>')))
    session.close_session()
    for name in ("ansible", "ansible-2"):
        assert f"<name>{name}</name>" in done["read"]["stdout"]
    assert "undeclared" in json.dumps(done["xpath"]) or "not declared" in json.dumps(done["xpath"])
    assert "commits" in done["state"]["stdout"]
    assert done["bad"]["failed"] is True
    assert "protocol" in json.dumps(done["bad"])


def test_without_the_right_key(server: Served, tmp_path: Path) -> None:
    other = Served(server.port, tmp_path / "nokey", tmp_path)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other.key)], check=True)
    done = play(other, tmp_path, {"name": "read", f"{NETCOMMON}get": {"source": "running"}, "ignore_errors": True})
    assert done["read"]["failed"] is True
