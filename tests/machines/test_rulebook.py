"""rulebooks/notifications.yml in the engine of ansible-rulebook, at an appliance that tells of a commit."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible_collections  # type: ignore[import-not-found]
import pytest
import yaml  # type: ignore[import-untyped]

from applianced.tools.namespaces import run
from tests.ansible.playbooks import DIRECT, environment, host
from tests.ansible.rehearsed import ANSIBLE
from tests.ansible.runner import COLLECTIONS, controller
from tests.support.debian import cache
from tests.support.served import HOST, served
from tests.support.until import until

pytestmark = pytest.mark.timeout(600)
PACKAGES = Path(__file__).with_name("rulebook.txt")
UNKNOWN_HOST = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]


def engine() -> Path:
    """The folder of its commands, in a virtual environment that is kept."""
    place = cache() / "ansible-rulebook"
    made = place / ".made"
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists() or made.read_text() != PACKAGES.read_text():
            run([sys.executable, "-m", "venv", "--clear", str(place)])
            run([str(place / "bin" / "pip"), "install", "--quiet", "-r", str(PACKAGES)], timeout_s=300)
            made.write_text(PACKAGES.read_text())
    return place / "bin"


def rulebook(directory: Path, port: int, key: Path) -> Path:
    """That of the repository, for this appliance, with its reports in `directory`."""
    (ruleset,) = yaml.safe_load((ANSIBLE / "rulebooks" / "notifications.yml").read_text())
    source = ruleset["sources"][0]["applianced.appliance.notifications"]
    source["appliances"] = [{"name": "gw", "host": HOST, "port": port, "user": "admin", "key": str(key)}]
    source["ssh_args"] = UNKNOWN_HOST
    wanted = ruleset["rules"][0]["action"]["run_playbook"]["extra_vars"]
    assert wanted["audit_output"].endswith("/{{ event.host }}")
    wanted["audit_output"] = f"{directory}/{{{{ event.host }}}}"
    path = directory / "rulebook.yml"
    path.write_text(yaml.safe_dump([ruleset]))
    return path


def test_a_commit_starts_an_audit_of_the_appliance(tmp_path: Path) -> None:
    commands = engine()
    (tmp_path / "appliance").mkdir()
    with served(tmp_path / "appliance") as server:
        # One that does not answer is not asked: the playbook is for the appliance that told of something.
        hosts = {"gw": host(server, DIRECT), "other": {**host(server, DIRECT), "ansible_port": 1}}
        groups = {"appliances": {"children": {"branch": {"hosts": hosts}}}}
        (tmp_path / "inventory.json").write_text(json.dumps({"all": {"children": groups}}))
        book = rulebook(tmp_path, server.port, server.key)
        found = ":".join(map(str, [COLLECTIONS, *(Path(place).parent for place in ansible_collections.__path__)]))
        settings = {**environment(tmp_path), "ANSIBLE_COLLECTIONS_PATH": found}
        settings["PATH"] = f"{commands}:{settings['PATH']}"
        command = [str(commands / "ansible-rulebook"), "--rulebook", str(book)]
        log = tmp_path / "log"
        with log.open("w") as output, controller(server) as operator:
            process = subprocess.Popen(
                [*command, "--inventory", str(tmp_path / "inventory.json")],
                cwd=ANSIBLE,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            number = 0

            def audited() -> Any:
                nonlocal number
                assert process.poll() is None, log.read_text()
                # The first commits may come before the subscription.
                number += 1
                operator.ok("system", config={"host_name": f"gw{number}"})
                written = tmp_path / HOST / "drift.json"
                return json.loads(written.read_text()) if written.exists() and written.stat().st_size else None

            try:
                report = until(audited, 90, interval_s=1, what="a report")
            finally:
                process.terminate()
                process.wait()
    assert set(report) == {"gw"}, log.read_text()
    assert report["gw"]["state"] == "drifted"
