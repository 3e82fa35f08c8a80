"""`security zones` and `security policies`."""

from __future__ import annotations

from applianced.config.decode.addresses import Resolver
from applianced.config.decode.alg_policies import MODULE as ALG_POLICIES
from applianced.config.decode.node import Node
from applianced.config.schema import Policy, Zone

MANAGEMENT = "management"
"""Name of the functional zone."""


def decode_zones(security: Node) -> dict[str, Zone]:
    """Security zones by name, and the functional zone `management` when it has interfaces."""
    zones = security.child("zones")
    found = {entry.text("name"): _zone(entry, entry.text("name")) for entry in zones.entries("security-zone")}
    management = _zone(zones.child("functional-zone").child(MANAGEMENT), MANAGEMENT, functional=True)
    if management.interfaces:
        found.setdefault(MANAGEMENT, management)
    return found


def _zone(entry: Node, name: str, *, functional: bool = False) -> Zone:
    interfaces = tuple(entry.entries("interfaces"))
    own = [one for one in interfaces if one.child("host-inbound-traffic").data]
    services, protocols = _inbound(entry)
    return Zone(
        name=name,
        interfaces=tuple(one.text("name") for one in interfaces),
        services=services,
        protocols=protocols,
        interface_services={one.text("name"): _inbound(one)[0] for one in own},
        interface_protocols={one.text("name"): _inbound(one)[1] for one in own},
        functional=functional,
        alg_policy=entry.text(f"{ALG_POLICIES}:alg-policy"),
    )


def _inbound(entry: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    inbound = entry.child("host-inbound-traffic")
    return (
        tuple(one.text("name") for one in inbound.entries("system-services")),
        tuple(one.text("name") for one in inbound.entries("protocols")),
    )


def decode_policies(security: Node, resolver: Resolver) -> tuple[Policy, ...]:
    """Policies of zone pairs, in order. Raises ConfigError."""
    return tuple(
        _policy(entry, resolver, pair.text("from-zone-name"), pair.text("to-zone-name"))
        for pair in security.child("policies").entries("policy", "from-zone-name", "to-zone-name")
        for entry in pair.entries("policy")
    )


def decode_global_policies(security: Node, resolver: Resolver) -> tuple[Policy, ...]:
    """Policies of every pair of zones, in order; their zones are "". Raises ConfigError."""
    entries = security.child("policies").child("global").entries("policy")
    return tuple(_policy(entry, resolver, "", "") for entry in entries)


def default_policy(security: Node) -> str:
    """ "permit" or "deny"."""
    return "permit" if security.child("policies").child("default-policy").has("permit-all") else "deny"


def _policy(entry: Node, resolver: Resolver, from_zone: str, to_zone: str) -> Policy:
    match, then = entry.child("match"), entry.child("then")
    log = then.child("log")
    applications = tuple(name for name, _ in match.texts("application"))
    return Policy(
        name=entry.text("name"),
        from_zone=from_zone,
        to_zone=to_zone,
        sources=resolver.resolve(match, "source-address", from_zone),
        destinations=resolver.resolve(match, "destination-address", to_zone),
        source_excluded=match.has("source-address-excluded"),
        destination_excluded=match.has("destination-address-excluded"),
        applications=() if "any" in applications else applications,
        action=next((action for action in ("permit", "reject") if then.has(action)), "deny"),
        log_init=log.has("session-init"),
        log_close=log.has("session-close"),
        count=then.has("count"),
        offload=then.child("permit").has("services-offload"),
    )
