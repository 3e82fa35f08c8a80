"""Events that workers tell of, with the names that only the agent knows: policy, zones, application."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from applianced.dataplane.channel import Message, flow_of
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.naming import UNKNOWN, Logged, Naming
from applianced.model.tuples import FlowTuple, text

REMEMBERED = 4096
"""Control sessions whose policy is remembered; their last events come when conntrack has forgotten them."""


class AlgLog:
    """Writes workers' events to `log`."""

    def __init__(self, log: EventLog, conntrack: Conntrack) -> None:
        self._log = log
        self._conntrack = conntrack
        self._naming = Naming({})
        self._policies: OrderedDict[FlowTuple, Logged] = OrderedDict()

    def configure(self, plan: Message) -> None:
        """The plan in force. Sessions under way keep the policy that admitted them."""
        self._naming = Naming(plan)

    def take(self, message: Message) -> None:
        """Events of a worker, as reporter.EventReporter.take makes them. Raises KeyError, TypeError, ValueError."""
        for event in message.get("events", ()):
            self._log.write(str(event["event"]), self._fields(event))
        if message.get("lost"):
            self._log.write("events-lost", {"count": int(message["lost"])})

    def _fields(self, event: Message) -> dict[str, Any]:
        flow = flow_of(event["flow"])
        policy = self._policy(flow)
        return {
            "time": float(event["time"]),
            "alg": str(event["alg"]),
            "source-address": text(flow.source.address),
            "source-port": flow.source.port,
            "destination-address": text(flow.destination.address),
            "destination-port": flow.destination.port,
            "service-name": self._naming.application(flow.protocol, flow.destination.port) or "None",
            "protocol-id": flow.protocol,
            "policy-name": policy.name,
            "source-zone-name": policy.from_zone or UNKNOWN,
            "destination-zone-name": policy.to_zone or UNKNOWN,
            "application": str(event["alg"]).upper(),
            **{str(name): value for name, value in event["more"].items()},
        }

    def _policy(self, flow: FlowTuple) -> Logged:
        """Asked of conntrack once per session."""
        known = self._policies.get(flow)
        if known is None:
            entry = self._conntrack.lookup(flow)
            if entry is None:
                return Logged(UNKNOWN)
            known = self._policies[flow] = self._naming.policy(entry.policy)
            if len(self._policies) > REMEMBERED:
                self._policies.popitem(last=False)
        return known
