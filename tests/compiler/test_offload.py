"""The table of flow offload: its text for every case whose plan has one, and what gets into the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from applianced.compiler import offload
from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import OffloadPlan
from applianced.config.schema import Application, Flow, Term
from applianced.errors import ConfigError
from tests.compiler.configurations import CASES, known, outbound
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


def test_no_session_is_silent_there_for_longer_than_it_may_be() -> None:
    case = CASES["services-offload"]().config
    assert compile_plan(case).offload.silent_s == 30
    short = Application(name="short", terms=(Term(protocol=6, destination_ports=(9, 9), inactivity_timeout_s=7),))
    config = replace(case, applications=known(short), policies=(outbound("p", "short", offload=True),))
    assert compile_plan(config).offload.silent_s == 7
    assert compile_plan(replace(config, flow=Flow(udp_session_timeout_s=5))).offload.silent_s == 5


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
