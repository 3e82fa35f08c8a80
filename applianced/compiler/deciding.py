"""Who decides whether an ALG is on: the zone's ALG policy, the device's, `security alg`, the platform profile.

The first of them that says something about the ALG decides all of it: whether it is on, and what it reads besides its
well-known ports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from applianced.alg.contract import Descriptor
from applianced.compiler.applications import Claim, InForce, claims, in_force, named_terms
from applianced.config.catalogue import PROFILES
from applianced.config.schema import Config
from applianced.errors import ConfigError


class By(StrEnum):
    """Who decided, the one that goes first at the top."""

    ZONE_POLICY = "zone-policy"
    DEVICE_POLICY = "device-policy"
    SECURITY_ALG = "security-alg"
    PLATFORM_PROFILE = "platform-profile"


class Decided(NamedTuple):
    """enabled: whether the ALG is on. by, origin: who says so, as a word and with its name or its line of
    configuration. services: applications and sets that it reads besides its well-known ports."""

    enabled: bool
    by: By
    origin: str
    services: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """As the state shows it."""
        return "enabled" if self.enabled else "disabled"


class Views(NamedTuple):
    """The ALGs in force by the zone where a session enters.

    algs: what differs, under the first zone by name that has it; under "" that of the device. alike: zone -> the first
    that has the same, without the zones that are as the device.
    """

    algs: Mapping[str, InForce]
    alike: Mapping[str, str]

    def first(self, zone: str) -> str:
        """The first zone by name that has the same in force; "" for those as the device."""
        return self.alike.get(zone, "")

    def of(self, zone: str) -> InForce:
        return self.algs[self.first(zone)]


def decided(config: Config, alg: str, zone: str = "") -> Decided:
    """What is in force for an ALG in a zone; on the device, where no zone is named.

    Raises ConfigError for an unknown platform profile.
    """
    named = config.zones[zone].alg_policy if zone in config.zones else ""
    for policy, by, origin in (
        (named, By.ZONE_POLICY, "zone policy"),
        (config.alg_policies.device, By.DEVICE_POLICY, "device policy"),
    ):
        found = config.alg_policies.policies.get(policy)
        if found is not None and alg in found.algs:
            said = found.algs[alg]
            return Decided(said.enabled, by, f"{origin} {policy}", said.services if said.enabled else ())
    return _without_policy(config, alg)


def _without_policy(config: Config, alg: str) -> Decided:
    said = config.algs[alg].state if alg in config.algs else "default"
    if said != "default":
        origin = f"security alg {alg}{' disable' if said == 'disabled' else ''}"
        return Decided(said == "enabled", By.SECURITY_ALG, origin)
    profile = config.system.platform_profile
    if profile not in PROFILES:
        path = "/applianced-system:system/platform-profile"
        raise ConfigError(path, f"'{profile}' is not one of {', '.join(sorted(PROFILES))}")
    return Decided(alg in PROFILES[profile], By.PLATFORM_PROFILE, f"platform-profile {profile}")


def view(config: Config, registry: Mapping[str, Descriptor], zone: str = "") -> InForce:
    """The ALGs in force for sessions that enter by a zone. Raises ConfigError."""
    found = {alg: decided(config, alg, zone) for alg in registry}
    enabled = frozenset(alg for alg, said in found.items() if said.enabled)
    return in_force(registry, enabled, _services(config, registry, found))


def _services(config: Config, registry: Mapping[str, Descriptor], found: Mapping[str, Decided]) -> Iterator[Claim]:
    """The zone's before the device's, then by ALG."""
    order = list(By)
    for alg in sorted(found, key=lambda name: (order.index(found[name].by), name)):
        transports = frozenset(protocol for protocol, _ in registry[alg].ports)
        if found[alg].services:
            yield from claims(alg, transports, named_terms(found[alg].services, config.applications))


def views(config: Config, registry: Mapping[str, Descriptor]) -> Views:
    """The ALGs in force, zone by zone. Raises ConfigError."""
    algs = {"": view(config, registry)}
    alike: dict[str, str] = {}
    for zone in sorted(name for name, zone in config.zones.items() if zone.alg_policy):
        own = view(config, registry, zone)
        first = next((other for other, known in algs.items() if known == own), zone)
        if first:
            algs[first], alike[zone] = own, first
    return Views(algs, alike)
