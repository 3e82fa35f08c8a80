"""ALGs as effective: which are on, why, and with which settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from applianced.alg.contract import Descriptor
from applianced.compiler import doctoring
from applianced.compiler.deciding import By, decided
from applianced.compiler.marks import ALG_NUMBERS
from applianced.compiler.plan import AlgInZone, AlgPlan
from applianced.config.schema import AlgConfig, Config


def plans(config: Config, registry: Mapping[str, Descriptor]) -> tuple[AlgPlan, ...]:
    """Every ALG by name, built or not. Raises ConfigError for an unknown platform profile."""
    return tuple(_plan(config, name, registry.get(name)) for name in sorted(ALG_NUMBERS))


def _plan(config: Config, name: str, descriptor: Descriptor | None) -> AlgPlan:
    if descriptor is None:
        return AlgPlan(name=name, state="not-implemented", origin="not part of this release")
    found = decided(config, name)
    zones = tuple(_in_zones(config, name))
    own = config.algs.get(name, AlgConfig(name=name))
    plan = AlgPlan(
        name=name,
        state=found.state,
        origin=found.origin,
        decided_by=found.by,
        services=found.services,
        zones=zones,
        trace=_trace_level(config, own),
    )
    return replace(plan, settings=_settings(config, descriptor, own.leaves)) if plan.read else plan


def _in_zones(config: Config, name: str) -> Iterator[AlgInZone]:
    for zone in sorted(config.zones):
        found = decided(config, name, zone)
        if found.by is By.ZONE_POLICY:
            yield AlgInZone(
                zone=zone,
                state=found.state,
                origin=found.origin,
                decided_by=found.by,
                services=found.services,
            )


def _settings(config: Config, descriptor: Descriptor, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves as configured, the defaults of the others, and what the ALG takes from elsewhere in the configuration."""
    known = [field.name for field in fields(descriptor.settings) if field.init]
    given = {name: leaves[name] for name in known if name in leaves}
    if "static_nat" in known:
        given["static_nat"] = doctoring.rows(config)
    made = descriptor.settings(**given)
    return {name: getattr(made, name) for name in known}


def _trace_level(config: Config, own: AlgConfig) -> str:
    if not own.traced:
        return ""
    return "extensive" if own.trace_extensive else config.trace.level
