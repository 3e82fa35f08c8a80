"""The table of flow offload: its text for every case whose plan has one, and what gets into the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from applianced.compiler import offload
from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import OffloadPlan
from applianced.errors import ConfigError
from tests.compiler.configurations import CASES, outbound
from tests.support.expected import compare

DIRECTORY = Path(__file__).parent / "cases"


@pytest.mark.parametrize("name", [name for name in CASES if compile_plan(CASES[name]().config).offload.policies])
def test_text(name: str) -> None:
    wanted = compile_plan(CASES[name]().config).offload
    compare(DIRECTORY / name / "fastpath.nft", offload.table(wanted.interfaces, wanted.policies))


def test_only_transit_interfaces_and_the_policies_that_ask_for_it() -> None:
    plan = compile_plan(CASES["services-offload"]().config)
    names = {each.number: each.name for each in plan.policies}
    assert [names[number] for number in plan.offload.policies] == ["ssh", "mixed", "web"]
    assert plan.offload.interfaces == ("lan0", "wan0")


def test_without_such_a_policy_no_interface_is_named() -> None:
    assert compile_plan(CASES["nat-ftp"]().config).offload == OffloadPlan()


def test_a_policy_that_stays_keeps_its_place_in_the_table() -> None:
    config = CASES["services-offload"]().config
    before = compile_plan(config)
    after = compile_plan(
        replace(config, policies=(outbound("new", "junos-telnet"), *config.policies)), kept=before.policies
    )
    assert after.offload == before.offload


def test_a_name_that_is_no_interface_never_reaches_nft() -> None:
    with pytest.raises(ConfigError):
        offload.table(['x" }; drop'], (1,))
