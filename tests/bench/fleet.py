"""How long a desired state takes to a fleet: `python -m tests.bench.fleet --sizes 10,50 --output build/bench`.

1,000 applications and 200 policies, by the collection over each of its connections, and by
ansible.netcommon.netconf_config. Each way runs twice: the second run changes nothing. Every run logs in anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from applianced.tools.fleet import Fleet, Member
from tests.ansible.playbooks import DIRECT, NETWORK_OS, PERSISTENT, environment, program
from tests.ansible.runner import controller
from tests.bench.fleet_report import FIRST, FOREIGN, SECOND, Row, markdown, targets
from tests.support.served import Served

APPLICATIONS, POLICIES = 1000, 200
SERVE = [sys.executable, "-m", "applianced"]
ZONES = {"security_zone": [{"name": "trust"}, {"name": "untrust"}]}
PERSIST_S = 3


@dataclass(frozen=True, slots=True)
class Way:
    """connection, network_os: of Ansible. tasks: what is run. needs_zones: they are not part of it."""

    name: str
    connection: str
    network_os: str
    task: dict[str, Any]


def desired() -> dict[str, Any]:
    """As the module `resources` takes it."""
    applications = [
        {"name": f"app-{number}", "protocol": "tcp", "destination_port": str(2000 + number)}
        for number in range(APPLICATIONS)
    ]
    match = {"source_address": ["any"], "destination_address": ["any"]}
    policies = [
        {"name": f"p-{number}", "match": {**match, "application": [f"app-{number}"]}, "then": {"permit": True}}
        for number in range(POLICIES)
    ]
    between = [{"from_zone_name": "trust", "to_zone_name": "untrust", "policy": policies}]
    return {"zones": ZONES, "applications": applications, "policies": {"policy": between}}


def ways(directory: Path, xml: str) -> tuple[Way, ...]:
    """Files with the desired state are written to `directory`."""
    (directory / "desired.json").write_text(json.dumps(desired()))
    (directory / "desired.xml").write_text(f'<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">{xml}</config>')
    loaded = "{{ lookup('ansible.builtin.file', 'desired.json') | from_json }}"
    text = "{{ lookup('ansible.builtin.file', 'desired.xml') }}"
    resources = {"applianced.appliance.resources": {"state": "overridden", "config": loaded}}
    return (
        Way("resources, OpenSSH", DIRECT, NETWORK_OS, resources),
        Way("config, OpenSSH", DIRECT, NETWORK_OS, {"applianced.appliance.config": {"xml": text}}),
        Way("resources, ansible.netcommon", PERSISTENT, NETWORK_OS, resources),
        Way("config, ansible.netcommon", PERSISTENT, NETWORK_OS, {"applianced.appliance.config": {"xml": text}}),
        Way(FOREIGN, PERSISTENT, "default", {"ansible.netcommon.netconf_config": {"content": text}}),
    )


def play(directory: Path, fleet: Path, way: Way, forks: int) -> dict[str, Any]:
    """What tests.bench.reaper says of it."""
    book = [{"name": "Bench", "hosts": "appliances", "gather_facts": False, "tasks": [{"name": "Do", **way.task}]}]
    (directory / "play.yml").write_text(yaml.safe_dump(book))
    values = (("connection", way.connection), ("network_os", way.network_os), ("netconf_control_persist", PERSIST_S))
    given = [part for name, value in values for part in ("-e", f"ansible_{name}={value}")] + ["--forks", str(forks)]
    command = [program("ansible-playbook"), "-i", str(fleet / "inventory.yml"), "play.yml", *given]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.reaper", *command],
        cwd=directory,
        env={
            **environment(directory),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": tempfile.mkdtemp(prefix="cp-", dir=directory),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    if found["status"]:
        raise RuntimeError(f"{way.name}: {found['end']}")
    return found


def requests(member: Member, directory: Path) -> int:
    """Messages that an appliance has received, this question included."""
    with controller(Served(member.serving.port, directory / "admin", directory)) as operator:
        wanted = ["/system/services/netconf/statistics"]
        answer = operator.ok("get", paths=wanted, source="operational")["output"]["applianced-system:system"]
        return int(answer["services"]["netconf"]["applianced-state:statistics"]["in-rpcs"])


def clean(members: list[Member], directory: Path) -> None:
    """Take away what a way has configured."""
    for member in members:
        with controller(Served(member.serving.port, directory / "admin", directory)) as operator:
            operator.ok("resources", state="deleted", config={"applications": [], "policies": {}, "zones": {}})


def measure(size: int, forks: int, wanted: str, show: Callable[[Row], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        directory, place = Path(folder), Path(folder) / "fleet"
        fleet = Fleet(place, name="apbench")
        try:
            members = fleet.start(size, 0, SERVE)
            with controller(Served(members[0].serving.port, place / "admin", place)) as operator:
                operator.ok("resources", state="overridden", config=desired())
                paths = ["/applications", "/security/zones", "/security/policies"]
                xml = operator.ok("get", paths=paths, display="xml")["output"]
            for way in ways(directory, xml):
                if any(part in way.name for part in wanted.split(";")):
                    clean(members, place)
                    for run in (FIRST, SECOND):
                        before = requests(members[0], place)
                        found = play(directory, place, way, forks)
                        asked = requests(members[0], place) - before - 1
                        show(Row(way.name, size, run, found["wall_s"], found["cpu_s"], asked))
        finally:
            fleet.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.bench.fleet", description=__doc__)
    parser.add_argument("--sizes", default="10,50")
    parser.add_argument("--forks", type=int, default=20)
    parser.add_argument(
        "--ways", default="", metavar="TEXT", help="only those whose names contain one of these, with ; between"
    )
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    rows: list[Row] = []

    def show(row: Row) -> None:
        rows.append(row)
        print(row, flush=True)

    for size in map(int, options.sizes.split(",")):
        measure(size, options.forks, options.ways, show)
    options.output.mkdir(parents=True, exist_ok=True)
    judged = [{**asdict(target), "met": target.met} for target in targets(rows)]
    document = {"runs": [asdict(row) for row in rows], "targets": judged}
    (options.output / "fleet.json").write_text(json.dumps(document, indent=2))
    (options.output / "fleet.md").write_text(markdown(rows))
    print(markdown(rows))


if __name__ == "__main__":
    main()
