"""RFC 8341 3.4: each step of the decisions, and the examples of appendix A."""

from __future__ import annotations

import pytest

from applianced.access.decider import Decider, Spot
from applianced.access.rules import Keys
from applianced.config.nacm import ANY, Access, Nacm, Rule, RuleList
from tests.support.guarded import decider, guarded_index

READ, CREATE, UPDATE, DELETE, EXEC = Access.READ, Access.CREATE, Access.UPDATE, Access.DELETE, Access.EXEC


def permit(name: str = "yes", **fields: object) -> Rule:
    return Rule(name=name, permit=True, **fields)  # type: ignore[arg-type]


def deny(name: str = "no", **fields: object) -> Rule:
    return Rule(name=name, permit=False, **fields)  # type: ignore[arg-type]


def spot(rules: Decider, *way: str, **keys: Keys) -> Spot:
    """The place of a node of the shop; keys: of the lists on the way, by name."""
    found, level = None, guarded_index().tops
    for name in way:
        node = next(node for (_, local), node in level.items() if local == name)
        found = rules.enter(found, node, keys.get(name, {}))
        level = node.children
    assert found
    return found


TITLE = ("shop", "title")


@pytest.mark.parametrize(
    ("rules", "access", "permitted", "by"),
    [
        ((), READ, True, "read-default"),
        ((), CREATE, False, "write-default"),
        ((), UPDATE, False, "write-default"),
        ((), DELETE, False, "write-default"),
        ((deny(),), READ, False, 'rule "no" of rule-list "l"'),
        ((permit(),), DELETE, True, 'rule "yes" of rule-list "l"'),
        ((permit(operations=UPDATE),), UPDATE, True, 'rule "yes" of rule-list "l"'),
        ((permit(operations=UPDATE),), CREATE, False, "write-default"),
        ((deny(), permit()), READ, False, 'rule "no" of rule-list "l"'),
        ((permit(), deny()), READ, True, 'rule "yes" of rule-list "l"'),
        ((deny(module="example"),), READ, False, 'rule "no" of rule-list "l"'),
        ((deny(module="ietf-netconf-acm"),), READ, True, "read-default"),
        ((deny(rpc=ANY),), READ, True, "read-default"),
        ((deny(notification=ANY),), READ, True, "read-default"),
        ((deny(path="/"),), READ, False, 'rule "no" of rule-list "l"'),
        ((deny(path="/example:shop"),), READ, False, 'rule "no" of rule-list "l"'),
        ((deny(path="/example:shop/title"),), READ, False, 'rule "no" of rule-list "l"'),
        ((deny(path="/example:shop/size"),), READ, True, "read-default"),
        ((deny(path="/example:shop/title", module="ietf-netconf"),), READ, True, "read-default"),
        ((deny(path="/example:shop/nothing"),), READ, True, "read-default"),
    ],
)
def test_data(rules: tuple[Rule, ...], access: Access, permitted: bool, by: str) -> None:
    made = decider(*rules)
    assert made.verdict(spot(made, *TITLE), access) == (permitted, by)


def test_defaults() -> None:
    made = decider(read_permitted=False, write_permitted=True, exec_permitted=False)
    assert made.verdict(spot(made, *TITLE), READ) == (False, "read-default")
    assert made.verdict(spot(made, *TITLE), DELETE) == (True, "write-default")
    assert made.may_call("example", "ring") == (False, "exec-default")
    assert made.may_notify("example", "bell") == (False, "read-default")


def test_rules_are_for_groups() -> None:
    assert decider(deny(), groups=("others",)).may_call("example", "ring").permitted
    assert not decider(deny(), groups=(ANY,)).may_call("example", "ring").permitted
    everybody = Nacm(rule_lists=(RuleList(name="l", groups=(ANY,), rules=(deny(),)),))
    # Whoever is in no group at all is met by no rule (RFC 8341 3.4.4, step 5).
    assert Decider(guarded_index(), everybody, frozenset()).may_call("example", "ring").permitted


def test_rule_lists_in_order_and_roles_first() -> None:
    first, second = (
        RuleList(name="a", groups=("g",), rules=(deny(),)),
        RuleList(name="b", groups=("g",), rules=(permit(),)),
    )
    groups = frozenset(("g",))
    configured = Nacm(rule_lists=(first, second))
    assert Decider(guarded_index(), configured, groups).may_call("example", "ring").by == 'rule "no" of rule-list "a"'
    role = configured.preceded_by([RuleList(name="role", groups=("g",), rules=(permit("may"),))])
    assert Decider(guarded_index(), role, groups).may_call("example", "ring").by == 'rule "may" of rule-list "role"'


@pytest.mark.parametrize(
    ("rules", "call", "permitted"),
    [
        ((), ("example", "ring"), True),
        ((deny(rpc="ring"),), ("example", "ring"), False),
        ((deny(rpc="ring", module="ietf-netconf"),), ("example", "ring"), True),
        ((deny(rpc="sing"),), ("example", "ring"), True),
        ((deny(rpc=ANY),), ("example", "ring"), False),
        ((deny(notification="ring"),), ("example", "ring"), True),
        ((deny(path="/"),), ("example", "ring"), True),
        ((deny(operations=READ | UPDATE),), ("example", "ring"), True),
        ((deny(),), ("ietf-netconf", "close-session"), True),
        ((), ("ietf-netconf", "kill-session"), False),
        ((), ("ietf-netconf", "delete-config"), False),
        ((permit(rpc="kill-session", operations=EXEC),), ("ietf-netconf", "kill-session"), True),
        ((), ("applianced-history", "rollback"), False),
        ((permit(module="applianced-history"),), ("applianced-history", "rollback"), True),
    ],
)
def test_operations(rules: tuple[Rule, ...], call: tuple[str, str], permitted: bool) -> None:
    assert decider(*rules).may_call(*call).permitted is permitted


@pytest.mark.parametrize(
    ("rules", "name", "permitted"),
    [
        ((), "bell", True),
        ((deny(notification="bell"),), "bell", False),
        ((deny(notification="bell", operations=EXEC),), "bell", True),
        ((deny(rpc="bell"),), "bell", True),
        ((deny(),), "bell", False),
        ((deny(),), "replayComplete", True),
        ((deny(),), "notificationComplete", True),
    ],
)
def test_notifications(rules: tuple[Rule, ...], name: str, permitted: bool) -> None:
    assert decider(*rules).may_notify("example", name).permitted is permitted


def test_what_the_model_denies() -> None:
    made = decider(write_permitted=True)
    for way in (("nacm",), ("nacm", "enable-nacm"), ("nacm", "rule-list", "rule", "name")):
        assert made.verdict(spot(made, *way), READ) == (False, "default-deny-all")
        assert made.verdict(spot(made, *way), CREATE) == (False, "default-deny-all")
    allowed = decider(permit(path="/ietf-netconf-acm:nacm"))
    assert allowed.verdict(spot(allowed, "nacm", "enable-nacm"), READ).permitted


def test_keys_of_entries() -> None:
    made = decider(deny(path="/example:shop/item[name='gold']"))
    gold, tin = {"item": {"name": "gold"}}, {"item": {"name": "tin"}}
    for way in (("shop", "item"), ("shop", "item", "price")):
        assert not made.verdict(spot(made, *way, **gold), READ).permitted
        assert made.verdict(spot(made, *way, **tin), READ).permitted
    assert made.keyed(spot(made, "shop", "item").node) == [{"name": "gold"}]
    assert not made.everywhere(spot(made, "shop"), READ)
    assert made.everywhere(spot(made, "shop", "item", **tin), READ)
    assert not made.everywhere(spot(made, "shop", "item", **gold), READ)


def test_an_entry_is_read_with_its_keys() -> None:
    made = decider(deny(path="/example:shop/item/name"))
    assert made.verdict(spot(made, "shop", "item"), READ).permitted
    assert not made.reads(spot(made, "shop", "item"))


def test_what_needs_no_look_at_instances() -> None:
    made = decider(deny(path="/example:shop/item/price"))
    assert [child.name for child in made.uneven(spot(made, "shop"))] == ["item"]
    assert [child.name for child in made.uneven(spot(made, "shop", "item"))] == ["price"]
    # nacm is denied by its model.
    assert {child.name for child in made.uneven(None)} == {"shop", "nacm"}


APPENDIX_A = Nacm(
    groups={"admin": frozenset(("sam", "andy")), "limited": frozenset(("wilma", "bam-bam")), "guest": frozenset()},
    rule_lists=(
        RuleList(name="guest-acl", groups=("guest",), rules=(deny("deny-ncm", module="ietf-netconf-monitoring"),)),
        RuleList(
            name="limited-acl",
            groups=("limited",),
            rules=(
                permit("permit-ncm", module="ietf-netconf-monitoring", operations=READ),
                permit("permit-exec", module=ANY, operations=EXEC),
                deny("deny-kill-session", module="ietf-netconf", rpc="kill-session", operations=EXEC),
                permit("permit-size", path="/example:shop/size", operations=READ | UPDATE),
            ),
        ),
        RuleList(name="admin-acl", groups=("admin",), rules=(permit("permit-all"),)),
    ),
)
"""The rules of RFC 8341 appendix A, the shop in place of its modules."""


@pytest.mark.parametrize(
    ("user", "way", "access", "permitted"),
    [
        ("sam", ("shop", "title"), DELETE, True),
        ("sam", ("nacm", "enable-nacm"), UPDATE, True),
        ("wilma", ("netconf-state", "sessions"), READ, True),
        ("wilma", ("shop", "size"), UPDATE, True),
        ("wilma", ("shop", "size"), DELETE, False),
        ("wilma", ("shop", "title"), UPDATE, False),
        ("barney", ("shop", "title"), READ, True),
        ("barney", ("shop", "title"), UPDATE, False),
    ],
)
def test_appendix_a(user: str, way: tuple[str, ...], access: Access, permitted: bool) -> None:
    made = Decider(guarded_index(), APPENDIX_A, APPENDIX_A.groups_of(user))
    assert made.verdict(spot(made, *way), access).permitted is permitted


def test_appendix_a_guest() -> None:
    made = Decider(guarded_index(), APPENDIX_A, frozenset(("guest",)))
    assert not made.verdict(spot(made, "netconf-state"), READ).permitted
    assert not made.may_call("ietf-netconf-monitoring", "get-schema").permitted
