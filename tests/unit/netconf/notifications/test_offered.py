"""netconf-capability-change: told when a hello would say something else."""

from __future__ import annotations

import asyncio

from applianced.config.notifications import NotificationSettings
from applianced.config.schema import Config
from applianced.netconf.notifications.offered import CapabilityWatch
from applianced.northbound.events import Event, Events


def test_what_is_new_what_is_gone_and_what_is_other() -> None:
    async def play() -> None:
        told: list[Event] = []
        events = Events(NotificationSettings)
        events.follow(told.append)
        announced = ["urn:a", "urn:b?x=1", "urn:c"]
        watch = CapabilityWatch(events, lambda: announced, lambda: {"changed-by": {"server": [None]}})
        watch.changed(Config())
        assert not told
        announced[1:] = ["urn:b?x=2", "urn:d"]
        watch.changed(Config())
        watch.changed(Config())
        assert [event.content for event in told] == [
            {
                "changed-by": {"server": [None]},
                "added-capability": ["urn:d"],
                "deleted-capability": ["urn:c"],
                "modified-capability": ["urn:b?x=2"],
            }
        ]

    asyncio.run(play())
