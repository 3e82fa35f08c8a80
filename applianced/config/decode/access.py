"""`system services netconf`, down to its transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.config.access import NetconfLimits, SshLimits
from applianced.config.decode.node import Node

_NETCONF = {
    "session-limit": "session_limit",
    "session-limit-per-user": "session_limit_per_user",
    "message-size": "message_size",
    "idle-timeout": "idle_timeout_s",
    "hello-timeout": "hello_timeout_s",
    "message-timeout": "message_timeout_s",
    "reply-timeout": "reply_timeout_s",
}
_SSH = {
    "connection-limit": "connection_limit",
    "rate-limit": "rate_limit",
    "pending-login-limit": "pending_login_limit",
    "login-grace-time": "login_grace_time_s",
    "max-sessions-per-connection": "max_sessions_per_connection",
    "client-alive-interval": "client_alive_interval_s",
    "client-alive-count-max": "client_alive_count_max",
}
_TCP = {
    "idle-time": "tcp_idle_time_s",
    "max-probes": "tcp_max_probes",
    "probe-interval": "tcp_probe_interval_s",
}


def decode_netconf(netconf: Node) -> NetconfLimits:
    """What the container says; the rest as by default. Raises ConfigError."""
    ssh = netconf.child("ssh")
    below = SshLimits(**_given(ssh, _SSH), **_given(ssh.child("tcp-keepalives"), _TCP))
    return NetconfLimits(**_given(netconf, _NETCONF), ssh=below)


def _given(node: Node, fields: Mapping[str, str]) -> dict[str, Any]:
    return {field: node.number(leaf) for leaf, field in fields.items() if node.has(leaf)}
