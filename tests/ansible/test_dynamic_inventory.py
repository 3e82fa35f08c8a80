"""The example of a dynamic inventory, as Ansible runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playbooks import environment, program
from tests.ansible.rehearsed import ANSIBLE

SCRIPT = ANSIBLE / "inventory" / "dynamic.py"
HEADER = "name,address,port,profile,site"


def listed(directory: Path, *rows: str) -> Any:
    """What Ansible has of these rows, or of the example without any."""
    settings = environment(directory)
    if rows:
        (directory / "rows.csv").write_text("\n".join((HEADER, *rows)))
        settings["APPLIANCES_CSV"] = str(directory / "rows.csv")
    command = [program("ansible-inventory"), "-i", str(SCRIPT), "--list"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    assert "WARNING" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def test_the_example(tmp_path: Path) -> None:
    found = listed(tmp_path)
    assert found["high_end"]["hosts"] == ["gw-core"]
    assert found["_meta"]["hostvars"]["gw-lyon"]["ansible_port"] == 830


def test_any_site_is_a_group(tmp_path: Path) -> None:
    found = listed(tmp_path, "x,192.0.2.1,830,branch,São Paulo / 2", " y ,192.0.2.2, 831 ,sdwan,plain")
    assert found["site_S_o_Paulo___2"]["hosts"] == ["x"]
    assert found["site_plain"]["hosts"] == ["y"]
    assert found["_meta"]["hostvars"]["y"]["ansible_port"] == 831


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["x,192.0.2.1,830,toaster,y"], "x: 'toaster' is no profile"),
        (["x,192.0.2.1"], "x: there is no port, profile, site"),
        (["x,192.0.2.1,830,branch, "], "x: there is no site"),
        (["x,192.0.2.1,830,branch,y,z"], "x: there is more than"),
        (["x,192.0.2.1,0,branch,y"], "x: '0' is no port"),
        (["x,192.0.2.1,²,branch,y"], "x: '²' is no port"),
        (["x,192.0.2.1,830,branch,y", "x,192.0.2.2,830,branch,y"], "x: there are two rows"),
    ],
)
def test_wrong_rows_are_told(tmp_path: Path, rows: list[str], said: str) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join((HEADER, *rows)))
    failed = subprocess.run(
        [sys.executable, SCRIPT, "--list"],
        env={**environment(tmp_path), "APPLIANCES_CSV": str(wrong)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert failed.stderr.startswith("no inventory: ")
    assert said in failed.stderr
