"""Playbooks after which an operator must still be able to log in, over both connections."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from applianced.tools.fleet import Member
from tests.ansible.playbooks import DIRECT, PERSISTENT
from tests.ansible.rehearsed import Running, changed, extra, names
from tests.ansible.runner import controller
from tests.support.served import Served
from tests.support.until import until

pytestmark = pytest.mark.topology
BOTH = pytest.mark.parametrize("connection", [DIRECT, PERSISTENT])


@pytest.fixture
def sockets() -> Any:
    """Where OpenSSH keeps shared connections: the path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="cp-"))
    yield folder
    shutil.rmtree(folder)


def made(path: Path) -> Path:
    """A new key, and its public half beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def public(path: Path) -> str:
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


def keys(fleet: Running, member: Member, key: Path) -> list[str]:
    """Of the user admin, asked over a new login with this key."""
    with controller(Served(member.serving.port, key, fleet.directory)) as operator:
        (user,) = operator.ok("users_roles", state="gathered")["gathered"]["login"]["user"]
        return [" ".join(found.split()[:2]) for found in user["authentication"]["ssh_public_key"]]


def over(fleet: Running, path: Path, connection: str, sockets: Path) -> Path:
    """An inventory with shared connections that outlive a task."""
    variables = {
        "ansible_connection": connection,
        "ansible_control_path_dir": str(sockets),
        "ansible_netconf_control_persist": 20,
    }
    return fleet.inventory(path, {member.name: variables for member in fleet.members})


@BOTH
def test_keys_are_rotated(fleet: Running, tmp_path: Path, connection: str, sockets: Path) -> None:
    new, old = made(tmp_path / "new"), fleet.directory / "admin"
    member = fleet.members[0]
    inventory = over(fleet, tmp_path / "inventory.yml", connection, sockets)
    only = ("--limit", member.name, "-e", f"new_key={new}")
    assert changed(fleet.play("rotate_keys.yml", "--check", *only, inventory=inventory)) == {member.name}
    assert keys(fleet, member, old) == [public(old)]
    fleet.play("rotate_keys.yml", *only, inventory=inventory)
    assert keys(fleet, member, new) == [public(new)], "the old key is gone"
    assert not fleet.facts(member, new)["ansible_net_awaiting_confirmation"]
    with controller(Served(member.serving.port, new, tmp_path)) as operator:
        user = [{"name": "admin", "authentication": {"ssh_public_key": [public(old)]}}]
        operator.ok("users_roles", config={"login": {"user": user}})
    back = ("--limit", member.name, "-e", f"new_key={old}")
    fleet.play("rotate_keys.yml", *back, inventory=inventory)
    assert keys(fleet, member, old) == [public(old)]
    assert changed(fleet.play("rotate_keys.yml", *back, inventory=inventory)) == set()


@BOTH
def test_a_key_that_does_not_work_changes_nothing(
    fleet: Running, tmp_path: Path, connection: str, sockets: Path
) -> None:
    """Its public half is that of another one."""
    new, old = made(tmp_path / "new"), fleet.directory / "admin"
    shutil.copy(f"{made(tmp_path / 'other')}.pub", f"{new}.pub")
    inventory = over(fleet, tmp_path / "inventory.yml", connection, sockets)
    options = ("-e", f"new_key={new}", "-e", "batch=1")
    stats = fleet.play("rotate_keys.yml", *options, ok=False, inventory=inventory)
    assert len(stats) == 1, "the next batch was not begun"
    assert "Permission denied" in fleet.told
    for member in fleet.members:
        assert keys(fleet, member, old) == [public(old)]
        assert not fleet.facts(member, old)["ansible_net_awaiting_confirmation"]


@BOTH
def test_a_file_that_locks_out_is_not_confirmed(fleet: Running, tmp_path: Path, connection: str, sockets: Path) -> None:
    other, old = made(tmp_path / "other"), fleet.directory / "admin"
    member = fleet.members[1]
    inventory = over(fleet, tmp_path / "inventory.yml", connection, sockets)
    only = ("--limit", member.name, "-e", f"appliance_backup_dir={tmp_path}", "-e", "appliance_confirm_timeout=10")
    fleet.play("backup.yml", *only, inventory=inventory)
    backup = tmp_path / f"{member.name}.xml"
    text = backup.read_text()
    assert public(old) in text
    backup.write_text(text.replace(public(old), public(other)))
    fleet.play("restore.yml", *only, ok=False, inventory=inventory)
    until(lambda: logs_in(member, old), 30)
    assert keys(fleet, member, old) == [public(old)]


def logs_in(member: Member, key: Path) -> bool:
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes"]
    command = ["ssh", "-F", "none", *(word for option in options for word in ("-o", option)), "-i", str(key)]
    command += ["-p", str(member.serving.port), "-s", "admin@127.0.0.1", "netconf"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    return "hello" in done.stdout


def test_a_change_rolls_over_netcommon(fleet: Running, tmp_path: Path, sockets: Path) -> None:
    inventory = over(fleet, tmp_path / "inventory.yml", PERSISTENT, sockets)
    application = [{"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "description": "netcommon"}]
    good = extra(tmp_path / "good.yml", appliance_applications=application)
    assert changed(fleet.play("rolling_change.yml", "-e", good, "-e", "batch=2", inventory=inventory)) == names(fleet)
    bad = extra(tmp_path / "bad.yml", appliance_policies={"default_policy": {"deny_all": True}})
    fleet.play("rolling_change.yml", "-e", bad, "-e", "batch=100%", ok=False, inventory=inventory)
    assert changed(fleet.play("rolling_change.yml", "-e", good, inventory=inventory)) == set()
    assert changed(fleet.play("site.yml", inventory=inventory)) == names(fleet)
