"""The event source for ansible-rulebook, which is run without its engine: it puts events into a queue."""

from __future__ import annotations

import asyncio
import importlib.util
from types import ModuleType
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.ansible.rehearsed import ANSIBLE
from tests.ansible.runner import COLLECTION, Controller
from tests.support.served import HOST, Served


def source() -> ModuleType:
    path = COLLECTION / "extensions" / "eda" / "plugins" / "event_source" / "notifications.py"
    spec = importlib.util.spec_from_file_location("notifications", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_commit_is_an_event(server: Served, operator: Controller) -> None:
    async def first() -> dict[str, Any]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        appliance = {"host": HOST, "port": server.port, "user": "admin", "key": str(server.key)}
        listening = asyncio.create_task(source().main(queue, {"appliances": [appliance], "ssh_args": known}))
        try:
            async with asyncio.timeout(30):
                for number in range(1000):
                    # The first ones may come before the subscription.
                    await asyncio.to_thread(operator.ok, "system", config={"host_name": f"gw{number}"})
                    try:
                        return await asyncio.wait_for(queue.get(), 0.5)
                    except TimeoutError:
                        continue
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        raise AssertionError

    event = asyncio.run(first())
    assert event["notification"] == "netconf-config-change"
    assert event["host"] == HOST
    assert event["changed-by"]["username"] == "admin"


def test_what_is_no_notification_is_no_event() -> None:
    assert (
        source().event_of("gw", '<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>') is None
    )


def test_the_rulebook_names_what_there_is() -> None:
    (ruleset,) = yaml.safe_load((ANSIBLE / "rulebooks" / "notifications.yml").read_text())
    playbooks = [rule["action"]["run_playbook"]["name"] for rule in ruleset["rules"]]
    assert all((ANSIBLE / name).exists() for name in playbooks)
    assert "applianced.appliance.notifications" in ruleset["sources"][0]
