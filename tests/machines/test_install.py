"""The role appliance_install and rolling_upgrade.yml on Debian 12 machines: systemd, sshd, real packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from applianced import __version__
from applianced.tools.namespaces import run
from tests.ansible.playbooks import environment, program
from tests.ansible.rehearsed import ANSIBLE, changed
from tests.support.machine import REPOSITORY, Machine, command_in, controller, machine

pytestmark = [pytest.mark.topology, pytest.mark.timeout(1800)]
SIZE = 2
UNKNOWN_HOST = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no"
NEXT = "99.1"
BROKEN = "99.2"


def wheel(directory: Path, version: str, *, broken: bool = False) -> Path:
    """A release of what is here. broken: it ends at once."""
    source = directory / f"source-{version}"
    shutil.copytree(REPOSITORY / "applianced", source / "applianced", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "yang", source / "yang")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source / name)
    # setuptools finds the version by reading, not by running.
    text = f'__version__ = "{version}"\n' + ('raise SystemExit("this release is broken")\n' if broken else "")
    (source / "applianced" / "__init__.py").write_text(text)
    constrained = {"PIP_CONSTRAINT": str(REPOSITORY / "constraints.txt")}
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(source)]
    run(build, timeout_s=120, environment=constrained)
    return next(directory.glob(f"applianced-{version}-*.whl"))


class Hosts:
    """Machines and a controller of them."""

    def __init__(self, directory: Path, namespace: str, machines: list[Machine]) -> None:
        self.directory = directory
        self._namespace = namespace
        self.machines = machines
        self.key = directory / "admin"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])
        hosts = {made.name: {"ansible_host": made.address} for made in machines}
        shared = {
            "ansible_connection": "applianced.appliance.netconf",
            "ansible_network_os": "applianced.appliance.applianced",
            "ansible_user": "admin",
            "ansible_private_key_file": str(self.key),
            "ansible_host_key_checking": False,
            "ansible_netconf_control_persist": 0,
            "ansible_ssh_common_args": UNKNOWN_HOST,
            "appliance_ssh_private_key_file": str(machines[0].key),
            "appliance_install_management_interface": "mgmt0",
            "appliance_install_admin_key": Path(f"{self.key}.pub").read_text().strip(),
        }
        groups = {"appliances": {"children": {"branch": {"hosts": hosts}}, "vars": shared}}
        (directory / "inventory.json").write_text(json.dumps({"all": {"children": groups}}))

    def play(self, playbook: Path, *options: str, ok: bool = True) -> dict[str, Any]:
        """What ansible-playbook says of a run, as JSON."""
        # Variables of a group that lie beside the playbook go before those of the inventory.
        backup = ("-e", f"appliance_backup_dir={self.directory / 'backup'}")
        inventory = ("-i", str(self.directory / "inventory.json"))
        command = [program("ansible-playbook"), *inventory, *backup, str(playbook), *options]
        settings = {
            **environment(self.directory),
            "ANSIBLE_ROLES_PATH": str(ANSIBLE / "roles"),
            "ANSIBLE_PIPELINING": "True",
        }
        done = subprocess.run(
            command_in(self._namespace, command),
            cwd=self.directory,
            env=settings,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout[-6000:] + done.stderr[-2000:]
        result: dict[str, Any] = json.loads(done.stdout[done.stdout.find("{") :])
        return result

    def install(self, release: Path) -> dict[str, Any]:
        book = self.directory / "install.yml"
        over_ssh = {
            "ansible_connection": "ssh",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.machines[0].key),
        }
        role = {"hosts": "appliances", "gather_facts": False, "vars": over_ssh, "roles": ["appliance_install"]}
        book.write_text(yaml.safe_dump([role]))
        return self.play(book, "-e", f"appliance_install_wheel={release}")

    def versions(self) -> list[str]:
        return [made.run("/opt/applianced/current/bin/applianced", "--version").split()[-1] for made in self.machines]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    directory = tmp_path_factory.mktemp("install")
    name = f"apm{os.getpid():x}"
    with ExitStack() as stack:
        namespace = stack.enter_context(controller(f"{name}-c"))
        key = directory / "root"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
        machines = [
            stack.enter_context(machine(f"{name}-{at}", directory / f"m{at}", namespace, at, key))
            for at in range(1, SIZE + 1)
        ]
        yield Hosts(directory, namespace, machines)


def test_installed_upgraded_and_taken_back(hosts: Hosts, tmp_path: Path) -> None:
    first = wheel(tmp_path, __version__)
    names = {made.name for made in hosts.machines}
    assert changed(hosts.install(first)["stats"]) == names
    for made in hosts.machines:
        assert made.run("systemctl", "is-active", "applianced").strip() == "active"
        assert "table inet" in made.run("nft", "list", "tables")
    # New logins, over NETCONF and, below, over SSH: the first configuration has what it is managed over.
    assert changed(hosts.play(ANSIBLE / "site.yml")["stats"]) == names
    assert changed(hosts.play(ANSIBLE / "site.yml")["stats"]) == set()
    assert changed(hosts.install(first)["stats"]) == set()

    upgrade = ANSIBLE / "rolling_upgrade.yml"
    newer = hosts.play(upgrade, "-e", f"appliance_install_wheel={wheel(tmp_path, NEXT)}")
    assert changed(newer["stats"]) == names
    assert hosts.versions() == [NEXT] * SIZE
    assert {path.name for path in (hosts.directory / "backup").iterdir()} == {
        f"{name}-before-upgrade.xml" for name in names
    }
    assert changed(hosts.play(ANSIBLE / "site.yml")["stats"]) == set(), "the configuration was kept"

    broken = wheel(tmp_path, BROKEN, broken=True)
    options = ("-e", f"appliance_install_wheel={broken}", "-e", "appliance_install_timeout=5")
    stats = hosts.play(upgrade, *options, ok=False)["stats"]
    assert {name: counts["failures"] for name, counts in stats.items()} == {hosts.machines[0].name: 1}
    assert hosts.versions() == [NEXT] * SIZE
    for made in hosts.machines:
        assert made.run("systemctl", "is-active", "applianced").strip() == "active"
    assert changed(hosts.play(ANSIBLE / "site.yml")["stats"]) == set()
