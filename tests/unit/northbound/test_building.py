"""Decode, check, compile, on the real models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from applianced.alg.registry import REGISTRY
from applianced.compiler.settings import plans
from applianced.config.decode import decode
from applianced.datastore.models import Models, load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import ERRORS_MAX, InvalidTreeError
from applianced.errors import ConfigError
from applianced.northbound.building import builder
from applianced.northbound.initial import initial_tree, load_file

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_decoding_needs_no_defaults_of_the_schema(models: Models, example: Path) -> None:
    """A commit decodes what it stores; the schema's defaults must then be those of config.schema."""
    with load_file(models, example) as tree:
        tree.validate()
        stored, whole = decode(json.loads(tree.render(Form.JSON))), decode(tree.data())
    assert replace(stored, algs={}) == replace(whole, algs={})
    # The defaults of an ALG's leaves are those of its settings.
    assert plans(stored, REGISTRY) == plans(whole, REGISTRY)


def test_an_empty_configuration_builds() -> None:
    built = builder(2)({}, None)
    assert built.plan.queues == 2


def test_every_fault_is_told() -> None:
    applications = [{"name": f"junos-{name}", "protocol": "tcp"} for name in "ab"]
    with pytest.raises(ConfigError) as caught:
        builder(2)({"applianced-applications:applications": {"application": applications}}, None)
    assert len(getattr(caught.value, "errors", ())) == 2


POLICY = {
    "name": "p",
    "match": {"source-address": ["nx1"], "destination-address": ["nx2", "any"], "application": ["nx3"]},
    "then": {"permit": {}},
}
MATCH = "/applianced-security:security/policies/global/policy[name='p']/match"


def _refused(data: dict[str, object]) -> list[ConfigError]:
    with pytest.raises(InvalidTreeError) as caught:
        builder(2)(data, None)
    return caught.value.errors


def test_every_name_that_a_policy_knows_alone_is_told() -> None:
    told = _refused({"applianced-security:security": {"policies": {"global": {"policy": [POLICY]}}}})
    assert [one.path for one in told] == [
        f"{MATCH}/source-address[.='nx1']",
        f"{MATCH}/destination-address[.='nx2']",
        f"{MATCH}/application[.='nx3']",
    ]
    assert {(one.tag, one.app_tag) for one in told} == {("data-missing", "instance-required")}


def test_a_name_without_addresses_is_no_fault_of_another_leaf() -> None:
    """Neither "any" that is excluded, nor an address family that the pool is not of."""
    policy = {**POLICY, "match": {"source-address": ["empty"], "source-address-excluded": [None]}}
    book = {"name": "global", "address-set": [{"name": "empty"}]}
    pools = {"pool": [{"name": "six", "address": [{"name": "2001:db8::1/128"}]}]}
    match, then = {"source-address-name": ["nx"]}, {"source-nat": {"pool": {"pool-name": "six"}}}
    rules = {"rule-set": [{"name": "r", "rule": [{"name": "x", "match": match, "then": then}]}]}
    told = _refused({
        "applianced-security:security": {
            "address-book": [book],
            "policies": {"global": {"policy": [policy]}},
            "applianced-nat:nat": {"source": {**pools, **rules}},
        }
    })  # fmt: skip
    assert [one.path.rpartition("/")[2] for one in told] == [
        "source-address[.='empty']",
        "source-address-name[.='nx']",
    ]


def test_every_member_of_a_set_that_is_not_there_is_told() -> None:
    members = [{"name": "nx1"}, {"name": "nx2"}]
    data = {"application-set": [{"name": "s", "application": members, "application-set": [{"name": "nx3"}]}]}
    policy = {**POLICY, "match": {"application": ["s"]}}
    told = _refused({
        "applianced-applications:applications": data,
        "applianced-security:security": {"policies": {"global": {"policy": [policy]}}},
    })  # fmt: skip
    assert [one.path.rpartition("/")[2] for one in told] == [
        "application[name='nx1']",
        "application[name='nx2']",
        "application-set[name='nx3']",
    ]


def test_what_cannot_be_read_does_not_hide_what_came_before() -> None:
    members = {"address-set": [{"name": "s", "address": [{"name": "nx"}]}]}
    data = {"address-book": [{"name": "b", **members}], "policies": "none"}
    told = _refused({"applianced-security:security": data})
    assert [one.path.rpartition("/")[2] for one in told] == ["address-set[name='s']", "policies"]


def test_faults_are_told_up_to_a_limit() -> None:
    applications = [{"name": f"junos-{at}", "protocol": "tcp"} for at in range(10_000)]
    told = _refused({"applianced-applications:applications": {"application": applications}})
    assert len(told) == ERRORS_MAX + 1
    assert "more faults" in told[-1].message


def test_admin_key_is_added_to_the_file(models: Models, tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.write_text(f"# mine\n{KEY}\n")
    with initial_tree(models, EXAMPLES / "netns-ftp.json", key) as tree:
        tree.validate()
        config = decode(tree.data())
    assert config.system.users["admin"].keys == (KEY,)
    assert set(config.zones) == {"trust", "untrust"}


@pytest.mark.parametrize("text", ["", "one\ntwo", "-----BEGIN OPENSSH PRIVATE KEY-----", "not a key"])
def test_a_file_that_is_no_public_key_is_refused(models: Models, tmp_path: Path, text: str) -> None:
    key = tmp_path / "key"
    key.write_text(text)
    with pytest.raises(ConfigError):
        initial_tree(models, None, key)
