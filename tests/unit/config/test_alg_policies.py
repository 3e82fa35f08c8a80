"""ALG policies: decoded, checked, and their roles as rules."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.config.alg_policies import AlgPolicies, AlgPolicy, Permission, PolicyAlg, Role
from applianced.config.alg_policy_roles import role_rule_lists
from applianced.config.checks import check
from applianced.config.decode import decode
from applianced.config.nacm import EVERY_ACCESS, Access, Nacm
from applianced.config.schema import Config
from applianced.errors import ConfigError

Data = dict[str, Any]
APPS = "applianced-applications:applications"
SEC = "applianced-security:security"
ALG = "applianced-alg:alg"
MODULE = "applianced-alg-policies"
PATH = f"/{SEC}/{ALG}/{MODULE}:policies"
BUILT = frozenset(("ftp", "sip"))


def configured(*algs: Data, applications: tuple[Data, ...] = (), sets: tuple[Data, ...] = (), **policy: Any) -> Data:
    """A configuration with one ALG policy, `p`."""
    return {
        SEC: {ALG: {f"{MODULE}:policies": {"policy": [{"name": "p", "alg": list(algs), **policy}]}}},
        APPS: {"application": list(applications), "application-set": list(sets)},
    }


def test_a_policy_is_decoded() -> None:
    data = configured(
        {"name": "ftp", "service": ["ftp-2121", "more"]},
        {"name": "sip", "disable": [None]},
        permissions={"enterprise-operator": "hide"},
        tag=["branch"],
    )
    data[SEC]["zones"] = {"security-zone": [{"name": "guest", f"{MODULE}:alg-policy": "p"}, {"name": "trust"}]}
    data[SEC][ALG][f"{MODULE}:device-policy"] = "p"
    config = decode(data)
    assert config.alg_policies.device == "p"
    assert {name: zone.alg_policy for name, zone in config.zones.items()} == {"guest": "p", "trust": ""}
    policy = config.alg_policies.policies["p"]
    assert policy.algs == {
        "ftp": PolicyAlg(enabled=True, services=("ftp-2121", "more")),
        "sip": PolicyAlg(enabled=False),
    }
    assert policy.permissions == {
        Role.ENTERPRISE_ADMINISTRATOR: Permission.EDIT,
        Role.ENTERPRISE_OPERATOR: Permission.HIDE,
        Role.SERVICE_PROVIDER_ADMINISTRATOR: Permission.EDIT,
        Role.SERVICE_PROVIDER_OPERATOR: Permission.READ,
    }


def test_policies_are_not_taken_for_algs() -> None:
    data = configured({"name": "ftp"})
    data[SEC][ALG]["applianced-alg-ftp:ftp"] = {"disable": [None]}
    data[SEC][ALG][f"{MODULE}:device-policy"] = "p"
    assert set(decode(data).algs) == {"ftp"}


def test_an_unknown_permission_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        decode(configured(permissions={"enterprise-operator": "own"}))
    assert refused.value.path == f"{PATH}/policy[name='p']/permissions/enterprise-operator"
    assert "edit, read, hide" in refused.value.message


def tcp(name: str, ports: str = "2121", **leaves: Any) -> Data:
    return {"name": name, "protocol": "tcp", "destination-port": ports, **leaves}


FTP_A = {"name": "ftp", "service": ["a"]}


@pytest.mark.parametrize(
    ("data", "alg", "service", "words", "tag"),
    [
        pytest.param(configured(FTP_A), "ftp", "a", "there is no application", "data-missing", id="missing"),
        pytest.param(
            configured({"name": "pptp", "service": ["a"]}, applications=(tcp("a"),)),
            "pptp",
            "a",
            "not implemented",
            "operation-not-supported",
            id="not built",
        ),
        pytest.param(
            configured(FTP_A, applications=({**tcp("a"), "protocol": "udp"},)),
            "ftp",
            "a",
            "another protocol than ftp; name one of tcp",
            "invalid-value",
            id="protocol",
        ),
        pytest.param(
            configured(FTP_A, applications=({"name": "a", "protocol": "tcp"},)),
            "ftp",
            "a",
            "no destination-port",
            "invalid-value",
            id="every port",
        ),
        pytest.param(
            configured(FTP_A, applications=(tcp("a", **{"application-protocol": "x:ignore"}),)),
            "ftp",
            "a",
            "keeps every ALG off",
            "invalid-value",
            id="kept off",
        ),
        pytest.param(
            configured(FTP_A, applications=(tcp("a", **{"application-protocol": "x:sip"}),)),
            "ftp",
            "a",
            "read by sip",
            "invalid-value",
            id="of another ALG",
        ),
        pytest.param(
            configured(
                {"name": "ftp", "service": ["s"]},
                applications=(tcp("a"), {"name": "b", "protocol": "gre"}, {"name": "c", "protocol": "gre"}),
                sets=({"name": "s", "application": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},),
            ),
            "ftp",
            "s",
            "application 'b'",
            "invalid-value",
            id="a member of a set, once",
        ),
        pytest.param(
            configured(FTP_A, {"name": "sip", "service": ["b"]}, applications=(tcp("a", "1-9"), tcp("b", "9-20"))),
            "sip",
            "b",
            "has ports of 'a', a service of ftp",
            "invalid-value",
            id="shared",
        ),
        pytest.param(
            configured(
                {"name": "ftp", "service": ["a", "c"]},
                {"name": "sip", "service": ["b"]},
                applications=(tcp("a", "1-99"), tcp("c", "2-3"), tcp("b", "50")),
            ),
            "sip",
            "b",
            "ports of 'a'",
            "invalid-value",
            id="shared with an earlier, wider one",
        ),
    ],
)
def test_services_that_cannot_be_read_are_refused(data: Data, alg: str, service: str, words: str, tag: str) -> None:
    (fault,) = check(decode(data), BUILT)
    assert fault.path == f"{PATH}/policy[name='p']/alg[name='{alg}']/service[.='{service}']"
    assert words in fault.message
    assert fault.tag == tag


def test_services_that_can_be_read_are_no_fault() -> None:
    data = configured(
        {"name": "ftp", "service": ["a", "junos-ftp", "s"]},
        {"name": "sip", "service": ["b", "u"]},
        {"name": "pptp"},
        {"name": "h323", "disable": [None]},
        applications=(tcp("a", "1-9"), tcp("b", "10-20"), {**tcp("u", "1-9"), "protocol": "udp"}),
        sets=({"name": "s", "application": [{"name": "a"}]},),
    )
    assert check(decode(data), BUILT) == []


def test_many_services_are_checked_in_time() -> None:
    """Ten thousand members that all overlap: the comparison does not grow with their square."""
    applications = tuple(tcp(f"a{number}", f"1-{number + 1}") for number in range(10_000))
    members = [{"name": each["name"]} for each in applications]
    data = configured({"name": "ftp", "service": ["s"]}, {"name": "sip", "service": ["s"]}, applications=applications)
    data[APPS]["application-set"] = [{"name": "s", "application": members}]
    faults = check(decode(data), BUILT)
    assert {fault.path.rpartition("/alg")[2] for fault in faults} <= {
        "[name='ftp']/service[.='s']",
        "[name='sip']/service[.='s']",
    }
    assert 1 <= len(faults) <= 2


# ----- roles


def allowed(permission: Permission, role: Role, group: str, wanted: Access) -> bool | None:
    """What the first matching rule says to a member of `group`; None when no rule is for them."""
    policies = AlgPolicies(policies={"p": AlgPolicy(name="p", permissions={role: permission})})
    nacm = Nacm().preceded_by(role_rule_lists(Config(alg_policies=policies)))
    rules = (rule for _, rule in nacm.rules_of(frozenset((group,))) if wanted in rule.operations)
    return next((rule.permit for rule in rules), None)


WRITES = (Access.CREATE, Access.UPDATE, Access.DELETE)


@pytest.mark.parametrize("role", Role)
def test_each_role_by_each_permission(role: Role) -> None:
    assert {wanted: allowed(Permission.EDIT, role, role, wanted) for wanted in (Access.READ, *WRITES)} == dict.fromkeys(
        (Access.READ, *WRITES), True
    )
    assert allowed(Permission.READ, role, role, Access.READ) is True
    assert {allowed(Permission.READ, role, role, wanted) for wanted in WRITES} == {False}
    assert {allowed(Permission.HIDE, role, role, wanted) for wanted in (Access.READ, *WRITES)} == {False}
    for other in (*(each for each in Role if each is not role), "admins"):
        assert allowed(Permission.HIDE, role, other, Access.READ) is None


def test_rules_are_about_one_policy_and_come_by_name() -> None:
    policies = AlgPolicies(policies={name: AlgPolicy(name=name) for name in ("z", "a")})
    lists = role_rule_lists(Config(alg_policies=policies))
    assert [each.name for each in lists] == [f"alg-policy {name} {role}" for name in "az" for role in sorted(Role)]
    assert {rule.path for each in lists for rule in each.rules} == {f"{PATH}/policy[name='{name}']" for name in "az"}
    assert all(rule.operations in (EVERY_ACCESS, Access.READ) for each in lists for rule in each.rules)


def test_they_stand_before_the_configured_rules() -> None:
    wide = {"name": "all", "action": "permit"}
    lists = [{"name": "wide", "group": ["enterprise-operator"], "rule": [wide]}]
    data = configured(permissions={"enterprise-operator": "hide"}) | {"ietf-netconf-acm:nacm": {"rule-list": lists}}
    config = decode(data)
    rules = config.nacm.preceded_by(role_rule_lists(config)).rules_of(frozenset(("enterprise-operator",)))
    assert [(name, rule.permit) for name, rule in rules] == [
        ("alg-policy p enterprise-operator", False),
        ("wide", True),
    ]
