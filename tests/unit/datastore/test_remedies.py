"""Messages about values: the leaf, the value refused, and what the leaf takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from tests.support.shop import shop_models
from tests.yang.models import refusal

APPLICATIONS = "applianced-applications:applications"
SYSTEM = "applianced-system:system"


def _application(**leaves: Any) -> dict[str, Any]:
    entry = {"name": "z", "protocol": "tcp", **{name.replace("_", "-"): value for name, value in leaves.items()}}
    return {APPLICATIONS: {"application": [entry]}}


def _pair(zone: str) -> dict[str, Any]:
    pair = {"from-zone-name": zone, "to-zone-name": zone}
    return {"applianced-security:security": {"policies": {"policy": [pair]}}}


def _rule(**leaves: str) -> dict[str, Any]:
    rule = {"name": "r", "action": "deny", **{name.replace("_", "-"): value for name, value in leaves.items()}}
    return {"ietf-netconf-acm:nacm": {"rule-list": [{"name": "l", "rule": [rule]}]}}


def _event(**leaves: str) -> dict[str, Any]:
    event = {"name": "violation", **leaves}
    return {SYSTEM: {"services": {"netconf": {"notification": {"event": [event]}}}}}


def _nat_protocol(value: str) -> dict[str, Any]:
    rules = {"name": "r", "rule": [{"name": "x", "match": {"protocol": [value]}}]}
    return {"applianced-security:security": {"applianced-nat:nat": {"source": {"rule-set": [rules]}}}}


@pytest.mark.parametrize(
    ("data", "tag", "message"),
    [
        (_application(destination_port="70000"), "invalid-value",
         "\"70000\" is no value of destination-port: use a port, a service's name, or a range 'low-high'"),
        (_application(inactivity_timeout=2), "invalid-value",
         '"2" is no value of inactivity-timeout: use a number in 4..129600 or never'),
        (_application(name="x" * 64), "invalid-value", f'"{"x" * 40}" is no value of name: use 1..63 characters'),
        (_application(name="-x"), "invalid-value",
         "a name has letters, digits, '_', '.' and '-' and begins with none of the last two; change it"),
        (_pair("nozone"), "data-missing",
         '"nozone" is no value of from-zone-name: there is no security-zone of that name; '
         "create it, or name one that exists"),
        ({SYSTEM: {"platform-profile": "frob"}}, "invalid-value",
         '"frob" is no value of platform-profile: use branch, high-end, sdwan'),
        ({SYSTEM: {"host-name": "a b"}}, "invalid-value",
         "\"a b\" is no value of host-name: use a name of letters, digits, '-' and '_', in parts joined by dots"),
        ({SYSTEM: {"host-name": "x" * 65}}, "invalid-value",
         f'"{"x" * 40}" is no value of host-name: use 1..64 characters'),
        ({SYSTEM: {"login": {"user": [{"name": "a b"}]}}}, "invalid-value",
         r'"a b" is no value of name: use text of the form [A-Za-z_][A-Za-z0-9_.\-]*'),
        (_rule(access_operations="frob"), "invalid-value",
         '"frob" is no value of access-operations: use "*" for all or any of create, read, update, delete, exec'),
        (_event(enable="x"), "invalid-value", "enable is there or not, and takes no value: leave it empty"),
        (_nat_protocol("0"), "invalid-value",
         '"0" is no value of protocol: use IP protocol, by number or by name'),
        ({SYSTEM: {"services": {"netconf": {"ssh": {"port": 0}}}}}, "invalid-value",
         '"0" is no value of port: use a number in 1..65535'),
        ({"ietf-interfaces:interfaces": {"interface": [{"name": "e0", "enabled": "x"}]}}, "invalid-value",
         '"x" is no value of enabled: use true or false'),
        ({SYSTEM: {"login": {"user": [{"name": "u", "authentication": {"ssh-public-key": ["x"]}}]}}}, "invalid-value",
         "this is no SSH public key: take the line of the .pub file that ssh-keygen made"),
    ],
)  # fmt: skip
def test_what_the_leaf_takes_is_said(data: dict[str, Any], tag: str, message: str) -> None:
    fault = refusal(data)
    assert (fault.tag, fault.message) == (tag, message)


def test_names_of_an_enumeration_and_of_an_identity() -> None:
    for leaf, value, words in (("paint", "green", "check its spelling"), ("size", 900, "a number in 1..100")):
        with pytest.raises(ConfigError, match=words):
            Tree.parse(shop_models(), json.dumps({"example:shop": {leaf: value}}).encode(), Form.JSON)
