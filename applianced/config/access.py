"""How far the appliance lets itself be used by those who reach it: limits of NETCONF and of SSH below it, and what a
failed login costs.

Names follow the leaves of `system services netconf` and `system login`; a time of 0 means none. Defaults are those of
the schema.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from applianced.config.notifications import NotificationSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SshLimits:
    """`system services netconf ssh`. Times in seconds. rate_limit: connections a minute from one source, 0 for any."""

    connection_limit: int = 512
    rate_limit: int = 0
    pending_login_limit: int = 256
    login_grace_time_s: float = 30
    max_sessions_per_connection: int = 16
    client_alive_interval_s: float = 60
    client_alive_count_max: int = 3
    tcp_idle_time_s: int = 60
    tcp_max_probes: int = 5
    tcp_probe_interval_s: int = 10
    hostkey_algorithms: tuple[str, ...] = ("ed25519", "ecdsa")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """`system login retry-options`. Times in seconds. lockout_period_s: 0 locks nobody out."""

    tries_before_disconnect: int = 3
    backoff_threshold: int = 2
    backoff_factor_s: float = 5
    lockout_period_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetconfLimits:
    """`system services netconf`. Times in seconds, sizes in octets."""

    session_limit: int = 512
    session_limit_per_user: int = 256
    message_size: int = 33554432
    message_memory: int = 268435456
    reply_memory: int = 268435456
    idle_timeout_s: float = 0
    hello_timeout_s: float = 30
    message_timeout_s: float = 120
    reply_timeout_s: float = 120
    private_candidate_limit: int = 32
    ssh: SshLimits = field(default_factory=SshLimits)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a client that is called home to listens. address: an IP address or a name."""

    name: str
    address: str
    port: int = 4334


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """`connection-type periodic` of such a client. Times in seconds. anchor_s: wall clock, of which connections are
    made whole periods away, None for the start. idle_timeout_s: 0 closes no connection."""

    period_s: float = 3600
    anchor_s: float | None = None
    idle_timeout_s: float = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHomeClient:
    """`system services netconf call-home netconf-client`. start_with: "first-listed",
    "last-connected" or "random-selection".

    max_attempts: at one endpoint before the next is tried. interval_s: between two attempts. periodic: None for a
    connection that is kept up.
    """

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    start_with: str = "first-listed"
    max_attempts: int = 3
    interval_s: float = 5
    periodic: Periodic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsServer:
    """`system services netconf url https-server`. path_prefix: what paths begin with. certificates: DER, of the
    authorities that may have signed the server's; none stands for those of the system. pins: SHA-256 of the server's
    own certificate, one of which it must have when there are any. private: its address may be one that is."""

    host: str
    port: int = 443
    path_prefix: str = "/"
    certificates: tuple[bytes, ...] = ()
    pins: frozenset[bytes] = frozenset()
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOptions:
    """`system services netconf url`. file: whether file: is offered. Times in seconds, sizes in octets."""

    file: bool = False
    servers: tuple[HttpsServer, ...] = ()
    size_limit: int = 33554432
    file_limit: int = 100
    timeout_s: float = 60
