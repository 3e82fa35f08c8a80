"""The lists that must agree: the registry, the numbers in ct mark, the YANG identities."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from applianced.alg.registry import DESCRIPTORS, NOT_BUILT, REGISTRY
from applianced.compiler.marks import ALG_NUMBERS

TYPES = Path(__file__).parents[3] / "yang" / "applianced-types.yang"


def test_registry_and_marks_agree() -> None:
    assert set(REGISTRY) | set(NOT_BUILT) == set(ALG_NUMBERS)
    assert not set(REGISTRY) & set(NOT_BUILT)
    assert len(DESCRIPTORS) == len(REGISTRY)


@pytest.mark.skipif(not TYPES.exists(), reason="the YANG modules are not here yet")
def test_identities_agree() -> None:
    text = TYPES.read_text()
    identities = set(re.findall(r"^\s*identity\s+([\w-]+)", text, re.MULTILINE))
    assert set(ALG_NUMBERS) <= identities


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
def test_descriptor_is_complete(descriptor) -> None:
    assert descriptor.ports
    assert all(descriptor.events.values())
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", event) for event in descriptor.events)
    assert descriptor.settings() == descriptor.settings()
    assert dataclasses.is_dataclass(descriptor.settings)
    assert descriptor.settings.__dataclass_params__.frozen


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
def test_every_setting_is_a_leaf(descriptor) -> None:
    """The configuration reaches an ALG by the names of its leaves alone."""
    module = TYPES.with_name(f"applianced-alg-{descriptor.name}.yang")
    leaves = _leaves(module.read_text(), descriptor.name) if module.exists() else set()
    fields = {field.name.replace("_", "-") for field in dataclasses.fields(descriptor.settings) if field.init}
    assert fields - {"static-nat"} <= leaves


def _leaves(text: str, name: str) -> set[str]:
    """Leaves of the ALG's container, those of inner containers with the container's name before theirs."""
    found, within = set(), {}
    for indent, word, named in re.findall(r"^( *)(container|leaf-list|leaf) ([\w-]+) \{", text, re.MULTILINE):
        within = {depth: container for depth, container in within.items() if depth < len(indent)}
        if word == "container":
            within[len(indent)] = named
        elif name in within.values():
            path = list(within.values())
            found.add("-".join((*path[path.index(name) + 1 :], named)))
    return found
