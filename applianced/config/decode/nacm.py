"""`nacm` (ietf-netconf-acm, RFC 8341)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.config.decode.node import Node
from applianced.config.nacm import ANY, EVERY_ACCESS, Access, Nacm, Rule, RuleList


def decode_nacm(data: Mapping[str, Any]) -> Nacm:
    """Leaves that are not there have the schema's defaults. Raises ConfigError."""
    nacm = Node(data).child("ietf-netconf-acm:nacm")
    default = Nacm()
    return Nacm(
        enabled=nacm.data.get("enable-nacm", default.enabled) is True,
        read_permitted=nacm.text("read-default", "permit") == "permit",
        write_permitted=nacm.text("write-default", "deny") == "permit",
        exec_permitted=nacm.text("exec-default", "permit") == "permit",
        groups={
            group.text("name"): frozenset(user for user, _ in group.texts("user-name"))
            for group in nacm.child("groups").entries("group")
        },
        rule_lists=tuple(_rule_list(entry) for entry in nacm.entries("rule-list")),
    )


def _rule_list(entry: Node) -> RuleList:
    return RuleList(
        name=entry.text("name"),
        groups=tuple(name for name, _ in entry.texts("group")),
        rules=tuple(_rule(each) for each in entry.entries("rule")),
    )


def _rule(entry: Node) -> Rule:
    return Rule(
        name=entry.text("name"),
        permit=entry.text("action") == "permit",
        module=entry.text("module-name", ANY),
        rpc=entry.text("rpc-name"),
        notification=entry.text("notification-name"),
        path=entry.text("path"),
        operations=_operations(entry.text("access-operations", ANY)),
    )


def _operations(text: str) -> Access:
    if text == ANY:
        return EVERY_ACCESS
    chosen = Access(0)
    for name in text.split():
        chosen |= Access[name.upper()]
    return chosen
