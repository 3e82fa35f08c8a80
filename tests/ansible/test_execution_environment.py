"""The definition of the execution environment; ansible-builder and a container runtime are not part of the tests."""

from __future__ import annotations

from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.ansible.rehearsed import ANSIBLE

REPOSITORY = Path(__file__).parents[2]


def test_it_has_the_versions_that_are_tested() -> None:
    defined = yaml.safe_load((ANSIBLE / "execution-environment.yml").read_text())["dependencies"]
    tested = (REPOSITORY / "constraints.txt").read_text().splitlines()
    wanted = [defined["ansible_core"]["package_pip"], *defined["python"]]
    assert [name for name in wanted if name not in tested] == []


def test_it_holds_the_collection() -> None:
    defined = yaml.safe_load((ANSIBLE / "execution-environment.yml").read_text())
    (files,) = defined["additional_build_files"]
    assert (ANSIBLE / files["src"] / "galaxy.yml").is_file()
    (copied,) = (line for line in defined["additional_build_steps"]["append_final"] if line.startswith("COPY"))
    assert copied.split()[1:] == [
        f"_build/{files['dest']}",
        "/usr/share/ansible/collections/ansible_collections/applianced/appliance",
    ]
