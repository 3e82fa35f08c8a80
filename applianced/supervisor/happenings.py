"""What the dataplane tells of, as notifications of applianced-notifications."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from applianced.dataplane.channel import Message
from applianced.dataplane.eventclient import EventClient
from applianced.dataplane.naming import UNKNOWN
from applianced.model.tuples import PROTOCOL_NAMES
from applianced.northbound.events import OURS, Events

_CONTROL = {
    "alg": "alg",
    "source-address": "source-address",
    "source-port": "source-port",
    "destination-address": "destination-address",
    "destination-port": "destination-port",
    "policy-name": "policy",
    "source-zone-name": "from-zone",
    "destination-zone-name": "to-zone",
    "service-name": "application",
}
_GATE = {
    "gate": "number",
    "reason": "reason",
    "peer-address": "peer-address",
    "inside-address": "inside-address",
    "inside-port": "inside-port",
    "outside-address": "outside-address",
    "outside-port": "outside-port",
    "spi": "spi",
}
_LEAVES: Mapping[str, Mapping[str, str]] = {
    "gate-opened": _CONTROL | _GATE,
    "gate-closed": _CONTROL | _GATE,
    "gate-refused": _CONTROL | {"reason": "reason"},
    "violation": _CONTROL | {"event": "rule", "description": "description", "detail": "detail"},
    "worker-down": {"worker": "queue", "pid": "pid", "status": "status", "reason": "reason"},
    "worker-up": {"worker": "queue", "pid": "pid", "restarts": "restarts", "reason": "reason"},
}
"""Event -> field -> leaf."""
_PROTOCOLS = {"protocol-id": "protocol", "gate-protocol-id": "gate-protocol"}
_NOTHING = frozenset((UNKNOWN, "None", "any", ""))
"""What the log says for what is not known; a leaf that has no value is absent."""


class DataplaneEvents:
    """northbound.events.Source."""

    def __init__(self, socket: Path) -> None:
        """socket: the agent's."""
        self._client = EventClient(socket)

    async def follow(self, events: Events) -> None:
        """Tell what the dataplane tells, until cancelled."""
        await self._client.follow(lambda message: pass_on(message, events))


def pass_on(message: Message, events: Events) -> None:
    """One message of the dataplane. Raises ValueError, KeyError or TypeError for what it would not say."""
    if "event" in message:
        name = str(message["event"])
        events.tell(OURS, name, content(name, message["fields"]), float(message["time"]))
    for name, count in message.get("suppressed", {}).items():
        events.suppressed(name, int(count))
    if message.get("lost"):
        events.suppressed("", int(message["lost"]))


def content(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of an event as RFC 7951 JSON values. Raises KeyError for an event that is not told."""
    found = {leaf: fields[field] for field, leaf in _LEAVES[name].items() if fields.get(field, "") not in _NOTHING}
    for field, leaf in _PROTOCOLS.items():
        if field in fields:
            found[leaf] = PROTOCOL_NAMES.get(int(fields[field]), str(fields[field]))
    return found
