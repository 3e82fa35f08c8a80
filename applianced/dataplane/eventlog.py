"""Events of sessions and ALGs as syslog streams over UDP (RFC 5426), and as the trace file.

Messages are named as in Junos: RT_FLOW_SESSION_CREATE and so on for sessions, RT_ALG_* for ALGs. They leave from the
dataplane's namespace. Sending never waits: a receiver that is away costs nothing but its messages.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from applianced.dataplane.eventfeed import EventFeed
from applianced.dataplane.tracefile import TraceFile

FACILITY_USER = 1
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
LEVELS = ("brief", "detail", "extensive")
"""`security alg traceoptions level`: each writes what those before it do."""
TRACE_DIRECTORY = "trace"
VALUE_LIMIT = 256
"""Characters of one value in a syslog message, which shall fit into 2,048 octets (RFC 5426 3.2)."""
ENTERPRISE = "applianced@32473"
"""Structured data ID under the private enterprise number that RFC 5612 reserves for examples."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPECIAL = re.compile(r'(["\\\]])')
_SENDERS = {"flow": "RT_FLOW", "alg": "RT_ALG", "system": "applianced"}


class Kind(NamedTuple):
    """A kind of event.

    streamed: sent to syslog streams. level: the least trace level that writes it, "" when no trace does.
    """

    name: str
    category: str
    severity: str
    streamed: bool = True
    level: str = ""


KINDS = {
    "session-create": Kind("RT_FLOW_SESSION_CREATE", "flow", "info"),
    "session-close": Kind("RT_FLOW_SESSION_CLOSE", "flow", "info"),
    "session-deny": Kind("RT_FLOW_SESSION_DENY", "flow", "info"),
    "sessions-lost": Kind("RT_FLOW_EVENTS_LOST", "flow", "warning"),
    "gate-opened": Kind("RT_ALG_GATE_OPEN", "alg", "info", level="extensive"),
    "gate-closed": Kind("RT_ALG_GATE_CLOSE", "alg", "info", level="extensive"),
    "gate-refused": Kind("RT_ALG_GATE_REFUSED", "alg", "warning", level="brief"),
    "violation": Kind("RT_ALG_VIOLATION", "alg", "warning", level="brief"),
    "noted": Kind("RT_ALG_EVENT", "alg", "info", streamed=False, level="brief"),
    "rewritten": Kind("RT_ALG_REWRITE", "alg", "info", streamed=False, level="detail"),
    "events-lost": Kind("RT_ALG_EVENTS_LOST", "alg", "warning", level="brief"),
    "tables-lost": Kind("APPLIANCE_TABLES_LOST", "system", "error"),
    "worker-down": Kind("APPLIANCE_WORKER_DOWN", "system", "error"),
    "worker-up": Kind("APPLIANCE_WORKER_UP", "system", "notice"),
}
"""Every event that may be written. The category "system" goes to streams that take all of them."""


def traces(kind: str, level: str) -> bool:
    """Whether a trace of this level writes events of this kind."""
    least = KINDS[kind].level
    return bool(least) and LEVELS.index(least) <= LEVELS.index(level)


def wants(log: Mapping[str, Any], category: str) -> bool:
    """Whether any stream of a plan's `log` takes this category."""
    return any(not stream["categories"] or category in stream["categories"] for stream in log.get("streams", ()))


class EventLog:
    """Where events go, as configured by the plan in force."""

    def __init__(self, directory: Path) -> None:
        """directory: of the agent; trace files lie in TRACE_DIRECTORY below it."""
        self._directory = directory / TRACE_DIRECTORY
        self._streams: list[Mapping[str, Any]] = []
        self._sockets: dict[int, socket.socket] = {}
        self._source: str | None = None
        self._host = socket.gethostname()
        self._trace: TraceFile | None = None
        self._levels: dict[str, str] = {}
        self._match: re.Pattern[str] | None = None
        self.feed = EventFeed()
        """To management."""
        self.unsent = 0
        """Messages that the kernel did not take."""

    def configure(
        self,
        log: Mapping[str, Any],
        trace: Mapping[str, Any],
        traced: Mapping[str, str] | None = None,
        notified: Mapping[str, int] | None = None,
    ) -> None:
        """The `log`, `trace` and `notified` of a plan. traced: the ALGs that are traced -> level."""
        self.close()
        self.feed.configure(notified or {})
        self._streams = list(log.get("streams", ()))
        self._source = log.get("source_address")
        self._host = log.get("host_name") or socket.gethostname()
        # What belongs to no ALG is written at the level of all.
        self._levels = {**(traced or {}), "": str(trace.get("level", LEVELS[0]))}
        if trace.get("file"):
            self._match = re.compile(str(trace["match"])) if trace.get("match") else None
            self._trace = TraceFile(
                self._directory / Path(str(trace["file"])).name,
                size=int(trace["size"]),
                files=int(trace["files"]),
                world_readable=bool(trace.get("world_readable")),
            )

    def write(self, event: str, fields: Mapping[str, Any], severity: str = "") -> None:
        """One event with its fields to every stream that wants its category, and to the trace.

        event: one of KINDS. fields: by name; "time" is seconds of the wall clock, now without it; "alg" decides
        whether it is traced. severity: where it is not that of its kind.
        """
        kind = KINDS[event]
        if severity:
            kind = kind._replace(severity=severity)
        when = float(fields.get("time") or time.time())
        shown = {key: value for key, value in fields.items() if key != "time"}
        self.feed.tell(event, when, shown)
        level = self._levels.get(fields.get("alg", ""))
        if self._trace is not None and level is not None and traces(event, level):
            self._write_trace(self._trace, kind.name, when, shown)
        if kind.streamed and self._streams:
            data = " ".join(f'{key}="{_escaped(value)}"' for key, value in shown.items())
            for stream in self._streams:
                if _takes(stream, kind):
                    self._send(stream, _text(stream, kind, self._host, when, data))

    def _write_trace(self, file: TraceFile, name: str, when: float, fields: Mapping[str, Any]) -> None:
        data = " ".join(f'{key}="{_printable(str(value))}"' for key, value in fields.items())
        line = f"{_stamp(when)} {name} {data}"
        if self._match is None or self._match.search(line):
            file.write(line)

    def _send(self, stream: Mapping[str, Any], text: str) -> None:
        try:
            host = str(stream["host"])
            self._socket(host).sendto(text.encode(), (host, int(stream["port"])))
        except OSError:
            self.unsent += 1

    def _socket(self, host: str) -> socket.socket:
        """The socket of the host's address family. Raises OSError while the source address is not ours."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if family not in self._sockets:
            with contextlib.ExitStack() as undo:
                made = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                made.setblocking(False)
                if self._source and (":" in self._source) == (family == socket.AF_INET6):
                    made.bind((self._source, 0))
                undo.pop_all()
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


def _takes(stream: Mapping[str, Any], kind: Kind) -> bool:
    if stream["categories"] and kind.category not in stream["categories"]:
        return False
    least = stream["severity"]
    return not least or SEVERITIES.index(kind.severity) <= SEVERITIES.index(least)


def _text(stream: Mapping[str, Any], kind: Kind, host: str, when: float, data: str) -> str:
    """A message in the stream's format: RFC 5424 6, or RFC 3164 4.1 with its local time."""
    priority = FACILITY_USER * 8 + SEVERITIES.index(kind.severity)
    sender = _SENDERS[kind.category]
    if stream["format"] == "sd-syslog":
        content = f"[{ENTERPRISE} {data}]" if data else "-"
        return f"<{priority}>1 {_stamp(when)} {host} {sender} - {kind.name} {content}"
    local = time.localtime(when)
    stamp = f"{_MONTHS[local.tm_mon - 1]} {local.tm_mday:2} {time.strftime('%H:%M:%S', local)}"
    return f"<{priority}>{stamp} {host} {sender}: {kind.name}: {data}"


def _stamp(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _printable(value: str) -> str:
    """On one line, whatever a peer sent."""
    return value if value.isprintable() else value.encode("unicode_escape").decode("ascii")


def _escaped(value: object) -> str:
    """RFC 5424 6.3.3: backslash before quote, backslash and bracket."""
    return _SPECIAL.sub(r"\\\1", _printable(str(value))[:VALUE_LIMIT])
