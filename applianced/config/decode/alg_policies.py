"""`security alg policies` and `security alg device-policy`."""

from __future__ import annotations

from applianced.config.alg_policies import DEFAULT_PERMISSIONS, AlgPolicies, AlgPolicy, Permission, PolicyAlg, Role
from applianced.config.decode.node import Node, fail

MODULE = "applianced-alg-policies"


def decode_alg_policies(security: Node) -> AlgPolicies:
    """Raises ConfigError."""
    alg = security.child("applianced-alg:alg")
    entries = alg.child(f"{MODULE}:policies").entries("policy")
    policies = (_policy(entry) for entry in entries)
    return AlgPolicies(
        policies={policy.name: policy for policy in policies}, device=alg.text(f"{MODULE}:device-policy")
    )


def _policy(entry: Node) -> AlgPolicy:
    return AlgPolicy(
        name=entry.text("name"),
        algs={
            alg.text("name"): PolicyAlg(
                enabled=not alg.has("disable"), services=tuple(name for name, _ in alg.texts("service"))
            )
            for alg in entry.entries("alg")
        },
        permissions=_permissions(entry.child("permissions")),
    )


def _permissions(container: Node) -> dict[Role, Permission]:
    return {role: _permission(container, role, default) for role, default in DEFAULT_PERMISSIONS.items()}


def _permission(container: Node, role: Role, default: Permission) -> Permission:
    text = container.text(role, default)
    try:
        return Permission(text)
    except ValueError:
        fail(f"{container.path}/{role}", f"'{text}' is not one of {', '.join(Permission)}")
