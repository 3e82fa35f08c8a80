"""Over ansible.netcommon one session serves all tasks of a playbook: what one task leaves is no part of the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks import PERSISTENT, host, run
from tests.ansible.runner import Controller
from tests.support.served import Served

OURS = "applianced.appliance"
BAD = [{"name": "bad", "protocol": "tcp", "destination_port": "4711"}]
NAMED: dict[str, Any] = {f"{OURS}.system": {"config": {"host_name": "gw9.example.net"}}}
SET = ["set system host-name gw9.example.net"]


@pytest.mark.usefixtures("operator")
def test_a_cancelled_commit_does_not_come_back(server: Served, tmp_path: Path) -> None:
    confirmed = {"confirm_timeout": 60, "persist_id": "t"}
    tasks = [
        {"name": "bad", f"{OURS}.applications": {"config": BAD, **confirmed}},
        {"name": "cancel", f"{OURS}.config": {"confirm": "cancel", "persist_id": "t"}},
        {"name": "foreseen", "check_mode": True, **NAMED},
        {"name": "named", **NAMED},
        {"name": "there", f"{OURS}.applications": {"state": "gathered"}},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert results["cancel"]["changed"]
    assert (results["foreseen"]["commands"], results["named"]["commands"]) == (SET, SET)
    assert results["named"]["round_trips"] <= 6
    assert results["there"]["gathered"] == []


def test_an_expired_commit_does_not_come_back(server: Served, operator: Controller, tmp_path: Path) -> None:
    tasks = [
        {"name": "bad", f"{OURS}.applications": {"config": BAD, "confirm_timeout": 1}},
        {
            "name": "gone",
            f"{OURS}.applications": {"state": "gathered"},
            "register": "there",
            "until": "not there.gathered",
            "retries": 50,
            "delay": 0.2,
        },
        {"name": "named", **NAMED},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert results["named"]["commands"] == SET
    assert operator.ok("applications", state="gathered")["gathered"] == []


@pytest.mark.usefixtures("operator")
def test_an_edit_of_another_task_is_not_told_as_ones_own(server: Served, tmp_path: Path) -> None:
    edit = (
        "<edit-config><target><candidate/></target><config><applications xmlns='urn:applianced:yang:applications'>"
        "<application><name>bad</name><protocol>tcp</protocol></application></applications></config></edit-config>"
    )
    tasks = [
        {"name": "edit", f"{OURS}.rpc": {"xml": edit}},
        {"name": "foreseen", "check_mode": True, **NAMED},
    ]
    results = run(tmp_path, {"gw": host(server, PERSISTENT)}, tasks)["gw"]
    assert not results["edit"].get("failed"), results["edit"]
    assert results["foreseen"]["commands"] == SET
