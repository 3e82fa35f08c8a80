"""What goes wrong in the middle of a playbook: another run, a controller or an appliance that is lost, a wrong key."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from applianced.tools.fleet import Member
from tests.ansible.rehearsed import Running, changed, extra, names
from tests.support.until import until

pytestmark = pytest.mark.topology


def application(description: str) -> list[dict[str, Any]]:
    return [{"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "description": description}]


def described(fleet: Running, member: Member) -> str:
    """Of the application that the desired state has."""
    (found,) = fleet.shown(member)["ansible_network_resources"]["applications"]
    return str(found.get("description"))


def pending(fleet: Running, member: Member) -> bool:
    return bool(fleet.shown(member)["ansible_net_awaiting_confirmation"])


def switch(path: Path) -> dict[str, Any]:
    """Variables of an appliance that no new connection reaches while the file is there."""
    command = f"sh -c 'test ! -e {path} && exec socat - TCP:%h:%p'"
    return {
        "ansible_netconf_control_persist": 0,
        "ansible_ssh_common_args": shlex.join(["-o", f"ProxyCommand={command}"]),
    }


def test_two_rolling_changes_at_once(fleet: Running, tmp_path: Path) -> None:
    """The second one begins when the first is about to confirm: it must neither take it over nor come between."""
    second = extra(tmp_path / "b.yml", appliance_applications=application("by B"), appliance_busy_timeout=1)
    begun = shlex.join(fleet.command("rolling_change.yml", "-e", second, "-e", "batch=100%"))
    first = extra(tmp_path / "a.yml", appliance_applications=application("by A"))
    status = tmp_path / "status"
    fleet.play(
        "rolling_change.yml",
        *("-e", first, "-e", "batch=100%"),
        at=("Confirm", f"AT_TASK= {begun} > {tmp_path}/log 2>&1; echo $? > {status}"),
    )
    told = (tmp_path / "log").read_text()
    assert status.read_text().strip() != "0", told[-3000:]
    assert "See that none does: another commit awaits its confirmation" in told
    assert {described(fleet, member) for member in fleet.members} == {"by A"}
    assert not any(pending(fleet, member) for member in fleet.members)


def test_one_that_is_lost_before_it_confirms_stops_the_change(fleet: Running, tmp_path: Path) -> None:
    fleet.play("site.yml")
    lost, after = fleet.members[0], fleet.members[1]
    gone = tmp_path / "gone"
    inventory = fleet.inventory(tmp_path / "inventory.yml", {lost.name: switch(gone)})
    values = extra(tmp_path / "v.yml", appliance_applications=application("lost"), appliance_confirm_timeout=15)
    only = ("--limit", f"{lost.name},{after.name}", "-e", "batch=1", "-e", values)
    stats = fleet.play("rolling_change.yml", *only, ok=False, inventory=inventory, at=("Confirm", f"touch {gone}"))
    assert set(stats) == {lost.name}, "the next batch was not begun"
    assert "takes the change back" in fleet.told
    until(lambda: not pending(fleet, lost), 30)
    assert [described(fleet, member) for member in (lost, after)] == ["FTP on the port of the old file server"] * 2


def test_a_second_run_after_a_killed_controller(fleet: Running, tmp_path: Path) -> None:
    """What the first run put in force is still to be taken back: the second one waits for that, and does it again."""
    values = extra(tmp_path / "v.yml", appliance_applications=application("again"), appliance_confirm_timeout=12)
    options = ("-e", values, "-e", "batch=100%")
    process = subprocess.Popen(
        fleet.command("rolling_change.yml", *options),
        cwd=fleet.home,
        env={**fleet.settings(), "AT_TASK": "Confirm", "AT_TASK_RUN": "sleep 100"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: all(pending(fleet, member) for member in fleet.members), 60)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert changed(fleet.play("rolling_change.yml", *options)) == names(fleet)
    assert not any(pending(fleet, member) for member in fleet.members)
    assert {described(fleet, member) for member in fleet.members} == {"again"}
