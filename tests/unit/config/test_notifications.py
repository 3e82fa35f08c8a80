"""What is told: the table in Python is that of the model, and every leaf arrives."""

from __future__ import annotations

import re
from typing import Any

from applianced.config.decode import decode
from applianced.config.notifications import DATAPLANE, EVENTS, NotificationSettings, Told
from tests.yang.models import YANG, refusal, validated

SYSTEM = "applianced-system:system"
ENUM = re.compile(r'enum ([\w-]+) \{\s+description\s+"([^"]*)"', re.DOTALL)


def _data(notification: dict[str, Any]) -> dict[str, Any]:
    return {SYSTEM: {"services": {"netconf": {"notification": notification}}}}


def decoded(notification: dict[str, Any]) -> NotificationSettings:
    validated(_data(notification))
    return decode(_data(notification)).system.netconf.notifications


def test_the_model_says_what_counts_for_each_event() -> None:
    text = (YANG / "applianced-notifications.yang").read_text()
    _, _, enumeration = text.partition("typedef event-name")
    described = dict(ENUM.findall(enumeration.partition("typedef alarm-severity")[0]))
    assert set(described) == set(EVENTS)
    for name, told in EVENTS.items():
        words = " ".join(described[name].split())
        usual = ("On" if told.on else "Off") + (f"; {told.rate} a second." if told.rate else ".")
        assert words.endswith(f" {usual}"), name
    assert all(f"notification {name} {{" in text for name in EVENTS if not name.startswith("netconf-"))


def test_the_defaults_are_those_of_the_schema() -> None:
    assert decode(validated(_data({}))).system.netconf.notifications == NotificationSettings()


def test_every_leaf_arrives() -> None:
    leaves = {"replay-log-count": 1, "replay-log-size": 65536, "queue-count": 2, "queue-size": 65537}
    events = [
        {"name": "gate-opened", "enable": [None]},
        {"name": "violation", "enable": [None], "rate-limit": 7},
        {"name": "worker-up", "disable": [None]},
        {"name": "gate-closed", "rate-limit": 3},
        {"name": "login-failure", "rate-limit": 4},
    ]
    found = decoded({**leaves, "event": events})
    assert (found.replay_log_count, found.replay_log_size, found.queue_count, found.queue_size) == (1, 65536, 2, 65537)
    assert found.told("gate-opened") == Told(on=True, rate=10)
    assert found.told("gate-closed") == Told(on=False, rate=3)
    assert found.told("login-failure") == Told(on=True, rate=4)
    assert found.told("alarm-raised") == Told()
    assert found.dataplane() == {"gate-opened": 10, "violation": 7, "worker-down": 0}


def test_without_configuration_the_dataplane_tells_of_workers_alone() -> None:
    assert NotificationSettings().dataplane() == {"worker-down": 0, "worker-up": 0}
    assert set(DATAPLANE) < set(EVENTS)


def test_an_event_is_on_or_off_and_has_a_name() -> None:
    assert "frob" in refusal(_data({"event": [{"name": "frob"}]})).message
    both = [{"name": "violation", "enable": [None], "disable": [None]}]
    assert 'both cases "enable" and "disable"' in refusal(_data({"event": both})).message
