"""Numbers of policies, labels."""

from __future__ import annotations

import pytest

from applianced.compiler import policies
from applianced.compiler.counting import chains
from applianced.compiler.plan import PolicyName
from applianced.compiler.policies import label_bits, numbered
from applianced.config.schema import Policy
from applianced.errors import ConfigError


def policy(name: str) -> Policy:
    return Policy(name=name, from_zone="a", to_zone="b")


def test_numbers_follow_the_order() -> None:
    assert [entry.number for entry in numbered([policy("x"), policy("y")])] == [1, 2]


def test_a_policy_that_stays_keeps_its_number() -> None:
    kept = [PolicyName(number=number, name=name, from_zone="a", to_zone="b") for number, name in ((1, "x"), (3, "z"))]
    found = numbered([policy("new"), policy("z"), policy("newer")], kept)
    assert [(entry.number, entry.policy.name) for entry in found] == [(1, "new"), (3, "z"), (2, "newer")]


def test_more_policies_than_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MOST", 2)
    with pytest.raises(ConfigError, match="more than 2 policies"):
        numbered([policy(name) for name in "xyz"])


def test_label_bits_are_binary() -> None:
    assert label_bits(0b1000000000000101) == (0, 2, 15)
    assert label_bits(policies.MOST) == tuple(range(16))


def test_counting_needs_no_more_steps_than_bits() -> None:
    found = list(chains(range(1, 1001)))
    assert max(len(chain.rules) for chain in found) <= 16
    assert sum("counter" in str(rule) for chain in found for rule in chain.rules) == 1000
    assert list(chains([])) == []
