"""ALGs as effective: which are on, why, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from applianced.alg.contract import Descriptor
from applianced.compiler import doctoring
from applianced.compiler.marks import ALG_NUMBERS
from applianced.compiler.plan import AlgPlan
from applianced.config.catalogue import PROFILES
from applianced.config.schema import AlgConfig, Config
from applianced.errors import ConfigError


def enabled(config: Config, registry: Mapping[str, Descriptor]) -> frozenset[str]:
    """The ALGs that are built and on."""
    return frozenset(name for name in registry if _state(config, name)[0] == "enabled")


def plans(config: Config, registry: Mapping[str, Descriptor]) -> tuple[AlgPlan, ...]:
    """Every ALG by name, built or not. Raises ConfigError for an unknown platform profile."""
    return tuple(_plan(config, name, registry.get(name)) for name in sorted(ALG_NUMBERS))


def _plan(config: Config, name: str, descriptor: Descriptor | None) -> AlgPlan:
    if descriptor is None:
        return AlgPlan(name=name, state="not-implemented", origin="not part of this release")
    state, origin = _state(config, name)
    own = config.algs.get(name, AlgConfig(name=name))
    settings = _settings(config, descriptor, own.leaves) if state == "enabled" else {}
    return AlgPlan(name=name, state=state, origin=origin, settings=settings, trace=_trace_level(config, own))


def _settings(config: Config, descriptor: Descriptor, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves as configured, the defaults of the others, and what the ALG takes from elsewhere in the configuration."""
    known = [field.name for field in fields(descriptor.settings) if field.init]
    given = {name: leaves[name] for name in known if name in leaves}
    if "static_nat" in known:
        given["static_nat"] = doctoring.rows(config)
    made = descriptor.settings(**given)
    return {name: getattr(made, name) for name in known}


def _state(config: Config, name: str) -> tuple[str, str]:
    """Either "enabled" or "disabled", and what says so."""
    said = config.algs[name].state if name in config.algs else "default"
    if said != "default":
        return said, f"security alg {name}{' disable' if said == 'disabled' else ''}"
    profile = config.system.platform_profile
    if profile not in PROFILES:
        path = "/applianced-system:system/platform-profile"
        raise ConfigError(path, f"'{profile}' is not one of {', '.join(sorted(PROFILES))}")
    return ("enabled" if name in PROFILES[profile] else "disabled"), f"platform-profile {profile}"


def _trace_level(config: Config, own: AlgConfig) -> str:
    if not own.traced:
        return ""
    return "extensive" if own.trace_extensive else config.trace.level
