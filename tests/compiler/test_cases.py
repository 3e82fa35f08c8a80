"""Golden rulesets and plans: cases/NAME/ruleset.nft and plan.json for each configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from applianced.compiler.compile import compile_plan
from tests.compiler.configurations import CASES
from tests.support.expected import compare

DIRECTORY = Path(__file__).parent / "cases"


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]()
    plan = compile_plan(case.config, queues=case.queues)
    rest = {key: value for key, value in plan.as_dict().items() if key != "ruleset"}
    (DIRECTORY / name).mkdir(exist_ok=True)
    compare(DIRECTORY / name / "ruleset.nft", plan.ruleset)
    compare(DIRECTORY / name / "plan.json", json.dumps(rest, indent=1) + "\n")


def test_every_folder_is_a_case() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_compiling_again_gives_the_same_octets(name: str) -> None:
    case = CASES[name]()
    assert compile_plan(case.config, queues=case.queues) == compile_plan(CASES[name]().config, queues=case.queues)
