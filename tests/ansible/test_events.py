"""The event source for ansible-rulebook, which is run without its engine: it puts events into a queue."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis.strategies import text

from tests.ansible.rehearsed import ANSIBLE
from tests.ansible.runner import COLLECTION, Controller
from tests.support.served import HOST, Served


@cache
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


def notification(inner: str) -> str:
    spaces = 'xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"'
    return f"<notification {spaces}><eventTime>2026-01-01T00:00:00Z</eventTime>{inner}</notification>"


def test_what_is_no_notification_is_no_event() -> None:
    reply = '<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>'
    assert source().event_of({"host": "gw"}, reply) is None


def test_a_notification_cannot_pass_for_another_appliance() -> None:
    said = "<alarm><host>../../etc</host><time>x</time><notification>y</notification><meta>z</meta><a>1</a></alarm>"
    assert source().event_of({"host": "gw", "name": "inventoried"}, notification(said)) == {
        "host": "gw",
        "time": "2026-01-01T00:00:00Z",
        "notification": "alarm",
        "meta": {"hosts": "inventoried"},
        "a": "1",
    }


@pytest.mark.parametrize(
    "message",
    [
        "",
        "garbage",
        "<a>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<notification/>",
        "<a>" * 100_000,
        "<a>" * 100_000 + "</a>" * 100_000,
    ],
)
def test_what_is_no_message_is_told(message: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        source().event_of({"host": "gw"}, message)


@given(text())
def test_any_text_is_an_event_or_told(message: str) -> None:
    for told in (message, notification(message)):
        with contextlib.suppress(ValueError):
            source().event_of({"host": "gw"}, told)


def test_a_refused_subscription_is_told() -> None:
    error = "<rpc-error><error-tag>invalid-value</error-tag><error-message>no such stream</error-message></rpc-error>"
    with pytest.raises(ConnectionError, match="no such stream"):
        source().event_of({"host": "gw"}, f'<rpc-reply message-id="1">{error}</rpc-reply>')


def test_arguments_without_a_host_are_told() -> None:
    for wrong in ({}, {"appliances": "gw"}, {"appliances": [{"port": 830}]}):
        with pytest.raises(ValueError, match="give one"):
            asyncio.run(source().main(asyncio.Queue(), wrong))


def fake(directory: Path, first: bytes, later: bytes) -> None:
    """An ssh, first in the path, that says this at the first login to a host, or at later ones, and stays."""
    (directory / "first").write_bytes(first)
    (directory / "later").write_bytes(later)
    program = directory / "ssh"
    lines = [
        "#!/bin/sh",
        f'eval seen="{directory}/seen-\\${{$(($# - 1))}}"',
        f'if [ -e "$seen" ]; then cat {directory}/later; else : >"$seen"; cat {directory}/first; fi',
        "exec sleep 100",
    ]
    program.write_text("\n".join([*lines, ""]))
    program.chmod(0o755)


def test_odd_messages_of_one_appliance_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first login hears an event, and then what nobody can read; the next one hears an event again."""
    good = notification("<alarm><number>1</number></alarm>").encode()
    fake(tmp_path, good + b"]]>]]>" + b"\xff<odd" + b"]]>]]>", good + b"]]>]]>")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def heard() -> list[dict[str, Any]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        arguments = {"appliances": [{"host": "one"}, {"host": "two"}], "retry": 0.05}
        listening = asyncio.create_task(source().main(queue, arguments))
        try:
            async with asyncio.timeout(30):
                return [await queue.get() for _ in range(4)]
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    assert sorted(event["host"] for event in asyncio.run(heard())) == ["one", "one", "two", "two"]
    assert "one: 'utf-8' codec can't decode" in caplog.text


def test_a_stream_that_there_is_not_is_told(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    appliance = {"host": HOST, "port": server.port, "user": "admin", "key": str(server.key)}

    async def listened() -> None:
        with pytest.raises(ConnectionError, match=r"the subscription is refused: .*toaster"):
            async with asyncio.timeout(30):
                await source().listen(asyncio.Queue(), appliance, "toaster", known)

    asyncio.run(listened())


def test_the_rulebook_names_what_there_is() -> None:
    (ruleset,) = yaml.safe_load((ANSIBLE / "rulebooks" / "notifications.yml").read_text())
    playbooks = [rule["action"]["run_playbook"]["name"] for rule in ruleset["rules"]]
    assert all((ANSIBLE / name).exists() for name in playbooks)
    assert "applianced.appliance.notifications" in ruleset["sources"][0]
