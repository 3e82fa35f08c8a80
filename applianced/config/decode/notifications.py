"""`system services netconf notification`."""

from __future__ import annotations

from applianced.config.decode.node import Node
from applianced.config.notifications import EVENTS, NotificationSettings, Told

_NUMBERS = ("replay-log-count", "replay-log-size", "queue-count", "queue-size")


def decode_notifications(netconf: Node) -> NotificationSettings:
    """What the container says; the rest as by default. Raises ConfigError."""
    notification = netconf.child("notification")
    given = {leaf.replace("-", "_"): notification.number(leaf) for leaf in _NUMBERS if notification.has(leaf)}
    events = {entry.text("name"): _told(entry) for entry in notification.entries("event")}
    return NotificationSettings(**given, events=events)


def _told(entry: Node) -> Told:
    usual = EVENTS.get(entry.text("name"), Told())
    on = entry.has("enable") or (usual.on and not entry.has("disable"))
    return Told(on, entry.number("rate-limit") if entry.has("rate-limit") else usual.rate)
