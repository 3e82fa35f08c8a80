"""`security alg policies` as frozen values: which ALGs are on, what else they read, and what a role may do.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The roles of the consoles; each is the NACM group of the same name."""

    ENTERPRISE_ADMINISTRATOR = "enterprise-administrator"
    ENTERPRISE_OPERATOR = "enterprise-operator"
    SERVICE_PROVIDER_ADMINISTRATOR = "service-provider-administrator"
    SERVICE_PROVIDER_OPERATOR = "service-provider-operator"


class Permission(StrEnum):
    """What a role may do with an ALG policy: change it, read it, or not even know of it."""

    EDIT = "edit"
    READ = "read"
    HIDE = "hide"


DEFAULT_PERMISSIONS = {
    Role.ENTERPRISE_ADMINISTRATOR: Permission.EDIT,
    Role.ENTERPRISE_OPERATOR: Permission.READ,
    Role.SERVICE_PROVIDER_ADMINISTRATOR: Permission.EDIT,
    Role.SERVICE_PROVIDER_OPERATOR: Permission.READ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAlg:
    """What a policy says about one ALG. services: applications and sets that it reads besides its own ports."""

    enabled: bool = True
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgPolicy:
    """algs: by name; the policy says nothing about the others. permissions: every role has one."""

    name: str
    algs: dict[str, PolicyAlg] = field(default_factory=dict)
    permissions: dict[Role, Permission] = field(default_factory=DEFAULT_PERMISSIONS.copy)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgPolicies:
    """policies: by name. device: name of the one of the device, "" for none; a zone names its own."""

    policies: dict[str, AlgPolicy] = field(default_factory=dict)
    device: str = ""
