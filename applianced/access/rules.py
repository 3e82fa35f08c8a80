"""Rules for data nodes with their paths resolved in the schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from applianced.access.schema import SchemaIndex, SchemaNode
from applianced.config.nacm import USER, Access, Rule

_STEP = re.compile(r"""/(?:([\w.-]+):)?([\w.-]+)((?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*)""")
_KEY = re.compile(r"""\[\s*(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*\]""")
PATH = re.compile(r"""/[\w.-]+:[\w.-]+(?:/?[\w.:-]+|\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]|/)*""")
"""An instance path in the text of a message."""
Keys = dict[str, str]
"""Of a list entry: by the key's name; of an entry of a leaf-list, its value by "."."""


class Verdict(NamedTuple):
    """by: what decided, as an operator is told."""

    permitted: bool
    by: str


@dataclass(frozen=True, slots=True)
class DataRule:
    """target: the number of the schema node that the path leads to, None for everywhere.

    keyed: number of a list on the way -> the keys that an entry must have.
    """

    verdict: Verdict
    module: str
    operations: Access
    target: int | None = None
    keyed: dict[int, Keys] = field(default_factory=dict)


def called(rule_list: str, rule: Rule) -> str:
    """How messages name a rule."""
    return f'rule "{rule.name}" of rule-list "{rule_list}"'


def data_rules(index: SchemaIndex, rules: Sequence[tuple[str, Rule]], user: str) -> list[DataRule]:
    """Those that can match data, in order. One whose path leads to no data node matches none and is left out.

    user: the name that USER in a path stands for.
    """
    found = []
    for rule_list, rule in rules:
        if rule.rpc or rule.notification:
            continue
        verdict = Verdict(rule.permit, called(rule_list, rule))
        if rule.path in ("", "/"):
            found.append(DataRule(verdict, rule.module, rule.operations))
            continue
        steps, whole = known_way(index, rule.path)
        if whole:
            keyed = {node.number: _filled(keys, user) for node, keys in steps if keys}
            found.append(DataRule(verdict, rule.module, rule.operations, steps[-1][0].number, keyed))
    return found


def _filled(keys: Keys, user: str) -> Keys:
    return {name: user if value == USER else value for name, value in keys.items()}


def known_way(index: SchemaIndex, path: str) -> tuple[list[tuple[SchemaNode, Keys]], bool]:
    """The steps of an instance path with module names as prefixes, as far as the schema knows them; whether that is
    all of it."""
    steps: list[tuple[SchemaNode, Keys]] = []
    module, level, end = "", index.tops, 0
    for found in _STEP.finditer(path):
        module = found[1] or module
        node = level.get((module, found[2]))
        if node is None or found.start() != end:
            break
        steps.append((node, {key[1]: key[2] if key[2] is not None else key[3] for key in _KEY.finditer(found[3])}))
        level, end = node.children, found.end()
    return steps, end == len(path)
