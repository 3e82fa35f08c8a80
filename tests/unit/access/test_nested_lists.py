"""Rules that name entries within entries, in the appliance's own model."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import pytest

from applianced.access.changes import AccessDeniedError, judge
from applianced.access.decider import Decider
from applianced.access.pruning import pruned_copy
from applianced.access.schema import SchemaIndex
from applianced.config.nacm import Access, Nacm, Rule, RuleList
from applianced.datastore.models import load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree

PAIRS = (("lan", "wan"), ("lan", "dmz"), ("dmz", "wan"))
PAIR = "/applianced-security:security/policies/policy[from-zone-name='{}'][to-zone-name='{}']"


@lru_cache(maxsize=1)
def index() -> SchemaIndex:
    return SchemaIndex(load_models())


def policies(then: str = '"deny": [null]') -> Tree:
    """Three pairs of zones, each with the policies `web` and `mail`."""
    entries = [
        {
            "from-zone-name": one,
            "to-zone-name": other,
            "policy": [{"name": name, "then": json.loads(f"{{{then}}}")} for name in ("web", "mail")],
        }
        for one, other in PAIRS
    ]
    data = {"applianced-security:security": {"policies": {"policy": entries}}}
    return Tree.parse(index().models, json.dumps(data).encode(), Form.JSON)


def decider(*rules: tuple[str, bool], access: Access = Access.READ) -> Decider:
    """For (path, permit)."""
    made = tuple(
        Rule(name=str(number), path=path, permit=permit, operations=access)
        for number, (path, permit) in enumerate(rules)
    )
    nacm = Nacm(rule_lists=(RuleList(name="l", groups=("g",), rules=made),), write_permitted=True)
    return Decider(index(), nacm, frozenset(("g",)))


def left(*rules: tuple[str, bool]) -> set[tuple[str, str, str]]:
    """(from, to, name) of the policies that are shown."""
    with policies() as tree, pruned_copy(decider(*rules), tree) as copy:
        data = json.loads(copy.render(Form.JSON))
    pairs = data.get("applianced-security:security", {}).get("policies", {}).get("policy", [])
    return {
        (pair["from-zone-name"], pair["to-zone-name"], policy["name"])
        for pair in pairs
        for policy in pair.get("policy", [])
    }


EVERY = {(*pair, name) for pair in PAIRS for name in ("web", "mail")}
LAN_WAN = PAIR.format("lan", "wan")


@pytest.mark.parametrize(
    ("rules", "hidden"),
    [
        ([(f"{LAN_WAN}/policy[name='web']", False)], {("lan", "wan", "web")}),
        ([(LAN_WAN, False)], {("lan", "wan", "web"), ("lan", "wan", "mail")}),
        ([(f"{LAN_WAN}/policy", False)], {("lan", "wan", "web"), ("lan", "wan", "mail")}),
        (
            [("/applianced-security:security/policies/policy/policy[name='web']", False)],
            {entry for entry in EVERY if entry[2] == "web"},
        ),
        (
            [(f"{LAN_WAN}/policy[name='web']", True), ("/applianced-security:security/policies/policy/policy", False)],
            EVERY - {("lan", "wan", "web")},
        ),
        (
            [
                (f"{LAN_WAN}/policy[name='web']", False),
                (f"{PAIR.format('dmz', 'wan')}/policy[name='mail']", False),
            ],
            {("lan", "wan", "web"), ("dmz", "wan", "mail")},
        ),
        (
            [("/applianced-security:security/policies/policy[to-zone-name='wan']", False)],
            {entry for entry in EVERY if entry[1] == "wan"},
        ),
        (
            [
                (f"{LAN_WAN}/policy[name='web']", True),
                ("/applianced-security:security/policies/policy[from-zone-name='lan']/policy[name='web']", False),
            ],
            {("lan", "dmz", "web")},
        ),
        ([(f"{PAIR.format('wan', 'lan')}/policy[name='web']", False)], set()),
    ],
)
def test_entries_within_entries(rules: list[tuple[str, bool]], hidden: set[tuple[str, str, str]]) -> None:
    assert left(*rules) == EVERY - hidden


def test_a_change_of_one_of_them_is_refused() -> None:
    guarded = decider((f"{LAN_WAN}/policy[name='web']", False), access=Access.CREATE)
    with policies() as before, policies('"reject": {}') as after:
        with pytest.raises(AccessDeniedError) as refused:
            judge(guarded, before, after)
        assert re.match(re.escape(f"{LAN_WAN}/policy[name='web']/then/reject"), refused.value.path)
        judge(decider((f"{LAN_WAN}/policy[name='none']", False), access=Access.CREATE), before, after)


def test_password_hashes_are_hidden_unless_a_rule_says_otherwise() -> None:
    user = {"name": "u", "class": "super-user", "authentication": {"encrypted-password": "$6$salt$" + "a" * 86}}
    data = {"applianced-system:system": {"login": {"user": [user]}}}
    with Tree.parse(index().models, json.dumps(data).encode(), Form.JSON) as tree:
        with pruned_copy(decider(), tree) as copy:
            assert b"super-user" in copy.render(Form.JSON)
            assert b"$6$" not in copy.render(Form.JSON)
        with pruned_copy(decider(("/applianced-system:system", True)), tree) as copy:
            assert b"$6$" in copy.render(Form.JSON)


def test_logins_are_not_written_unless_a_rule_says_so() -> None:
    root = {"login": {"user": [{"name": "u", "class": "super-user"}]}}
    with (
        Tree(index().models) as before,
        Tree.parse(index().models, json.dumps({"applianced-system:system": root}).encode(), Form.JSON) as after,
    ):
        with pytest.raises(AccessDeniedError, match="default-deny-write"):
            judge(decider(), before, after)
        judge(decider(("/applianced-system:system/login", True), access=Access.CREATE), before, after)
