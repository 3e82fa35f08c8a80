"""The examples of the documentation of modules, as what the runner takes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from tests.ansible.runner import COLLECTION, MODULES

EVERY = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))
OPERATIONAL = ("clear", "counters", "gates", "sessions")
"""Modules whose examples want traffic."""


class Example(NamedTuple):
    """A task. arguments: of its module."""

    name: str
    arguments: dict[str, Any]


def examples(module: str, texts: Mapping[str, str]) -> Iterator[Example]:
    """All of a module, in their order. texts: what stands for parts of the text, as expressions and samples of keys."""
    text = str(importlib.import_module(f"{MODULES}.{module}").EXAMPLES)
    for task in yaml.safe_load(text):
        yield Example(task["name"], _written(task[f"applianced.appliance.{module}"] or {}, texts))


def _written(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _written(below, texts) for name, below in value.items()}
    if isinstance(value, list):
        return [_written(below, texts) for below in value]
    for old, new in texts.items():
        value = value.replace(old, new) if isinstance(value, str) else value
    assert "{{" not in str(value), value
    return value
