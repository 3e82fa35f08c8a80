"""Operational state: what <get> shows beside the configuration (RFC 6241 7.7, RFC 7950 3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.persist import Commit
from applianced.datastore.rescue import Saved
from applianced.datastore.tree import Tree
from applianced.model.times import date_and_time
from applianced.northbound.access import DeniedCounters
from applianced.northbound.alarms import Alarm
from applianced.northbound.bundles import Bundle
from applianced.northbound.confirming import Pending
from applianced.northbound.recording import Unchanged

Wanted = Callable[[str], bool]
"""Whether what is below a container can be in the answer; the container by its path as RFC 7951 names it, such as
"applianced-security:security/flow/applianced-state:workers". What cannot is not worth being found out."""


def everything(_: str) -> bool:
    """Wanted by whoever asks for all."""
    return True


class StateProvider(Protocol):
    """Whoever knows what the appliance is doing (the dataplane's agent)."""

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        """Operational data as RFC 7951 JSON values, {} when there is none; what is not wanted may be left out. Raises
        ApplianceError."""
        ...

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out an RPC of ours. name: "module:rpc". arguments: its input, and the result its output, as RFC 7951
        JSON values without the module's name. Raises ApplianceError."""
        ...


@dataclass(slots=True)
class SessionCounters:
    """Of one session (RFC 6022 2.1.4)."""

    in_rpcs: int = 0
    in_bad_rpcs: int = 0
    out_rpc_errors: int = 0
    out_notifications: int = 0


@dataclass(slots=True)
class NetconfCounters(SessionCounters):
    """Of all sessions since the start of management (RFC 6022 2.1.5). start_s: wall clock."""

    in_sessions: int = 0
    dropped_sessions: int = 0
    in_bad_hellos: int = 0
    notifications_lost: int = 0
    login_failures: int = 0
    logins_delayed: int = 0
    lockouts: int = 0
    connections_refused: int = 0
    logins_abandoned: int = 0
    key_exchange_failures: int = 0
    sessions_refused: int = 0
    private_candidates_refused: int = 0
    sessions_timed_out: int = 0
    sessions_out_of_memory: int = 0
    start_s: float = field(default_factory=time.time)


_STATISTICS = (
    "in_sessions",
    "dropped_sessions",
    "in_rpcs",
    "in_bad_rpcs",
    "out_rpc_errors",
    "out_notifications",
    "notifications_lost",
    "login_failures",
    "logins_delayed",
    "lockouts",
    "connections_refused",
    "logins_abandoned",
    "key_exchange_failures",
    "sessions_refused",
    "private_candidates_refused",
    "sessions_timed_out",
    "sessions_out_of_memory",
)
"""Those that applianced-state shows."""


class Operational:
    """Running configuration and state seen as one set of top-level nodes.

    Only those parts of the configuration that have state below them are copied. To be closed, after which `roots` are
    gone; the running tree must live as long.
    """

    def __init__(self, models: Models, roots: Sequence[native.Node], state: Tree) -> None:
        """roots: the top-level nodes of the running datastore. `state` is used up."""
        shown = {native.identity(native.schema_of(root)) for root in state.roots()}
        both = [root for root in roots if native.identity(native.schema_of(root)) in shown]
        self._merged = Tree(models)
        self._merged.adopt(both)
        self._merged.merge(state)
        self._plain = [root for root in roots if root not in both]
        self.roots = [*self._plain, *self._merged.roots()]

    def complete(self) -> None:
        """Add the defaults of the state."""
        for root in self._merged.roots():
            native.complete_below(self._merged.models.context, root)

    def restrict(self, prune: Callable[[Tree], None]) -> None:
        """Take out of the state what may not be shown; of the configuration that was done before."""
        prune(self._merged)
        self.roots = [*self._plain, *self._merged.roots()]

    def one_tree(self, beside: Tree) -> Tree:
        """A copy of everything with all of `beside`, as one tree, for whoever must see the whole at once."""
        tree = Tree(self._merged.models)
        tree.adopt([*self.roots, *beside.roots()])
        return tree

    def close(self) -> None:
        self._merged.close()
        self.roots = []


def management_state(
    commits: list[Commit],
    pending: Pending | None,
    rescue: Saved | None,
    unchanged: Unchanged | None,
    alarms: list[Alarm],
    netconf: NetconfCounters,
) -> Mapping[str, Any]:
    """Commits, newest first, what awaits its confirmation, what was saved for a rescue, commits that changed nothing,
    alarms and counters in the shape of applianced-state."""
    awaiting = {"awaiting-confirmation": _awaiting(pending, commits)} if pending else {}
    saved = {"rescue": _saved(rescue)} if rescue else {}
    idle = {"unchanged": _unchanged(unchanged)} if unchanged else {}
    entries = [_commit(index, commit) for index, commit in enumerate(commits)]
    raised = [
        {"id": alarm.id, "severity": alarm.severity.value, "text": alarm.text, "time": timestamp(alarm.time_s)}
        for alarm in alarms
    ]
    statistics = {name.replace("_", "-"): getattr(netconf, name) % 2**32 for name in _STATISTICS}
    below = {
        "applianced-state:commits": {**awaiting, **saved, **idle, "commit": entries},
        "applianced-state:alarms": {"alarm": raised},
        "services": {"netconf": {"applianced-state:statistics": statistics}},
    }
    return {"applianced-system:system": below}


def access_state(denied: DeniedCounters) -> Mapping[str, Any]:
    """The counters of ietf-netconf-acm."""
    counted = {
        "denied-operations": denied.operations % 2**32,
        "denied-data-writes": denied.data_writes % 2**32,
        "denied-notifications": denied.notifications % 2**32,
    }
    return {"ietf-netconf-acm:nacm": counted}


def bundle_state(bundles: Sequence[Bundle]) -> Mapping[str, Any]:
    """Support bundles in the shape of applianced-state."""
    entries = [bundle_entry(bundle) for bundle in bundles]
    return {"applianced-system:system": {"applianced-state:support-bundles": {"support-bundle": entries}}}


def bundle_entry(bundle: Bundle) -> dict[str, Any]:
    """A support bundle in the shape of applianced-records."""
    return {"name": bundle.name, "size": str(bundle.size), "created": timestamp(bundle.made_s)}


def timestamp(time_s: float) -> str:
    """yang:date-and-time of a wall clock time."""
    return date_and_time(time_s)


def _awaiting(pending: Pending, commits: list[Commit]) -> dict[str, Any]:
    return {
        **({"id": str(commits[0].number)} if commits else {}),
        "rollback-to": str(pending.base),
        **({"session-id": pending.session} if pending.session else {}),
        "persistent": pending.persist is not None,
        "deadline": timestamp(pending.deadline_s),
        "overdue": pending.overdue,
    }


def _unchanged(unchanged: Unchanged) -> dict[str, Any]:
    return {
        "count": unchanged.count % 2**32,
        "time": timestamp(unchanged.time_s),
        "user": unchanged.author.user,
        "client": unchanged.author.source,
    }


def _saved(rescue: Saved) -> dict[str, Any]:
    return {
        "id": str(rescue.number),
        "time": timestamp(rescue.time_s),
        "user": rescue.user,
        "client": rescue.source,
    }


def _commit(index: int, commit: Commit) -> dict[str, Any]:
    return {
        "index": index,
        "id": str(commit.number),
        "time": timestamp(commit.time_s),
        "user": commit.user,
        "client": commit.source,
        **({"comment": commit.comment} if commit.comment else {}),
    }
