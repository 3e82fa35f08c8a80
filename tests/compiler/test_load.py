"""Every golden ruleset is loaded twice and listed, as nft on this machine has it."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.compiler.compile import compile_plan
from applianced.compiler.marks import CONTROL_PORTS, GATES_TABLE, POLICY_TABLE
from applianced.tools.namespaces import run
from tests.compiler.configurations import CASES

pytestmark = pytest.mark.topology

DIRECTORY = Path(__file__).parent / "cases"
GATES = f"table inet {GATES_TABLE} {{ set {CONTROL_PORTS} {{ type inet_proto . inet_service; flags interval; }}; }}"
_numbers = itertools.count()


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"apc{os.getpid():x}-{next(_numbers)}"
    run(["ip", "netns", "add", name])
    try:
        yield name
    finally:
        run(["ip", "netns", "delete", name])


def nft(namespace: str, *argv: str, stdin: str | None = None) -> str:
    return run(["ip", "netns", "exec", namespace, "nft", *argv], stdin=stdin).stdout


@pytest.mark.parametrize("name", CASES)
def test_loads_twice_and_lists(namespace: str, name: str) -> None:
    text = (DIRECTORY / name / "ruleset.nft").read_text()
    nft(namespace, "-f", "-", stdin=GATES)
    nft(namespace, "-c", "-f", "-", stdin=text)
    nft(namespace, "-f", "-", stdin=text)
    first = nft(namespace, "-s", "list", "ruleset")
    nft(namespace, "-f", "-", stdin=text)
    assert nft(namespace, "-s", "list", "ruleset") == first
    assert f"table inet {POLICY_TABLE}" in first


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_has_as_many_rules_as_the_plan_says(namespace: str, name: str) -> None:
    case = CASES[name]()
    plan = compile_plan(case.config, queues=case.queues)
    nft(namespace, "-f", "-", stdin=GATES)
    nft(namespace, "-f", "-", stdin=plan.ruleset)
    listed = json.loads(nft(namespace, "-j", "list", "table", "inet", POLICY_TABLE))["nftables"]
    counts = {entry["chain"]["name"]: 0 for entry in listed if "chain" in entry}
    for entry in listed:
        if "rule" in entry:
            counts[entry["rule"]["chain"]] += 1
    assert counts == plan.chains


def test_a_chain_can_be_read_back_by_its_name(namespace: str) -> None:
    plan = compile_plan(CASES["nat-ftp"]().config)
    nft(namespace, "-f", "-", stdin=GATES)
    nft(namespace, "-f", "-", stdin=plan.ruleset)
    for chain in plan.chains:
        assert f"chain {chain} {{" in nft(namespace, "list", "chain", "inet", POLICY_TABLE, chain)
