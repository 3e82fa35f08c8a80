"""`system services netconf`, down to its transport, and `system login retry-options`."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from applianced.config.access import (
    CallHomeClient,
    Endpoint,
    HttpsServer,
    NetconfLimits,
    Periodic,
    RetryOptions,
    SshLimits,
    UrlOptions,
)
from applianced.config.decode.node import Node, fail
from applianced.config.decode.notifications import decode_notifications

_NETCONF = {
    "session-limit": "session_limit",
    "session-limit-per-user": "session_limit_per_user",
    "message-size": "message_size",
    "message-memory": "message_memory",
    "reply-memory": "reply_memory",
    "idle-timeout": "idle_timeout_s",
    "hello-timeout": "hello_timeout_s",
    "message-timeout": "message_timeout_s",
    "reply-timeout": "reply_timeout_s",
    "private-candidate-limit": "private_candidate_limit",
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


_RETRY = {
    "tries-before-disconnect": "tries_before_disconnect",
    "backoff-threshold": "backoff_threshold",
    "backoff-factor": "backoff_factor_s",
}


_URL = {"size-limit": "size_limit", "file-limit": "file_limit", "timeout": "timeout_s"}


def decode_retries(login: Node) -> RetryOptions:
    """`retry-options` of `login`. Raises ConfigError."""
    retry = login.child("retry-options")
    locked_s = retry.number("lockout-period") * 60 if retry.has("lockout-period") else 0
    return RetryOptions(**_given(retry, _RETRY), lockout_period_s=locked_s)


def decode_call_home(netconf: Node) -> tuple[CallHomeClient, ...]:
    """`call-home` of the container. Raises ConfigError."""
    return tuple(_client(entry) for entry in netconf.child("call-home").entries("netconf-client"))


def _client(entry: Node) -> CallHomeClient:
    strategy = entry.child("reconnect-strategy")
    endpoints = tuple(
        Endpoint(name=each.text("name"), address=each.text("address"), **_given(each, {"port": "port"}))
        for each in entry.entries("endpoint")
    )
    return CallHomeClient(
        name=entry.text("name"),
        endpoints=endpoints,
        start_with=strategy.text("start-with", CallHomeClient(name="").start_with),
        periodic=_periodic(entry.child("connection-type")),
        **_given(strategy, {"max-attempts": "max_attempts", "interval": "interval_s"}),
    )


def _periodic(kind: Node) -> Periodic | None:
    if not kind.has("periodic"):
        return None
    periodic, anchor_s = kind.child("periodic"), None
    if text := periodic.text("anchor-time"):
        try:
            anchor_s = datetime.fromisoformat(text).timestamp()
        except ValueError:
            fail(f"{periodic.path}/anchor-time", f'there is no time "{text}": write it as 2026-01-31T23:59:59Z')
    period_s = {"period_s": periodic.number("period") * 60} if periodic.has("period") else {}
    return Periodic(anchor_s=anchor_s, **period_s, **_given(periodic, {"idle-timeout": "idle_timeout_s"}))


def decode_urls(netconf: Node) -> UrlOptions:
    """`url` of the container. Raises ConfigError."""
    url = netconf.child("url")
    servers = tuple(_server(entry) for entry in url.entries("https-server", "host"))
    return UrlOptions(file=url.has("file"), servers=servers, **_given(url, _URL))


def _server(entry: Node) -> HttpsServer:
    return HttpsServer(
        host=entry.text("host"),
        path_prefix=entry.text("path-prefix", HttpsServer(host="").path_prefix),
        # The schema has seen that both are what they are said to be.
        certificates=tuple(b64decode(text) for text, _ in entry.texts("ca-certificate")),
        pins=frozenset(bytes.fromhex(text.replace(":", "")) for text, _ in entry.texts("certificate-sha256")),
        private=entry.has("private-address"),
        **_given(entry, {"port": "port"}),
    )


def decode_netconf(netconf: Node) -> NetconfLimits:
    """What the container says; the rest as by default. Raises ConfigError."""
    ssh = netconf.child("ssh")
    listed = tuple(name for name, _ in ssh.texts("hostkey-algorithm-list")) or SshLimits().hostkey_algorithms
    below = SshLimits(**_given(ssh, _SSH), **_given(ssh.child("tcp-keepalives"), _TCP), hostkey_algorithms=listed)
    return NetconfLimits(**_given(netconf, _NETCONF), ssh=below, notifications=decode_notifications(netconf))


def _given(node: Node, fields: Mapping[str, str]) -> dict[str, Any]:
    return {field: node.number(leaf) for leaf, field in fields.items() if node.has(leaf)}
