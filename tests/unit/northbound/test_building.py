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
