"""The playbooks of ansible/ as an operator runs them on a fleet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from applianced.tools.fleet import Fleet, Member
from tests.ansible.playbooks import environment, program
from tests.ansible.runner import Controller, controller
from tests.support.served import Served

ANSIBLE = Path(__file__).parents[2] / "ansible"
SERVE = [sys.executable, "-m", "applianced"]
SIZE = 3
AT_TASK = Path(__file__).parent / "callbacks"


class Running:
    """A fleet and a controller of it."""

    def __init__(self, directory: Path, home: Path, members: list[Member]) -> None:
        self.directory = directory
        self.home = home
        self.members = members
        self.told = ""
        """What the last playbook said was wrong."""

    def settings(self) -> dict[str, str]:
        found = environment(self.home)
        own = {"ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"), "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
        return {**found, **own, "ANSIBLE_CALLBACK_PLUGINS": str(AT_TASK)}

    def command(self, playbook: str, *options: str, inventory: Path | None = None) -> list[str]:
        where = inventory or self.directory / "inventory.yml"
        return [program("ansible-playbook"), "-i", str(where), str(ANSIBLE / playbook), *options]

    def play(
        self,
        playbook: str,
        *options: str,
        ok: bool = True,
        inventory: Path | None = None,
        at: tuple[str, str] = ("", ""),
    ) -> dict[str, Any]:
        """The statistics by host. ok: whether it is to succeed. at: a task, and what the shell does before it."""
        done = subprocess.run(
            self.command(playbook, *options, inventory=inventory),
            cwd=self.home,
            env={**self.settings(), "AT_TASK": at[0], "AT_TASK_RUN": at[1]},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        start = done.stdout.find("{")
        assert start >= 0, done.stdout + done.stderr
        result = json.loads(done.stdout[start:])
        self.told = told(result["plays"])
        assert (done.returncode == 0) is ok, self.told + done.stderr[-2000:]
        stats: dict[str, Any] = result["stats"]
        return stats

    def inventory(self, path: Path, changed: Mapping[str, Mapping[str, Any]]) -> Path:
        """The inventory with more variables for some hosts, by name."""
        loaded = json.loads((self.directory / "inventory.yml").read_text())
        for group in loaded["all"]["children"]["appliances"]["children"].values():
            for name, variables in group["hosts"].items():
                variables.update(changed.get(name, {}))
        path.write_text(json.dumps(loaded))
        return path

    def operator(self, member: Member) -> Any:
        return controller(Served(member.serving.port, self.directory / "admin", self.directory))

    def shown(self, member: Member) -> dict[str, Any]:
        return self.facts(member, self.directory / "admin", "all")

    def facts(self, member: Member, key: Path, *resources: str) -> dict[str, Any]:
        with controller(Served(member.serving.port, key, self.directory)) as opened:
            answer: Controller = opened
            return dict(answer.ok("facts", gather_network_resources=list(resources))["ansible_facts"])


@contextmanager
def rehearsed(directory: Path, home: Path) -> Iterator[Running]:
    """A fleet that is in its desired state: management alone, and as the last one an appliance with a network.

    directory: of the fleet, which makes it. home: of the operator.
    """
    running = Fleet(directory, name=f"apf{os.getpid():x}-")
    try:
        members = running.start(SIZE, 1, SERVE)
        opened = Running(directory, home, members)
        opened.play("site.yml")
        yield opened
    finally:
        running.stop()


def told(plays: list[dict[str, Any]]) -> str:
    """A line for each task that failed or found nobody: host, task, and what it said."""
    lines = [
        f"{name}: {task['task']['name']}: {result.get('msg')}"
        for play in plays
        for task in play["tasks"]
        for name, result in task["hosts"].items()
        if result.get("failed") or result.get("unreachable")
    ]
    return "\n".join(lines)


def changed(stats: dict[str, Any]) -> set[str]:
    return {name for name, counts in stats.items() if counts["changed"]}


def names(fleet: Running) -> set[str]:
    return {member.name for member in fleet.members}


def extra(path: Path, **values: Any) -> str:
    path.write_text(yaml.safe_dump(values))
    return f"@{path}"
