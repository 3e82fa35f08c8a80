"""The permissions of roles on ALG policies as rule-lists of access control (RFC 8341).

The first rule that matches decides, so these stand before the configured ones: what a policy hides from a role, no
wide rule of that group shows.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from applianced.config.alg_policies import Permission
from applianced.config.alg_policy_checks import policy_path
from applianced.config.nacm import Access, Rule, RuleList
from applianced.config.schema import Config


def role_rule_lists(config: Config) -> tuple[RuleList, ...]:
    """A rule-list per ALG policy and role, by their names. Its group is named as the role."""
    return tuple(
        RuleList(
            name=f"alg-policy {name} {role}",
            groups=(role,),
            rules=tuple(_rules(policy_path(name), policy.permissions[role])),
        )
        for name, policy in sorted(config.alg_policies.policies.items())
        for role in sorted(policy.permissions)
    )


def _rules(path: str, permission: Permission) -> Iterator[Rule]:
    if permission is Permission.EDIT:
        yield Rule(name="edit", permit=True, path=path)
        return
    if permission is Permission.READ:
        yield Rule(name="read", permit=True, path=path, operations=Access.READ)
    yield Rule(name="no-change" if permission is Permission.READ else "hide", permit=False, path=path)
