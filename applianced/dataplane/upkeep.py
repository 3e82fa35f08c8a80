"""The workers as they are, their replacement, and what the agent can tell somebody who looks for a fault."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from applianced.compiler.marks import CONTROL, DATA, GATES_TABLE, OFFLOAD_TABLE, POLICY_TABLE
from applianced.dataplane.books import Operation
from applianced.dataplane.channel import Message
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.eventlog import TRACE_DIRECTORY
from applianced.dataplane.host import read, run
from applianced.dataplane.workers import Workers
from applianced.errors import DataplaneError
from applianced.model.tuples import PROTOCOL_NAMES
from applianced.recentlog import recent

LISTING_S = 2.0
"""A listing of a table begins again with each transaction of a busy worker: it gets so long."""
MEMBER_MAX = 1 << 20
"""Octets of one part of a diagnosis."""
TRACES_MAX = 4
CONNECTIONS_MAX = 100_000
_SYSCTLS = (
    "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_buckets",
    "net/netfilter/nf_conntrack_acct", "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_established", "net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding",
)  # fmt: skip


class Upkeep:
    """state_dir: the agent's files. applied: the plan in force, None before the first. prepared: what workers were told
    of plans that may come into force any moment."""

    def __init__(
        self,
        conntrack: Conntrack,
        workers: Workers,
        state_dir: Path,
        applied: Callable[[], Message | None],
        prepared: Callable[[], Iterable[Message]],
    ) -> None:
        self._conntrack = conntrack
        self._workers = workers
        self._state_dir = state_dir
        self._applied = applied
        self._prepared = prepared

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {"workers": self._states, "restart-worker": self._restart, "diagnose": self._diagnose}

    def _states(self, _: Message) -> Message:
        """Each worker as the state shows it."""
        applied = self._applied()
        answers = self._workers.tell_all({"op": "resources"})
        sessions = {worker.number: answer["used"]["control-sessions"] for worker, answer in answers}
        # Only now: one that does not tell its part is replaced.
        states = self._workers.state(int(applied["generation"]) if applied else 0)
        return {"workers": [{**state, "sessions": sessions.get(state["queue"], 0)} for state in states]}

    def _restart(self, request: Message) -> Message:
        """Replace the worker of a queue; what the next one has taken up."""
        replaced = self._workers.restart(int(request["queue"]))
        for settings in self._prepared():
            # A commit that is under way goes on with the new one.
            self._workers.tell(replaced.worker, {"op": "prepare", **settings})
        used = self._workers.tell(replaced.worker, {"op": "resources"})["used"]
        had = replaced.before.get("control-sessions", used["control-sessions"])
        return {
            "former-pid": replaced.former,
            "pid": replaced.worker.pid,
            "graceful": replaced.graceful,
            "control-sessions": used["control-sessions"],
            "gates": used["gates"],
            "lost": max(0, had - used["control-sessions"]),
            "milliseconds": round(replaced.unread_s * 1000),
        }

    # ----- for a support bundle

    def _diagnose(self, _: Message) -> Message:
        """Texts by the name of a file, each bounded; and what could not be had."""
        files: dict[str, str] = {}
        missing: list[str] = []
        parts: dict[str, Callable[[], str]] = {
            "kernel/versions.txt": _versions,
            "kernel/sysctls.txt": _sysctls,
            "kernel/gates.nft": lambda: _listed(GATES_TABLE),
            "kernel/rules.nft": lambda: _listed(POLICY_TABLE),
            "kernel/rules-as-loaded.nft": self._loaded,
            "kernel/connections.txt": self._connections,
            "logs/dataplane.log": recent,
        }
        if (self._applied() or {}).get("offload", {}).get("policies"):
            parts["kernel/fastpath.nft"] = lambda: _listed(OFFLOAD_TABLE)
        for name, part in parts.items():
            try:
                files[name] = _end_of(part())
            except (DataplaneError, OSError, ValueError) as error:
                missing.append(f"{name}: {error}")
        files |= {f"logs/{TRACE_DIRECTORY}/{path.name}": text for path, text in self._traces(missing)}
        return {"files": files, "missing": missing}

    def _loaded(self) -> str:
        applied = self._applied()
        return str(applied["ruleset"]) if applied else ""

    def _traces(self, missing: list[str]) -> Iterator[tuple[Path, str]]:
        """The ends of the latest trace files."""
        try:
            files = [path for path in (self._state_dir / TRACE_DIRECTORY).iterdir() if path.is_file()]
            files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            return
        for path in files[:TRACES_MAX]:
            try:
                with path.open("rb") as file:
                    file.seek(max(0, path.stat().st_size - MEMBER_MAX))
                    yield path, file.read(MEMBER_MAX).decode("utf-8", "replace")
            except OSError as error:
                missing.append(f"{path.name}: {error.strerror}")

    def _connections(self) -> str:
        """How many entries of each kind connection tracking has."""
        kinds: Counter[str] = Counter()
        for entry in islice(self._conntrack.marked(0, 0), CONNECTIONS_MAX):
            kind = "control" if entry.mark & CONTROL else "data" if entry.mark & DATA else "other"
            protocol = entry.translation.original.protocol
            state = entry.state if entry.state != "none" else "-"
            kinds[f"{PROTOCOL_NAMES.get(protocol, protocol)} {state} {kind} policy {entry.policy}"] += 1
        counted = sum(kinds.values())
        lines = [f"{count:8} {kind}" for kind, count in kinds.most_common()]
        more = " (there are more)" if counted == CONNECTIONS_MAX else ""
        return "\n".join([f"{counted:8} entries counted{more}", *lines]) + "\n"


def _versions() -> str:
    uname = platform.uname()
    return f"{uname.system} {uname.release} {uname.version} {uname.machine}\n{run(['nft', '--version'])}"


def _sysctls() -> str:
    lines = []
    for name in _SYSCTLS:
        try:
            lines.append(f"{name} = {read(f'/proc/sys/{name}')}")
        except OSError as error:
            lines.append(f"{name}: {error.strerror}")
    return "\n".join(lines) + "\n"


def _listed(table: str) -> str:
    return run(["nft", "list", "table", "inet", table], timeout_s=LISTING_S)


def _end_of(text: str) -> str:
    """The text, or its end when it is too long."""
    if len(text) <= MEMBER_MAX:
        return text
    return f"[{len(text) - MEMBER_MAX} characters left out]\n{text[-MEMBER_MAX:]}"
