"""Events of sessions and ALGs as syslog streams (RFC 5424 over UDP), and as the trace file.

Messages are named as in Junos: RT_FLOW_SESSION_CREATE and so on for sessions, RT_ALG_* for ALGs, with structured data.
Sending never waits: a syslog server that is away costs nothing but its messages.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

FACILITY_USER = 1
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_EVENTS = {
    "gate-opened": ("alg", "info", "RT_ALG_GATE_OPEN"),
    "gate-closed": ("alg", "info", "RT_ALG_GATE_CLOSE"),
    "gate-refused": ("alg", "warning", "RT_ALG_GATE_REFUSED"),
    "noted": ("alg", "info", "RT_ALG_EVENT"),
    "rewritten": ("alg", "info", "RT_ALG_REWRITE"),
    "events-lost": ("alg", "warning", "RT_ALG_EVENTS_LOST"),
    "worker-down": ("system", "error", "APPLIANCE_WORKER_DOWN"),
    "session-init": ("session", "info", "RT_FLOW_SESSION_CREATE"),
    "session-deny": ("session", "info", "RT_FLOW_SESSION_DENY"),
    "session-close": ("session", "info", "RT_FLOW_SESSION_CLOSE"),
}
_ENTERPRISE = "applianced@32473"
"""Structured data ID under the private enterprise number that RFC 5612 reserves for examples."""


class EventLog:
    """Where events go, as configured by the plan in force."""

    def __init__(self, directory: Path) -> None:
        """directory: where trace files lie."""
        self._streams: list[Mapping[str, Any]] = []
        self._sockets: dict[int, socket.socket] = {}
        self._source: str | None = None
        self._host = socket.gethostname()
        self._trace: logging.Handler | None = None
        self._match: re.Pattern[str] | None = None
        self._directory = directory

    def configure(self, log: Mapping[str, Any], trace: Mapping[str, Any]) -> None:
        """The `log` and `trace` of a plan."""
        self.close()
        self._streams = list(log.get("streams", ()))
        self._source = log.get("source_address")
        if trace.get("file"):
            self._open_trace(trace)

    def _open_trace(self, trace: Mapping[str, Any]) -> None:
        path = self._directory / Path(str(trace["file"])).name
        with contextlib.suppress(OSError):
            handler = RotatingFileHandler(path, maxBytes=int(trace["size"]), backupCount=int(trace["files"]) - 1)
            path.chmod(0o644 if trace.get("world_readable") else 0o640)
            self._trace = handler
            self._match = re.compile(str(trace["match"])) if trace.get("match") else None

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        """One event with its fields to every stream that wants its category, and to the trace."""
        category, severity, name = _EVENTS.get(event, ("alg", "info", event.upper()))
        data = " ".join(f'{key}="{_escaped(value)}"' for key, value in fields.items() if key != "time")
        when = datetime.fromtimestamp(float(fields.get("time", time.time())), UTC)
        if self._trace is not None and (self._match is None or self._match.search(f"{name} {data}")):
            line = f"{when.isoformat(timespec='milliseconds')} {name} {data}"
            self._trace.emit(logging.LogRecord("trace", logging.INFO, "", 0, line, None, None))
        for stream in self._streams:
            self._send(stream, category, severity, name, data, when)

    def _send(
        self, stream: Mapping[str, Any], category: str, severity: str, name: str, data: str, when: datetime
    ) -> None:
        if stream["categories"] and category not in stream["categories"]:
            return
        level = SEVERITIES.index(severity)
        if stream["severity"] in SEVERITIES and level > SEVERITIES.index(stream["severity"]):
            return
        priority = FACILITY_USER * 8 + level
        stamp = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if stream["format"] == "sd-syslog":
            text = f"<{priority}>1 {stamp} {self._host} RT_FLOW - {name} [{_ENTERPRISE} {data}]"
        else:
            text = f"<{priority}>1 {stamp} {self._host} RT_FLOW - {name} - {data}"
        with contextlib.suppress(OSError):
            self._socket(str(stream["host"])).sendto(text.encode(), (str(stream["host"]), int(stream["port"])))

    def _socket(self, host: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if family not in self._sockets:
            made = socket.socket(family, socket.SOCK_DGRAM)
            made.setblocking(False)
            if self._source and (":" in self._source) == (family == socket.AF_INET6):
                made.bind((self._source, 0))
            self._sockets[family] = made
        return self._sockets[family]

    def close(self) -> None:
        """Let go of sockets and files."""
        for made in self._sockets.values():
            made.close()
        self._sockets.clear()
        if self._trace is not None:
            self._trace.close()
            self._trace = None


def _escaped(value: object) -> str:
    """RFC 5424 6.3.3: backslash before quote, backslash and bracket."""
    return re.sub(r'(["\\\]])', r"\\\1", str(value))
