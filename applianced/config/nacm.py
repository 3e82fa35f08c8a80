"""Access control as configured: users' groups, and rules in the order in which they are tried (RFC 8341).

Names follow the leaves of ietf-netconf-acm.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Flag, auto

ANY = "*"
"""Of a group, a module, an operation or a notification: every one."""
SUPER_USER = "super-user"
USER = "$USER"
"""The value of a key that stands for the name of whoever asks (RFC 8341 node-instance-identifier)."""
"""The class of users whom no rule holds back: theirs are the recovery sessions of RFC 8341 3.3.3."""


class Access(Flag):
    """What somebody wants to do; the bits of access-operations."""

    CREATE = auto()
    READ = auto()
    UPDATE = auto()
    DELETE = auto()
    EXEC = auto()


WRITES = (Access.CREATE, Access.UPDATE, Access.DELETE)
EVERY_ACCESS = Access.CREATE | Access.READ | Access.UPDATE | Access.DELETE | Access.EXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; the first that matches decides.

    rpc, notification: a name or ANY; path: an instance path with module names as prefixes (RFC 7951 6.11), in which
    an entry has all of its keys, some or none, any of them USER, or "/". At most one of the three is set; with none,
    all three kinds match.
    """

    name: str
    permit: bool
    module: str = ANY
    rpc: str = ""
    notification: str = ""
    path: str = ""
    operations: Access = EVERY_ACCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """Rules for the members of some groups. groups: names, or ANY for whoever is in a group at all."""

    name: str
    groups: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nacm:
    """`nacm`. groups: name -> users. The *_permitted are the defaults, for what no rule matches."""

    enabled: bool = True
    read_permitted: bool = True
    write_permitted: bool = False
    exec_permitted: bool = True
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    rule_lists: tuple[RuleList, ...] = ()

    def groups_of(self, user: str) -> frozenset[str]:
        """Names of the groups that a user is in."""
        return frozenset(name for name, users in self.groups.items() if user in users)

    def rules_of(self, groups: frozenset[str]) -> tuple[tuple[str, Rule], ...]:
        """(name of the rule-list, rule) for the members of these groups, in the order of trying."""
        return tuple(
            (each.name, rule)
            for each in self.rule_lists
            if groups and (ANY in each.groups or not groups.isdisjoint(each.groups))
            for rule in each.rules
        )

    def personal(self, groups: frozenset[str]) -> bool:
        """Whether what the members of these groups may do depends on their names as well."""
        return any(f"{quote}{USER}{quote}" in rule.path for _, rule in self.rules_of(groups) for quote in "'\"")

    def preceded_by(self, rule_lists: Sequence[RuleList]) -> Nacm:
        """The same with these rule-lists tried before the configured ones: the permissions of roles, for one."""
        return replace(self, rule_lists=(*rule_lists, *self.rule_lists))
