"""The dataplane's messages as notifications: each fits the model."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from applianced.config.notifications import DATAPLANE, NotificationSettings, Told
from applianced.dataplane.channel import Decoder, encode
from applianced.dataplane.reporter import _gate
from applianced.datastore.native import Form
from applianced.datastore.notification import notification
from applianced.model.tuples import ESP, Endpoint, packed
from applianced.northbound.events import Event, Events
from applianced.supervisor.happenings import DataplaneEvents, content, pass_on
from tests.support.until import eventually
from tests.unit.dataplane.test_reporter import gate
from tests.yang.models import shipped

CONTROL = {
    "alg": "ftp", "source-address": "10.0.0.1", "source-port": 1, "destination-address": "2001:db8::1",
    "destination-port": 21, "service-name": "junos-ftp", "protocol-id": 6, "policy-name": "p",
    "source-zone-name": "a", "destination-zone-name": "b", "application": "FTP",
}  # fmt: skip
FIELDS: dict[str, dict[str, Any]] = {
    "gate-opened": {**CONTROL, **_gate(gate())},
    "gate-closed": {**CONTROL, **_gate(gate())},
    "gate-refused": {**CONTROL, "reason": "PORT 1,2,3,4,5,6"},
    "violation": {**CONTROL, "event": "bounce", "description": "what it counts", "detail": "PORT \x07\x00\udcff"},
    "worker-down": {"worker": 1, "pid": 77, "status": 9, "reason": "died"},
    "worker-up": {"worker": 1, "pid": 78, "restarts": 2, "reason": "requested"},
}


@pytest.mark.parametrize("name", DATAPLANE)
def test_every_event_fits_the_model(name: str) -> None:
    shown = content(name, FIELDS[name])
    with notification(shipped(), f"applianced-notifications:{name}", shown) as tree:
        written = json.loads(tree.render(Form.JSON))[f"applianced-notifications:{name}"]
    assert set(written) == set(shown)
    assert not {"event", "service-name", "policy-name"} & set(written)


def test_a_gate_for_esp_has_an_spi() -> None:
    opened = replace(gate(), protocol=ESP, inside=Endpoint(packed("10.0.0.1"), 0xA1B2C3D4))
    shown = content("gate-opened", {**CONTROL, **_gate(opened)})
    assert (shown["spi"], shown["gate-protocol"]) == (0xA1B2C3D4, "esp")
    with notification(shipped(), "applianced-notifications:gate-opened", shown) as tree:
        assert "inside-port" not in json.loads(tree.render(Form.JSON))["applianced-notifications:gate-opened"]
    awaiting = content("gate-opened", {**CONTROL, **_gate(replace(opened, inside=Endpoint(packed("10.0.0.1"), 0)))})
    assert "spi" not in awaiting


def test_what_is_not_known_is_absent() -> None:
    unknown = {"service-name": "None", "policy-name": "N/A", "source-zone-name": "N/A", "destination-zone-name": "N/A"}
    shown = content("gate-refused", {**CONTROL, **unknown, "reason": "x"})
    assert not {"application", "policy", "from-zone", "to-zone"} & set(shown)
    assert shown["protocol"] == "tcp"


def test_the_agent_is_heard_again_after_it_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    on = {name: Told() for name in DATAPLANE}

    async def play() -> None:
        events, told = Events(lambda: NotificationSettings(events=on)), list[Event]()
        events.follow(told.append)
        connections: list[asyncio.StreamWriter] = []

        async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            (request,) = Decoder().feed(await reader.read(1000))
            assert request == {"op": "follow-events"}
            writer.write(encode({"ok": True}))
            connections.append(writer)

        following = asyncio.create_task(DataplaneEvents(path).follow(events))
        for number in range(2):
            server = await asyncio.start_unix_server(agent, path)
            await eventually(lambda number=number: len(connections) == number + 1)
            message = {"event": "worker-up", "time": 5.0, "fields": {"worker": number, "pid": 1, "restarts": 1}}
            for each in ({"event": "frob", "time": 1, "fields": {}}, message, {"suppressed": {"violation": 3}},
                         {"lost": 2}):  # fmt: skip
                connections[-1].write(encode(each))
            await eventually(lambda number=number: len(told) == 3 * (number + 1))
            connections[-1].close()
            server.close()
            path.unlink(missing_ok=True)
        following.cancel()
        assert [event.content for event in told[3:]] == [
            {"queue": 1, "pid": 1, "restarts": 1},
            {"event": "violation", "count": "3"},
            {"count": "2"},
        ]
        assert told[3].time_s == 5.0

    asyncio.run(play())


def test_nonsense_is_said_to_be_that() -> None:
    with pytest.raises(KeyError):
        pass_on({"event": "frob", "time": 1, "fields": {}}, Events(NotificationSettings))
