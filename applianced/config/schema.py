"""The configuration as frozen values, mirroring the YANG tree; what decode.py makes and everything else reads.

Names follow the leaves. Ports are (low, high) pairs. Defaults that come from the schema are filled in by libyang;
the values here are those of an empty configuration.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any

from applianced.config.access import CallHomeClient, NetconfLimits, RetryOptions, UrlOptions
from applianced.config.alg_policies import AlgPolicies
from applianced.config.nacm import Nacm

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
PortRange = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One protocol definition of an application; an application without terms has a single one named "".

    protocol: IP protocol number, None for any. ports: () for any.
    alg: local name of the `application-protocol` (or `term alg`) identity, "" when none is set.
    inactivity_timeout_s: None for the protocol's default, inf for `never`.
    """

    name: str = ""
    protocol: int | None = None
    source_ports: PortRange | None = None
    destination_ports: PortRange | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    alg: str = ""
    inactivity_timeout_s: float | None = None
    uuid: str = ""
    rpc_program: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    name: str
    terms: tuple[Term, ...]
    predefined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applications:
    """applications: configured and predefined alike, by name. sets: name -> member applications, flattened."""

    applications: dict[str, Application] = field(default_factory=dict)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def members(self, name: str) -> tuple[Application, ...]:
        """The applications that `name` stands for, be it an application or a set. Raises KeyError."""
        if name in self.applications:
            return (self.applications[name],)
        return tuple(self.applications[member] for member in self.sets[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """interfaces: Linux names. services, protocols: host-inbound-traffic of the zone ("all", "ssh", "ping", ...).

    interface_services, interface_protocols: the same per interface, which replace those of the zone.
    addresses: entries of the zone's own address-book are in `AddressBook`s attached to it.
    alg_policy: name of the ALG policy for sessions that enter by it, "" for none.
    """

    name: str
    interfaces: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    interface_services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    interface_protocols: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functional: bool = False
    alg_policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBook:
    """addresses: name -> networks, sets flattened. zones: attached zones, () means every zone (`global`)."""

    name: str
    addresses: dict[str, tuple[Network, ...]] = field(default_factory=dict)
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, with its addresses resolved to networks (() means any) and its applications by name (() means any).

    action: "permit", "deny" or "reject". offload: the kernel may forward what is permitted past the rules.
    """

    name: str
    from_zone: str
    to_zone: str
    sources: tuple[Network, ...] = ()
    destinations: tuple[Network, ...] = ()
    source_excluded: bool = False
    destination_excluded: bool = False
    applications: tuple[str, ...] = ()
    action: str = "deny"
    log_init: bool = False
    log_close: bool = False
    count: bool = False
    offload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A NAT pool. addresses: single addresses in order. port: for destination NAT, the port to translate to.

    port_range: of general source NAT, None for the three classes below the ALGs' range.
    alg_port_range: reserved for the ALGs' bindings, per address and protocol.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    networks: tuple[Network, ...] = ()
    port: int | None = None
    port_range: PortRange | None = None
    alg_port_range: PortRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NatMatch:
    """() means any. protocols are IP protocol numbers."""

    sources: tuple[Network, ...] = ()
    destinations: tuple[Network, ...] = ()
    source_ports: tuple[PortRange, ...] = ()
    destination_ports: tuple[PortRange, ...] = ()
    protocols: tuple[int, ...] = ()
    applications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NatRule:
    """action: source: "off", "interface", "pool"; destination: "off", "pool"; static: "prefix".

    prefix: static NAT's inside network (its match.destinations holds the outside one, of equal length).
    mapped_port: static NAT's inside port range, None to keep ports.
    """

    name: str
    match: NatMatch
    action: str
    pool: str = ""
    prefix: Network | None = None
    mapped_port: PortRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NatRuleSet:
    """from_/to_: zones and interfaces that the rule-set is for; to_* are used by source NAT alone."""

    name: str
    from_zones: tuple[str, ...] = ()
    from_interfaces: tuple[str, ...] = ()
    to_zones: tuple[str, ...] = ()
    to_interfaces: tuple[str, ...] = ()
    rules: tuple[NatRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nat:
    source_pools: dict[str, Pool] = field(default_factory=dict)
    destination_pools: dict[str, Pool] = field(default_factory=dict)
    source: tuple[NatRuleSet, ...] = ()
    destination: tuple[NatRuleSet, ...] = ()
    static: tuple[NatRuleSet, ...] = ()
    alg_port_range: PortRange = (49152, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """`security flow`. alg_fail_mode: "open" or "closed". alg_bindings_per_source: 0 for as many as gates. Sizes in
    octets, times in seconds."""

    alg_fail_mode: str = "closed"
    alg_message_size: int = 65536
    alg_gates_per_session: int = 8
    alg_gates_per_source: int = 256
    alg_bindings_per_source: int = 0
    alg_gates_total: int = 16384
    alg_sessions_total: int = 16384
    alg_data_session_coupled: bool = False
    tcp_session_timeout_s: int = 1800
    udp_session_timeout_s: int = 60
    icmp_session_timeout_s: int = 60
    gate_timeout_s: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    """A syslog stream (`security log stream`). categories: () means all. format: "syslog" or "sd-syslog"."""

    name: str
    host: Address
    port: int = 514
    severity: str = ""
    categories: tuple[str, ...] = ()
    format: str = "syslog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    streams: tuple[LogStream, ...] = ()
    source_address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgConfig:
    """One container under `security alg`, or its absence.

    state: "default" (nothing said), "enabled" or "disabled" by configuration.
    leaves: the container's other leaves, named with `_`, with plain values (bool for empty leaves).
    traced: traceoptions flags are set for it; trace_extensive: one of them says `extensive`.
    """

    name: str
    state: str = "default"
    leaves: dict[str, Any] = field(default_factory=dict)
    traced: bool = False
    trace_extensive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """`security alg traceoptions`. size in octets; level: brief, detail or extensive."""

    file: str = ""
    size: int = 131072
    files: int = 3
    world_readable: bool = False
    match: str = ""
    level: str = "brief"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One entry of ietf-interfaces. addresses: with prefix length. None: leave as found."""

    name: str
    enabled: bool | None = None
    mtu: int | None = None
    addresses: tuple[Interface, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A login user. password: crypt(3) hash or "". keys: OpenSSH public key lines.

    login_class: "super-user", or "" for whoever may do what access control says.
    """

    name: str
    password: str = ""
    keys: tuple[str, ...] = ()
    login_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    host_name: str = "applianced"
    platform_profile: str = "branch"
    users: dict[str, User] = field(default_factory=dict)
    netconf_port: int = 830
    netconf: NetconfLimits = field(default_factory=NetconfLimits)
    retry: RetryOptions = field(default_factory=RetryOptions)
    call_home: tuple[CallHomeClient, ...] = ()
    url: UrlOptions = field(default_factory=UrlOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration."""

    applications: Applications = field(default_factory=Applications)
    zones: dict[str, Zone] = field(default_factory=dict)
    address_books: tuple[AddressBook, ...] = ()
    policies: tuple[Policy, ...] = ()
    global_policies: tuple[Policy, ...] = ()
    default_policy: str = "deny"
    policy_rematch: bool = False
    nat: Nat = field(default_factory=Nat)
    flow: Flow = field(default_factory=Flow)
    log: Log = field(default_factory=Log)
    algs: dict[str, AlgConfig] = field(default_factory=dict)
    alg_policies: AlgPolicies = field(default_factory=AlgPolicies)
    trace: Trace = field(default_factory=Trace)
    interfaces: tuple[Link, ...] = ()
    system: System = field(default_factory=System)
    nacm: Nacm = field(default_factory=Nacm)
