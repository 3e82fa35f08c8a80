"""What a user may do now, apart from protocols."""

from __future__ import annotations

import pytest

from applianced.access.changes import AccessDeniedError
from applianced.config.nacm import Nacm, Rule, RuleList
from applianced.config.schema import Config, System, User
from applianced.errors import ConfigError
from applianced.northbound.access import AccessControl
from tests.support.guarded import guarded_models, guarded_tree
from tests.support.shop import shop_models

GROUPS = {"staff": frozenset(("sue",))}


def control(*rules: Rule, role: Rule | None = None) -> AccessControl:
    """admin is a super-user, sue is in `staff`."""
    lists = (RuleList(name="l", groups=("staff",), rules=rules),)
    users = {"admin": User(name="admin", login_class="super-user"), "sue": User(name="sue")}
    config = Config(system=System(users=users), nacm=Nacm(groups=GROUPS, rule_lists=lists))
    roles = [RuleList(name="role", groups=("staff",), rules=(role,))] if role else []
    return AccessControl(guarded_models(), lambda: config, lambda _: roles)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/example:shop", True),
        ("/example:shop/title", True),
        ("/example:shop/size", False),
        ("/example:shop/item[name='tin']", True),
        ("/example:shop/item[name='gold']", False),
        ("/example:shop/item[name='gold']/price", False),
        ('/example:shop/item[name="it\'s"]/price', True),
        ("/example:shop/tag[.='secret']", False),
        ("/example:shop/tag[.='other']", True),
        ("/example:shop/hall/rug/length", False),
        ("/ietf-netconf-acm:nacm/groups", False),
        ("/example:shop/nothing", True),
        ("/example:shop/hall/nothing", False),
        ("", True),
    ],
)
def test_which_paths_may_be_told(path: str, seen: bool) -> None:
    hidden = ("size", "item[name='gold']", "tag[.='secret']", "hall")
    made = control(*(Rule(name=each, permit=False, path=f"/example:shop/{each}") for each in hidden))
    assert made.of("sue").sees(path) is seen
    assert made.of("admin").sees(path)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/example:shop/title", True),
        ("/example:shop/item[name='tin']", True),
        ("/example:shop/item[name='iron']", False),
        ("/example:shop/item", False),
        ("/example:shop/shelf", True),
        ("/example:shop", False),
    ],
)
def test_what_shows_all_below_a_node(path: str, seen: bool) -> None:
    hidden = ("item[name='gold']", "item[name='iron']/price")
    made = control(*(Rule(name=each, permit=False, path=f"/example:shop/{each}") for each in hidden))
    assert made.of("sue").sees(path, below=True) is seen


def test_faults_of_what_is_hidden_are_told_as_such() -> None:
    sue = control(Rule(name="r", permit=False, path="/example:shop/size")).of("sue")
    seen, hidden = (
        ConfigError("/example:shop/title", "seen"),
        ConfigError("/example:shop/size", "42", tag="data-missing"),
    )
    assert sue.told([seen]) == [seen]
    told = sue.told([seen, hidden])
    assert told[0] is seen
    assert (told[1].path, told[1].tag) == ("", "data-missing")
    assert "42" not in told[1].message
    denied = AccessDeniedError("/example:shop/size", "to read this", "a rule")
    assert sue.told([denied]) == [denied]


def test_notifications_that_are_held_back_are_counted() -> None:
    made = control(Rule(name="quiet", permit=False, notification="bell"))
    assert made.of("sue").may_notify("example", "whistle")
    assert not made.of("sue").may_notify("example", "bell")
    assert made.of("admin").may_notify("example", "bell")
    assert made.denied.notifications == 1


def test_roles_come_before_what_is_configured() -> None:
    ring, quiet = Rule(name="may", permit=True, rpc="ring"), Rule(name="quiet", permit=False, rpc="ring")
    with pytest.raises(AccessDeniedError, match='rule "quiet" of rule-list "l"'):
        control(quiet).of("sue").require_call("example", "ring")
    control(quiet, role=ring).of("sue").require_call("example", "ring")
    with pytest.raises(AccessDeniedError, match='rule "quiet" of rule-list "role"'):
        control(ring, role=quiet).of("sue").require_call("example", "ring")


def test_what_may_be_seen_is_a_copy() -> None:
    sue = control(Rule(name="r", permit=False, path="/example:shop/size")).of("sue")
    with guarded_tree("<title>t</title><size>1</size>") as tree:
        assert not sue.sees_all(tree)
        with sue.seen(tree) as seen:
            assert [len(list(each.find_all("/example:shop/*"))) for each in (tree, seen)] == [2, 1]


def test_without_the_module_everybody_may_do_everything() -> None:
    made = AccessControl(shop_models(), Config)
    assert not made.known
    assert made.of("anybody").unrestricted
