"""What the appliance tells of, and how much of it is kept (`system services netconf notification`).

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Told(NamedTuple):
    """Whether an event is told, and how many of them a second; rate 0: any number."""

    on: bool = True
    rate: int = 0


DATAPLANE: Mapping[str, Told] = MappingProxyType(
    {
        "gate-opened": Told(on=False, rate=10),
        "gate-closed": Told(on=False, rate=10),
        "gate-refused": Told(on=False, rate=10),
        "violation": Told(on=False, rate=10),
        "worker-down": Told(),
        "worker-up": Told(),
    }
)
"""Events of the dataplane, as they are unless the configuration says otherwise."""

EVENTS: Mapping[str, Told] = MappingProxyType(
    {
        "netconf-config-change": Told(),
        "netconf-capability-change": Told(),
        "netconf-session-start": Told(),
        "netconf-session-end": Told(),
        "netconf-confirmed-commit": Told(),
        "login-failure": Told(rate=10),
        **DATAPLANE,
        "alarm-raised": Told(),
        "alarm-cleared": Told(),
    }
)
"""Every event that has a switch, by the name of its notification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSettings:
    """Names follow the leaves; sizes in octets. events: those for which the configuration says something."""

    replay_log_count: int = 1000
    replay_log_size: int = 1048576
    queue_count: int = 1000
    queue_size: int = 1048576
    events: Mapping[str, Told] = field(default_factory=dict)

    def told(self, event: str) -> Told:
        """What counts for an event; one that has no switch is always told."""
        return self.events.get(event) or EVENTS.get(event, Told())

    def dataplane(self) -> dict[str, int]:
        """The events that the dataplane is to tell of -> how many a second, 0 for any number."""
        settings = {event: self.told(event) for event in DATAPLANE}
        return {event: told.rate for event, told in settings.items() if told.on}
