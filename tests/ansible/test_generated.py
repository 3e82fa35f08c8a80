"""What is generated from the models is what the collection holds, and all of it is documented."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from applianced.config.modules import MODULES as IN_FORCE
from applianced.tools.collection.options import SECRET
from applianced.tools.collection.render import files
from applianced.tools.collection.resources import RESOURCES
from applianced.tools.collection.schema import Kind, Node, Value, load
from tests.ansible.runner import COLLECTION, MODULES  # first: it makes the collection importable

from ansible_collections.applianced.appliance.plugins.module_utils import secrets  # isort: skip

EVERY = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))


def test_files_are_those_of_the_models() -> None:
    stale = [
        name
        for name, text in files(load(), RESOURCES).items()
        if not (COLLECTION / name).exists() or (COLLECTION / name).read_text() != text
    ]
    assert stale == [], "run `make collection`"


def test_no_argument_is_left_out() -> None:
    """Every leaf that can be configured is an argument of a module, or below one of these."""
    elsewhere = {("security", "flow"), ("security", "log"), ("interfaces",)}
    covered = {part.path for resource in RESOURCES for part in resource.parts} | elsewhere

    def uncovered(node: Node, path: tuple[str, ...]) -> list[str]:
        if path in covered or not node.config:
            return []
        if node.kind in (Kind.LEAF, Kind.LEAF_LIST):
            return ["/".join(path)]
        return [found for name, child in node.children.items() for found in uncovered(child, (*path, name))]

    data = load().data
    assert [found for node in data.values() for found in uncovered(node, (node.name,))] == []


def test_schema() -> None:
    schema = load()
    assert {module.name for module in IN_FORCE if module.name.startswith("applianced-")} >= {
        name.partition(":")[0] for name in schema.operations if name.startswith("applianced-")
    }
    application = schema.data["applianced-applications:applications"].children["application"]
    assert application.keys == ("name",)
    assert application.children["inactivity-timeout"].value is Value.MIXED
    assert application.children["application-protocol"].value is Value.IDENTITY
    policy = schema.data["applianced-security:security"].children["policies"].children["policy"].children["policy"]
    assert policy.ordered
    then = policy.children["then"]
    assert {name: child.cases[0][0] for name, child in then.children.items() if child.cases} == {
        "permit": "action",
        "deny": "action",
        "reject": "action",
    }


def test_secrets_are_the_same_in_the_collection() -> None:
    assert secrets.NAMES == SECRET


def test_no_argument_has_a_name_that_ansible_keeps_for_itself() -> None:
    def names(options: dict[str, Any]) -> Iterator[str]:
        for name, entry in options.items():
            yield name
            yield from names(entry.get("suboptions", {}))

    for name in EVERY:
        options = yaml.safe_load(importlib.import_module(f"{MODULES}.{name}").DOCUMENTATION).get("options", {})
        assert not {"message", "syslog_facility"} & set(names(options)), name


@pytest.mark.parametrize("name", EVERY)
def test_documented(name: str) -> None:
    module = importlib.import_module(f"{MODULES}.{name}")
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["module"] == name
    assert all(task["name"] for task in yaml.safe_load(module.EXAMPLES))
    assert "round_trips" in yaml.safe_load(module.RETURN)


def test_every_module_is_routed_to_the_action() -> None:
    runtime = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())
    assert sorted(runtime["plugin_routing"]["modules"]) == EVERY == sorted(runtime["action_groups"]["appliance"])


def test_licence() -> None:
    assert "GNU GENERAL PUBLIC LICENSE" in (COLLECTION / "LICENSE").read_text()
    for path in [*COLLECTION.rglob("*.py")]:
        assert "GNU General Public License v3.0+" in path.read_text()[:300], Path(path)
