"""Argument specs and the documentation of arguments, from nodes of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.tools.collection.schema import Kind, Node, Value

SECRET = ("encrypted-password",)
PUBLIC = ("ssh-public-key",)
"""Names that look like secrets to Ansible and are none."""
RESERVED = ("message", "syslog_facility")
"""Names of arguments that Ansible keeps for itself, in whatever depth."""
_TYPES = {Value.INT: "int", Value.LONG: "int", Value.BOOL: "bool", Value.EMPTY: "bool"}


def configured(node: Node, without: tuple[str, ...] = ()) -> dict[str, Node]:
    """Children that can be configured, by name."""
    return {name: child for name, child in node.children.items() if child.config and name not in without}


def argument_name(node: Node) -> str:
    """As the collection's codec has it."""
    name = node.name.replace("-", "_")
    return f"{name}_" if name in RESERVED else name


def is_flag(node: Node) -> bool:
    """Whether it says something by being there and nothing else; see schema.Node.flag of the collection."""
    return node.value is Value.EMPTY or (node.kind is Kind.CONTAINER and node.presence and not configured(node))


def option(node: Node, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The entry of an argument spec, without its name."""
    if is_flag(node):
        return {"type": "bool"}
    if node.kind is Kind.CONTAINER:
        return {"type": "dict", **_below(node, without)}
    if node.kind is Kind.LIST:
        return {"type": "list", "elements": "dict", **_below(node, without)}
    found: dict[str, Any] = {"type": _TYPES.get(node.value, "str")}
    if node.enums:
        found["choices"] = list(node.enums)
    if node.kind is Kind.LEAF_LIST:
        found = {"type": "list", "elements": found.pop("type"), **found}
    if node.name in SECRET or node.name in PUBLIC:
        found["no_log"] = node.name in SECRET
    return found


def _below(node: Node, without: tuple[str, ...]) -> dict[str, Any]:
    children = configured(node, without)
    options = {}
    for name, child in children.items():
        entry = option(child)
        options[argument_name(child)] = {**entry, "required": True} if name in node.keys else entry
    exclusive = _exclusive(children)
    return {**({"mutually_exclusive": exclusive} if exclusive else {}), "options": options}


def _exclusive(children: Mapping[str, Node]) -> list[list[str]]:
    """Choices each of whose cases is one argument."""
    choices: dict[str, dict[str, list[str]]] = {}
    for child in children.values():
        if child.cases:
            choice, case = child.cases[-1]
            choices.setdefault(choice, {}).setdefault(case, []).append(argument_name(child))
    return [
        [names[0] for names in cases.values()]
        for cases in choices.values()
        if len(cases) > 1 and all(len(names) == 1 for names in cases.values())
    ]


def documented(node: Node, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The entry of the documentation, without its name; its types are those of `option`."""
    shown = {key: value for key, value in option(node, without).items() if key in ("type", "elements", "choices")}
    described: dict[str, Any] = {"description": _description(node), **shown}
    if is_flag(node) or node.kind not in (Kind.CONTAINER, Kind.LIST):
        return described
    below = {}
    for name, child in configured(node, without).items():
        below[argument_name(child)] = {**documented(child), **({"required": True} if name in node.keys else {})}
    return {**described, "suboptions": below}


def _description(node: Node) -> list[str]:
    lines = [_plain(node.description) or f"{node.name}."]
    if node.default:
        units = f" {node.units}" if node.units else ""
        lines.append(f"The appliance's default is {node.default}{units}.")
    elif node.units:
        lines.append(f"In {node.units}.")
    if node.kind is Kind.CONTAINER and node.presence and not is_flag(node):
        lines.append("V(true) stands for an empty mapping: it is there, and nothing in it is configured.")
    return lines


def _plain(text: str) -> str:
    """Without what ansible-doc takes for markup: a letter before a parenthesis."""
    return "".join(
        f"{character} " if character.isupper() and text[at + 1 : at + 2] == "(" else character
        for at, character in enumerate(text)
    )
