"""The plan: what the dataplane is to be, as plain values that cross the socket to the agent as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from applianced.config.schema import Config

OFFLOAD_SILENT_S = 30
"""As Linux has it by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyName:
    """Which policy a number in ct label stands for. log_*: what its sessions are logged for."""

    number: int
    name: str
    from_zone: str
    to_zone: str
    log_init: bool = False
    log_close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgInZone:
    """One ALG for sessions that enter by a zone whose own ALG policy decides about it; as AlgPlan has it."""

    zone: str
    state: str
    origin: str
    decided_by: str
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgPlan:
    """One ALG as effective: state "enabled", "disabled" or "not-implemented"; where that comes from
    ("platform-profile branch", "security alg ftp disable", "device policy NAME", ...), and that as a word, "" when not
    implemented; its settings dataclass as a dict ({} when nobody reads with it); trace: the level at which it is
    traced, "" when it is not; services: applications that it reads besides its well-known ports; zones: those whose
    own ALG policy decides instead."""

    name: str
    state: str
    origin: str
    settings: dict[str, Any] = field(default_factory=dict)
    trace: str = ""
    decided_by: str = ""
    services: tuple[str, ...] = ()
    zones: tuple[AlgInZone, ...] = ()

    @property
    def read(self) -> bool:
        """Whether it is on anywhere."""
        return "enabled" in (self.state, *(zone.state for zone in self.zones))

    def enabled_in(self, zone: str) -> bool:
        """Whether it is on for sessions that enter by this zone."""
        return next((each.state for each in self.zones if each.zone == zone), self.state) == "enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadPlan:
    """Flow offload. policies: numbers of those whose sessions are to be offloaded, sorted. interfaces: that they may
    use, whether they are there or not; none without policies. silent_s: how long a session without packets stays in
    the flow table."""

    policies: tuple[int, ...] = ()
    interfaces: tuple[str, ...] = ()
    silent_s: int = OFFLOAD_SILENT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """ruleset: nft text that replaces the policy table and exchanges the elements of the gates table's sets.

    chains: name -> number of rules of each chain of the policy table, for verification after apply.
    control_ports: (protocol, low, high) of everything an ALG may read; in `ruleset` too, here for the state.
    policies: by number. applications: (protocol, low, high, application name), for the state and the logs.
    zones: interface -> the zone that it is in.
    queues: how many workers share the control sessions.
    alg_port_ranges: text address -> (low, high) where a pool sets its own; "" holds the default.
    notified: events that management is told of -> how many a second, 0 for any number.
    offload: what the kernel may forward past the rules.
    flow, log, trace, interfaces: the parts of the configuration that the agent and its workers need, as dicts.
    """

    ruleset: str
    chains: dict[str, int]
    queues: int
    control_ports: tuple[tuple[int, int, int], ...] = ()
    policies: tuple[PolicyName, ...] = ()
    applications: tuple[tuple[int, int, int, str], ...] = ()
    zones: dict[str, str] = field(default_factory=dict)
    algs: tuple[AlgPlan, ...] = ()
    alg_port_ranges: dict[str, tuple[int, int]] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)
    trace: dict[str, Any] = field(default_factory=dict)
    notified: dict[str, int] = field(default_factory=dict)
    interfaces: tuple[dict[str, Any], ...] = ()
    offload: OffloadPlan = OffloadPlan()

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form, as sent to the agent."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From what to what. Nobody reads "the current configuration" from anywhere else."""

    old: Config
    new: Config
    old_plan: Plan | None
    new_plan: Plan
