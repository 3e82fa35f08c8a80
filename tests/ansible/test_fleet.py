"""The playbooks of ansible/ on a fleet: management alone, and one appliance with a network and real traffic."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.ansible.rehearsed import Running, changed, extra, names
from tests.support.until import until

pytestmark = pytest.mark.topology


def test_site_is_in_force_by_group(fleet: Running) -> None:
    assert changed(fleet.play("site.yml", "--check")) == set()
    assert changed(fleet.play("site.yml")) == set()
    for member in fleet.members:
        found = fleet.shown(member)
        profile = {"branch": "branch", "high-end": "core", "sdwan": "edge"}[member.profile]
        assert found["ansible_net_platform_profile"] == member.profile
        assert found["ansible_network_resources"]["alg"]["device_policy"] == profile
        policies = [policy["name"] for policy in found["ansible_network_resources"]["alg_policy"]]
        assert policies == ["closed", profile]


def test_alg_policies_alone(fleet: Running) -> None:
    member = fleet.members[0]
    with fleet.operator(member) as operator:
        operator.ok("alg_policy", config=[{"name": "stray", "alg": [{"name": "ftp"}]}])
    assert changed(fleet.play("alg_policy.yml")) == {member.name}
    assert changed(fleet.play("alg_policy.yml")) == set()


def test_a_good_change_rolls_through(fleet: Running, tmp_path: Path) -> None:
    application = {"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "description": "moved"}
    values = extra(tmp_path / "good.yml", appliance_applications=[application])
    assert changed(fleet.play("rolling_change.yml", "-e", values, "-e", "batch=2")) == names(fleet)
    assert changed(fleet.play("rolling_change.yml", "-e", values, "-e", "batch=2")) == set()
    for member in fleet.members:
        found = fleet.shown(member)
        assert found["ansible_net_awaiting_confirmation"] == {}
        assert found["ansible_network_resources"]["applications"] == [application]
    assert changed(fleet.play("site.yml")) == names(fleet)


def test_a_bad_change_is_taken_back_from_its_batch_and_stops_there(fleet: Running, tmp_path: Path) -> None:
    """Management says that all is well; traffic says that it is not."""
    before = {member.name: fleet.shown(member)["ansible_network_resources"] for member in fleet.members}
    values = extra(tmp_path / "bad.yml", appliance_policies={"default_policy": {"deny_all": True}})
    stats = fleet.play("rolling_change.yml", "-e", values, "-e", "batch=2", ok=False)
    real = next(member.name for member in fleet.members if member.traffic)
    assert stats[real]["failures"] == 1
    assert len(stats) == 2, "the second batch was not begun"
    assert all(counts["failures"] == 1 for counts in stats.values())
    for member in fleet.members:
        assert fleet.shown(member)["ansible_network_resources"] == before[member.name]


def test_one_that_does_not_answer_takes_its_batch_back(fleet: Running, tmp_path: Path) -> None:
    loaded = json.loads((fleet.directory / "inventory.yml").read_text())
    groups = loaded["all"]["children"]["appliances"]["children"]
    groups["sdwan"]["hosts"]["gw999"] = {"ansible_port": 1}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(json.dumps(loaded))
    application = {"name": "ftp-2121", "protocol": "tcp", "destination_port": "2199"}
    values = extra(tmp_path / "change.yml", appliance_applications=[application])
    options = ("-e", values, "-e", "batch=100%")
    stats = fleet.play("rolling_change.yml", *options, ok=False, inventory=inventory)
    assert set(stats) == names(fleet) | {"gw999"}
    for member in fleet.members:
        found = fleet.shown(member)
        assert found["ansible_net_awaiting_confirmation"] == {}
        assert found["ansible_network_resources"]["applications"][0]["destination_port"] == "2121"
    assert all(counts["changed"] for name, counts in stats.items() if name != "gw999"), "they had committed it"


def test_a_controller_that_is_killed(fleet: Running, tmp_path: Path) -> None:
    """In the middle of a change: every appliance is as it was when the time to confirm has passed."""
    before = {member.name: fleet.shown(member)["ansible_network_resources"] for member in fleet.members}
    loaded = json.loads((fleet.directory / "inventory.yml").read_text())
    branches = loaded["all"]["children"]["appliances"]["children"]["branch"]["hosts"]
    real = next(member.name for member in fleet.members if member.traffic)
    branches[real]["appliance_health_command"] = ["sleep", "100"]
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(json.dumps(loaded))
    application = {"name": "ftp-2121", "protocol": "tcp", "destination_port": "2199"}
    values = extra(tmp_path / "change.yml", appliance_applications=[application], appliance_confirm_timeout=10)
    process = subprocess.Popen(
        fleet.command("rolling_change.yml", "-e", values, "-e", "batch=100%", inventory=inventory),
        cwd=fleet.home,
        env=fleet.settings(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: all(fleet.shown(member)["ansible_net_awaiting_confirmation"] for member in fleet.members), 60)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not any(fleet.shown(member)["ansible_net_awaiting_confirmation"] for member in fleet.members), 30)
    for member in fleet.members:
        assert fleet.shown(member)["ansible_network_resources"] == before[member.name]


def test_audit(fleet: Running, tmp_path: Path) -> None:
    member = fleet.members[0]
    with fleet.operator(member) as operator:
        operator.ok("config", lines=["set applications application stray protocol tcp"])
    output = ("-e", f"audit_output={tmp_path}")
    commits = {each.name: fleet.shown(each)["ansible_net_commit"] for each in fleet.members}
    assert changed(fleet.play("audit.yml", *output)) == {member.name}, "what site.yml would change"
    report = json.loads((tmp_path / "drift.json").read_text())
    assert {name for name, entry in report.items() if entry["state"] == "drifted"} == {member.name}
    assert report[member.name]["drift"] == ["delete applications application stray"]
    page = (tmp_path / "drift.html").read_text()
    assert "delete applications application stray" in page
    assert {each.name: fleet.shown(each)["ansible_net_commit"] for each in fleet.members} == commits
    fleet.play("site.yml")
    fleet.play("audit.yml", *output)
    assert {entry["state"] for entry in json.loads((tmp_path / "drift.json").read_text()).values()} == {"as desired"}


def test_an_audit_has_no_hashes_and_is_for_its_owner(fleet: Running, tmp_path: Path) -> None:
    """Of users in the desired state."""
    user = {"name": "auditor", "authentication": {"encrypted_password": "$6$salt$" + "x" * 86}}
    public = (fleet.directory / "admin.pub").read_text().strip()
    admin = {"name": "admin", "class": "super-user", "authentication": {"ssh_public_key": [public]}}
    state = {"users_roles": {"login": {"user": [admin, user]}}}
    output = tmp_path / "audit"
    values = extra(tmp_path / "v.yml", appliance_state=state, audit_output=str(output))
    fleet.play("audit.yml", "-e", values, "--limit", fleet.members[0].name)
    report = output / "drift.json"
    assert "login user auditor authentication encrypted-password ***" in report.read_text()
    for path in output.iterdir():
        assert "xxxx" not in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert output.stat().st_mode & 0o077 == 0


def test_audit_of_some_and_of_one_that_does_not_answer(fleet: Running, tmp_path: Path) -> None:
    member = fleet.members[0]
    loaded = json.loads((fleet.directory / "inventory.yml").read_text())
    loaded["all"]["children"]["appliances"]["children"]["sdwan"]["hosts"]["gw999"] = {"ansible_port": 1}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(json.dumps(loaded))
    options = ("-e", f"audit_output={tmp_path}", "--limit", f"{member.name},gw999")
    stats = fleet.play("audit.yml", *options, ok=False, inventory=inventory)
    assert {name for name, counts in stats.items() if counts["failures"]} == {"gw999"}
    report = json.loads((tmp_path / "drift.json").read_text())
    assert {name: entry["state"] for name, entry in report.items()} == {
        member.name: "as desired",
        "gw999": "unreachable",
    }


def test_backup_and_restore(fleet: Running, tmp_path: Path) -> None:
    folder = ("-e", f"appliance_backup_dir={tmp_path}")
    fleet.play("backup.yml", *folder)
    assert {path.stem for path in tmp_path.glob("*.xml")} == names(fleet)
    assert changed(fleet.play("backup.yml", *folder)) == set()
    member = fleet.members[1]
    with fleet.operator(member) as operator:
        operator.ok("config", path="/applications/application[name='stray']", config={"protocol": "tcp"})
    assert changed(fleet.play("restore.yml", *folder)) == {member.name}
    assert changed(fleet.play("site.yml")) == set()


def test_compliance(fleet: Running) -> None:
    fleet.play("compliance.yml")
    member = fleet.members[0]
    with fleet.operator(member) as operator:
        operator.ok("config", lines=["set security policies default-policy permit-all"])
    stats = fleet.play("compliance.yml", ok=False)
    assert {name for name, counts in stats.items() if counts["failures"]} == {member.name}
    fleet.play("site.yml")


def test_a_fault_in_one_part_leaves_nothing_of_the_others(fleet: Running, tmp_path: Path) -> None:
    """The settings of the system are a commit of their own, and the second one."""
    before = {member.name: fleet.shown(member)["ansible_network_resources"] for member in fleet.members}
    values = extra(tmp_path / "bad.yml", appliance_nat_source={}, appliance_address_books=[], appliance_policies={})
    fleet.play("site.yml", "-e", values, "-e", "appliance_profile=toaster", ok=False)
    assert "toaster" in fleet.told
    for member in fleet.members:
        found = fleet.shown(member)
        assert found["ansible_net_awaiting_confirmation"] == {}
        assert found["ansible_network_resources"] == before[member.name]


def test_a_rolling_change_is_told_before(fleet: Running, tmp_path: Path) -> None:
    application = {"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "description": "told"}
    values = extra(tmp_path / "told.yml", appliance_applications=[application])
    commits = {each.name: fleet.shown(each)["ansible_net_commit"] for each in fleet.members}
    assert changed(fleet.play("rolling_change.yml", "--check", "-e", values, "-e", "batch=2")) == names(fleet)
    assert {each.name: fleet.shown(each)["ansible_net_commit"] for each in fleet.members} == commits
    broken = extra(tmp_path / "broken.yml", appliance_alg={"device_policy": "nobody"})
    fleet.play("rolling_change.yml", "--check", "-e", broken, "-e", "batch=2", ok=False)
    assert "nothing was changed" in fleet.told
