"""Which lists may be tested entry by entry is told from the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.config.modules import Module
from applianced.datastore.models import load_models
from applianced.datastore.separable import separable

MODULE = """
module m {{
  yang-version 1.1;
  namespace "urn:m";
  prefix m;
  container top {{
    {around}
    list entry {{
      key "name";
      {of_list}
      leaf name {{ type string; }}
      leaf other {{ type string; }}
      leaf-list many {{ type string; }}
      container inner {{
        leaf leaf {{ type {type} {of_leaf} }}
      }}
    }}
    leaf beside {{ type string; }}
  }}
  container apart {{
    leaf beside {{ type string; }}
    leaf leaf {{ type {apart} {of_apart} }}
  }}
}}
"""
PLAIN = {"around": "", "of_list": "", "type": "string;", "of_leaf": "", "apart": "string;", "of_apart": ""}


def found(directory: Path, **parts: str) -> bool:
    (directory / "m.yang").write_text(MODULE.format(**PLAIN | parts))
    return ("m:top", "entry") in {each.members for each in separable(load_models(directory, [Module("m")]))}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"of_leaf": "must '../../other or ../../name = \"x\"';"},
        {"of_leaf": "must 'count(../../many) > 1 and not(. = \"a\")';"},
        {"of_leaf": "when '../../other';"},
        {"of_list": "must 'other or inner/leaf';"},
        {"type": "leafref { path '../../other'; }"},
        {"type": "leafref { path '/top/beside'; require-instance false; }"},
        {"type": "union { type int8; type leafref { path '../../other'; } }"},
        {"of_apart": "must '../beside';"},
        {"of_apart": "must '. != \"a\"';"},
        {"apart": "leafref { path '/apart/beside'; }"},
        {"apart": "leafref { path '/top/entry/name'; require-instance false; }"},
        {"around": "must 'beside';"},
        {"around": "leaf a { type string; must '../beside'; }"},
        {"around": "leaf a { type string; must 'not(../many[name = current()])'; }"},
    ],
)
def test_bound_by_themselves(tmp_path: Path, parts: dict[str, str]) -> None:
    assert found(tmp_path, **parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"of_list": "min-elements 1;"},
        {"of_list": "max-elements 3;"},
        {"of_list": "unique other;"},
        {"of_list": "when '../beside';"},
        {"of_list": "must '../beside';"},
        {"of_list": "must 'not(../entry[other = current()/other])';"},
        {"of_leaf": "must '../../../beside';"},
        {"of_leaf": "must '/top/beside';"},
        {"of_leaf": "must '/apart/beside';"},
        {"of_leaf": "must '//beside';"},
        {"of_leaf": "must '../../preceding-sibling::entry';"},
        {"of_leaf": "must '*';"},
        {"of_leaf": "when '../../../beside';"},
        {"type": "leafref { path '../../../beside'; }"},
        {"type": "leafref { path '/top/beside'; }"},
        {"type": "instance-identifier;"},
        {"type": "union { type int8; type leafref { path '/top/beside'; } }"},
        {"around": "must 'count(entry) < 9';"},
        {"around": "must 'entry/name = \"x\"';"},
        {"around": "must '. = \"x\"';"},
        {"around": "leaf a { type string; must '../entry';  }"},
        {"around": "leaf a { type string; must '..';  }"},
        {"around": "leaf a { type string; must 'not(../beside[../entry])';  }"},
        {"around": "leaf a { type string; must 'current()/../entry';  }"},
        {"around": "leaf a { type string; must '(..)/entry';  }"},
        {"around": "leaf a { type string; when '../entry';  }"},
        {"apart": "leafref { path '/top/entry/name'; }"},
        {"apart": "leafref { path '../../top/entry/name'; }"},
        {"of_apart": "must '/top/entry';"},
        {"of_apart": "must '../../top';"},
        {"of_apart": "must 'deref(.)/../other';"},
    ],
)
def test_bound_by_others(tmp_path: Path, parts: dict[str, str]) -> None:
    assert not found(tmp_path, **parts)


def test_of_the_appliance() -> None:
    members = {each.members for each in separable(load_models())}
    assert ("applianced-applications:applications", "application") in members
    # A zone is what others refer to.
    assert ("applianced-security:security", "zones", "security-zone") not in members
