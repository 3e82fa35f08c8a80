"""Every example of the documentation does what it says, at a running appliance. Those of gates and the like are in
test_operational."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.tools.collection.resources import RESOURCES
from tests.ansible.examples import EVERY, OPERATIONAL, examples
from tests.ansible.runner import Controller
from tests.ansible.test_resources import KEY
from tests.support.served import Served

NEEDS = {resource.name: resource.needs for resource in RESOURCES}


@pytest.mark.parametrize("module", [name for name in EVERY if name not in OPERATIONAL])
def test_examples(server: Served, operator: Controller, tmp_path: Path, module: str) -> None:
    if module == "zones":
        # The first configuration's policies and NAT need its zones.
        operator.ok("resources", state="deleted", config={"policies": {}, "nat_source": {}})
    if module in NEEDS:
        operator.ok("config", config=NEEDS[module])
    operator.ok("config", backup=True, backup_options={"dir_path": str(tmp_path), "filename": "gw.xml"})
    texts = {
        "{{ lookup('ansible.builtin.file', 'backup.xml') }}": (tmp_path / "gw.xml").read_text(),
        "/var/backups/appliances": str(tmp_path),
        "{{ inventory_hostname }}": "gw",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... olga": KEY,
    }
    for example in examples(module, texts):
        state = example.arguments.get("state")
        if example.arguments.get("rpc") == "restart-worker":
            assert "without a dataplane" in operator.run(module, **example.arguments)["msg"]
            continue
        if module == "users_roles" and (state == "overridden" or (state == "deleted" and len(example.arguments) == 1)):
            # olga is no super-user; the appliance lets nobody lock all of them out.
            assert operator.run(module, **example.arguments)["error"]["path"] == "/system/login"
            continue
        done = operator.ok(module, **example.arguments)
        assert "round_trips" in done or state in ("rendered", "parsed"), example.name
