"""`security flow`, `security log` and `security alg`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from applianced.config.decode.node import Node, fail
from applianced.config.schema import AlgConfig, Flow, Log, LogStream, Trace

_FLOW_NUMBERS = {
    "alg-message-size": "alg_message_size",
    "alg-gates-per-session": "alg_gates_per_session",
    "alg-gates-per-source": "alg_gates_per_source",
    "alg-bindings-per-source": "alg_bindings_per_source",
    "alg-gates-total": "alg_gates_total",
    "alg-sessions-total": "alg_sessions_total",
    "tcp-session-timeout": "tcp_session_timeout_s",
    "udp-session-timeout": "udp_session_timeout_s",
    "icmp-session-timeout": "icmp_session_timeout_s",
    "gate-timeout": "gate_timeout_s",
}

PRESENCE = frozenset(("h323", "mgcp", "rsh", "rtsp", "sccp", "sip", "sql", "twamp"))
"""Containers whose mere existence switches the ALG on where the platform profile has it off, as in Junos."""

TRACE_SIZES = (10 * 1024, 1 << 30)
"""Least and largest size of a trace file, octets."""

_SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_STATE_LEAVES = frozenset(("enable", "disable", "traceoptions"))
_NO_ALGS = frozenset(("traceoptions", "policies", "device-policy"))
"""What stands under `security alg` beside the ALGs' containers."""


def decode_flow(security: Node) -> Flow:
    """Leaves that are not there have the schema's defaults. Raises ConfigError."""
    flow = security.child("flow")
    numbers: dict[str, Any] = {field: flow.number(leaf) for leaf, field in _FLOW_NUMBERS.items() if flow.has(leaf)}
    return replace(
        Flow(),
        **numbers,
        alg_fail_mode=flow.text("alg-fail-mode", "closed"),
        alg_data_session_coupled=flow.data.get("alg-data-session-coupled", False) is True,
    )


def decode_log(security: Node) -> Log:
    """Raises ConfigError."""
    log = security.child("log")
    return Log(
        streams=tuple(_stream(entry) for entry in log.entries("stream") if entry.child("host").has("ipaddr")),
        source_address=log.address("source-address") if log.has("source-address") else None,
    )


def _stream(entry: Node) -> LogStream:
    host = entry.child("host")
    categories = tuple(name for name, _ in entry.texts("category"))
    return LogStream(
        name=entry.text("name"),
        host=host.address("ipaddr"),
        port=host.number("port") if host.has("port") else 514,
        severity=entry.text("severity"),
        categories=() if "all" in categories else categories,
        format=entry.text("format", "syslog"),
    )


def decode_algs(security: Node) -> dict[str, AlgConfig]:
    """Every container under `security alg`, by name; nothing here knows one ALG from another."""
    algs = security.child("applianced-alg:alg")
    named = ((key, key.rpartition(":")[2]) for key in algs.data)
    return {name: _alg(algs.child(key), name) for key, name in named if name not in _NO_ALGS}


def _alg(container: Node, name: str) -> AlgConfig:
    flags = list(container.child("traceoptions").entries("flag"))
    return AlgConfig(
        name=name,
        state=_state(container, name),
        leaves=dict(_leaves(container, "")),
        traced=bool(flags),
        trace_extensive=any(flag.has("extensive") for flag in flags),
    )


def _state(container: Node, name: str) -> str:
    if container.has("disable"):
        return "disabled"
    return "enabled" if container.has("enable") or name in PRESENCE else "default"


def _leaves(container: Node, prefix: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of every leaf, those of inner containers with the container's name before theirs."""
    for key, value in container.data.items():
        name = prefix + key.rpartition(":")[2].replace("-", "_")
        if not prefix and key in _STATE_LEAVES:
            continue
        if isinstance(value, dict):
            yield from _leaves(container.child(key), f"{name}_")
        else:
            # RFC 7951 6.9: an empty leaf is [null].
            yield name, True if value == [None] else tuple(value) if isinstance(value, list) else value


def decode_trace(security: Node) -> Trace:
    """Raises ConfigError."""
    options = security.child("applianced-alg:alg").child("traceoptions")
    file = options.child("file")
    default = Trace()
    return Trace(
        file=file.text("filename"),
        size=_size(file) if file.has("size") else default.size,
        files=file.number("files") if file.has("files") else default.files,
        world_readable=file.has("world-readable"),
        match=file.text("match"),
        level=options.text("level", default.level),
    )


def _size(file: Node) -> int:
    text = file.text("size").lower()
    factor = _SUFFIXES.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    size = int(digits) * factor if digits.isascii() and digits.isdecimal() and len(digits) < 12 else 0
    low, high = TRACE_SIZES
    return size if low <= size <= high else fail(f"{file.path}/size", "a trace file has between 10k and 1g octets")
