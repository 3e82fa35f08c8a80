"""ALG policies: what the models take, and what they refuse with which path and words."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from tests.yang.models import Data, refusal, shipped, validated

SEC = "applianced-security:security"
ALG = "applianced-alg:alg"
MODULE = "applianced-alg-policies"
POLICIES = f"/{SEC}/{ALG}/{MODULE}:policies"


def data(*policies: Data, device: str = "", zone: str = "") -> Data:
    alg: dict[str, Any] = {f"{MODULE}:policies": {"policy": list(policies)}}
    if device:
        alg[f"{MODULE}:device-policy"] = device
    zones = [{"name": "guest", f"{MODULE}:alg-policy": zone}] if zone else []
    return {SEC: {ALG: alg, "zones": {"security-zone": zones}}}


def test_a_policy_with_everything_passes() -> None:
    policy = {
        "name": "base",
        "description": "what every branch has",
        "tag": ["branch", "2026"],
        "alg": [{"name": "ftp", "service": ["junos-ftp", "own"]}, {"name": "ike-esp-nat", "disable": [None]}],
        "permissions": {"enterprise-operator": "hide"},
    }
    found = validated(data(policy, device="base", zone="base"))[SEC]
    (shown,) = found[ALG][f"{MODULE}:policies"]["policy"]
    assert shown["permissions"] == {
        "enterprise-administrator": "edit",
        "enterprise-operator": "hide",
        "service-provider-administrator": "edit",
        "service-provider-operator": "read",
    }
    assert shown["alg"][0]["service"] == ["junos-ftp", "own"]


def test_names_of_algs_need_no_prefix() -> None:
    config = etree.fromstring(
        '<security xmlns="urn:applianced:yang:security"><alg xmlns="urn:applianced:yang:alg">'
        '<policies xmlns="urn:applianced:yang:alg-policies"><policy><name>base</name>'
        "<alg><name>sip</name><disable/></alg></policy></policies></alg></security>"
    )
    with Tree.parse(shipped(), etree.tostring(config), Form.XML) as tree:
        tree.validate()
        (policy,) = tree.data()[SEC][ALG][f"{MODULE}:policies"]["policy"]
    assert policy["alg"] == [{"name": "sip", "disable": [None]}]


@pytest.mark.parametrize(
    ("refused", "path", "words"),
    [
        pytest.param(
            data({"name": "p", "alg": [{"name": "ftp", "disable": [None], "service": ["junos-ftp"]}]}),
            f"{POLICIES}/policy[name='p']/alg[name='ftp']/service[.='junos-ftp']",
            "an ALG that is off reads no service",
            id="services of an ALG that is off",
        ),
        pytest.param(data({"name": "p"}, device="q"), f"/{SEC}/{ALG}/{MODULE}:device-policy", "q", id="no such device"),
        pytest.param(
            data({"name": "p"}, zone="q"),
            f"/{SEC}/zones/security-zone[name='guest']/{MODULE}:alg-policy",
            "q",
            id="no such policy of a zone",
        ),
        pytest.param(
            data({"name": "p", "alg": [{"name": "sqlnet"}]}), f"{POLICIES}/policy[name='p']", "sqlnet", id="no ALG"
        ),
        pytest.param(
            data({"name": "p", "permissions": {"enterprise-operator": "own"}}),
            f"{POLICIES}/policy[name='p']/permissions/enterprise-operator",
            "own",
            id="no permission",
        ),
        pytest.param(data({"name": "p q"}), f"{POLICIES}/policy", "a name has letters", id="no name"),
        pytest.param(
            data({"name": "p", "tag": [f"t{number}" for number in range(33)]}),
            f"{POLICIES}/policy[name='p']/tag",
            "delete entries",
            id="too many tags",
        ),
    ],
)
def test_refusals_name_the_place_and_the_reason(refused: Data, path: str, words: str) -> None:
    error = refusal(refused)
    assert error.path.startswith(path), error.path
    assert words in error.message
