"""A fleet of appliances on this machine, to rehearse on: `make fleet N=20`, `make fleet-stop`.

Most are management alone; the last two have a network in namespaces, as in `make run`, with a client and an FTP server,
so that a change can be checked by real traffic. The inventory that is written has the groups of the playbooks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applianced.tools import serving
from applianced.tools.ftp_server import vsftpd
from applianced.tools.namespaces import PLANS, CommandError, Topology

HOST = "127.0.0.1"
PROFILES = ("branch", "high-end", "sdwan")
NAME = "apfleet"
WITH_DATAPLANE = 2
AT_ONCE = 4
"""Appliances that start at the same time: each takes a core for about a second."""
FIRST_CONFIGURATION = {"applianced-system:system": {"login": {"user": [{"name": "admin", "class": "super-user"}]}}}
LARGEST = 500


@dataclass(frozen=True, slots=True)
class Member:
    """One appliance. number: from 1. traffic: a command that fetches a file through it, () without a dataplane."""

    number: int
    serving: serving.Serving
    traffic: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"gw{self.number:03}"

    @property
    def profile(self) -> str:
        # Those with a dataplane are branches: their zones have interfaces.
        return "branch" if self.traffic else PROFILES[self.number % len(PROFILES)]


class Fleet:
    """What runs below a directory."""

    def __init__(self, directory: Path, name: str = NAME) -> None:
        self._directory = directory
        self._name = name

    def start(self, size: int, dataplanes: int = WITH_DATAPLANE, command: Sequence[str] = ()) -> list[Member]:
        """Start `size` appliances, of which the last `dataplanes` forward traffic, and write `inventory.yml`.

        command: what to run instead of the console script. Raises CommandError, ServingError.
        """
        self.stop()
        self._directory.mkdir(parents=True)
        key = serving.make_admin_key(self._directory)
        first = self._directory / "first.json"
        first.write_text(json.dumps(FIRST_CONFIGURATION))
        alone = max(0, size - dataplanes)
        with ThreadPoolExecutor(AT_ONCE) as starting:
            jobs = [
                starting.submit(self._start, number, first, key, number > alone, command)
                for number in range(1, size + 1)
            ]
            # Each job ends before the first error is told, so that `stop` knows all processes.
            errors = [error for error in (job.exception() for job in jobs) if error]
        if errors:
            raise errors[0]
        members = [job.result() for job in jobs]
        self._write_inventory(members, key)
        return members

    def stop(self) -> None:
        """End every process, remove namespaces and files."""
        if not self._directory.exists():
            return
        with ThreadPoolExecutor(AT_ONCE) as ending:
            list(ending.map(serving.end, self.processes()))
        for folder in self._directory.glob("gw*/topology"):
            Topology(folder.read_text()).close()
        shutil.rmtree(self._directory)

    def processes(self) -> Iterator[int]:
        """Management processes that still are ours: a number may have been given to another process."""
        for file in self._directory.glob("gw*/serve.pid"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                process_id = int(file.read_text())
                if str(file.parent).encode() in Path(f"/proc/{process_id}/cmdline").read_bytes():
                    yield process_id

    def _start(self, number: int, first: Path, key: Path, forwards: bool, command: Sequence[str]) -> Member:
        folder = self._directory / f"gw{number:03}"
        folder.mkdir()
        topology = self._network(number, folder) if forwards else None
        traffic: tuple[str, ...] = ()
        if topology:
            server = vsftpd(topology, folder / "server")
            (server.files / "health").write_text("through the appliance\n")
            url = server.url(PLANS[4], "health")
            traffic = ("ip", "netns", "exec", topology.client, "curl", "-sSf", "--max-time", "5", url)
        namespace = topology.gateway if topology else ""
        running = serving.serve(
            namespace=namespace, configuration=first, directory=folder, key=key, host=HOST, command=command
        )
        (folder / "serve.pid").write_text(f"{running.process_id}\n")
        return Member(number, running, traffic)

    def _network(self, number: int, folder: Path) -> Topology:
        topology = Topology(f"{self._name}{number}", offloads=False)
        (folder / "topology").write_text(topology.name)
        (folder / "server").mkdir()
        topology.open()
        return topology

    def _write_inventory(self, members: Sequence[Member], key: Path) -> None:
        # JSON is YAML, and the other way round would be one more dependency.
        text = json.dumps(inventory(members, key), indent=2)
        (self._directory / "inventory.yml").write_text(f"{text}\n")


def inventory(members: Sequence[Member], key: Path) -> dict[str, Any]:
    """As Ansible reads it: a group per profile, and what all have in common."""
    groups: dict[str, Any] = {group_name(profile): {"hosts": {}} for profile in PROFILES}
    for member in members:
        variables: dict[str, Any] = {"ansible_port": member.serving.port}
        if member.traffic:
            variables["appliance_health_command"] = list(member.traffic)
        groups[group_name(member.profile)]["hosts"][member.name] = variables
    shared = {
        "ansible_connection": "applianced.appliance.netconf",
        "ansible_network_os": "applianced.appliance.applianced",
        "ansible_host": HOST,
        "ansible_user": "admin",
        "ansible_private_key_file": str(key),
        "ansible_host_key_checking": False,
    }
    return {"all": {"children": {"appliances": {"children": groups, "vars": shared}}}}


def group_name(profile: str) -> str:
    """Names of groups are identifiers."""
    return profile.replace("-", "_")


def main() -> int:
    parser = argparse.ArgumentParser(prog="applianced.tools.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--directory", type=Path, required=True, help="where the fleet keeps its files")
    parser.add_argument("--name", default=NAME, help="what its namespaces begin with, for one fleet beside another")
    actions = parser.add_subparsers(dest="action", required=True)
    begin = actions.add_parser("start", help="start appliances and write inventory.yml")
    begin.add_argument("--size", type=int, default=20, choices=range(1, LARGEST + 1), metavar="N")
    begin.add_argument("--dataplanes", type=int, default=WITH_DATAPLANE, help="how many of them forward traffic")
    actions.add_parser("stop", help="end them and remove every trace")
    options = parser.parse_args()
    fleet = Fleet(options.directory.resolve(), options.name)
    if options.action == "stop":
        fleet.stop()
        return 0
    return start(fleet, options.size, options.dataplanes, options.directory)


def start(fleet: Fleet, size: int, dataplanes: int, directory: Path) -> int:
    """The exit status; nothing is left behind of a fleet that did not come up."""
    try:
        members = fleet.start(size, dataplanes)
    except BaseException as error:
        fleet.stop()
        if not isinstance(error, CommandError | serving.ServingError):
            raise
        print(f"the fleet did not come up: {error}", file=sys.stderr)
        return 1
    print(f"{len(members)} appliances, inventory {directory / 'inventory.yml'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
