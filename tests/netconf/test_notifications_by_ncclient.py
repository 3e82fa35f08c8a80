"""Notifications as a client receives them that nobody here wrote, from the process as it is started."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from ncclient.operations import RPCError

from tests.netconf.test_management import APPLICATION, serving
from tests.support.until import until

BASE = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
CHANGE = f'<netconf-config-change xmlns="{BASE}"/>'


def next_event(session: Any) -> etree._Element:
    """The content of the next notification."""
    notification = session.take_notification(timeout=10)
    assert notification is not None
    return etree.fromstring(notification.notification_xml.encode())[1]


def name(element: etree._Element) -> str:
    return etree.QName(element).localname


def commit(session: Any, application: str, port: int) -> None:
    session.edit_config(target="candidate", config=APPLICATION.format(application, port))
    session.commit()


def test_subscribe_commit_restart_and_replay(tmp_path: Path, keys: Path) -> None:
    begin = datetime.now(UTC) - timedelta(seconds=1)
    with serving(tmp_path, keys) as (process, session):
        for capability in ("notification:1.0", "interleave:1.0"):
            assert f"urn:ietf:params:netconf:capability:{capability}" in session.server_capabilities
        commit(session, "first", 1)
        session.create_subscription(filter=("subtree", CHANGE))
        # The session that watches goes on working.
        commit(session, "ftp-2121", 2121)
        change = next_event(session)
        assert name(change) == "netconf-config-change"
        target = change.find(f"{{{BASE}}}edit/{{{BASE}}}target")
        assert target is not None
        prefix = next(key for key, uri in target.nsmap.items() if uri == "urn:applianced:yang:applications")
        assert target.text == f"/{prefix}:applications/{prefix}:application[{prefix}:name='ftp-2121']"
        with pytest.raises(RPCError) as caught:
            session.create_subscription()
        assert caught.value.tag == "in-use"
        process.send_signal(signal.SIGTERM)
        until(lambda: process.poll() is not None, what="the end of the process")
    with serving(tmp_path, keys) as (process, session):
        stop = datetime.now(UTC) + timedelta(seconds=0.5)
        session.create_subscription(
            filter=("xpath", ({"n": BASE}, "//n:edit|//n:termination-reason")),
            start_time=begin.isoformat(),
            stop_time=stop.isoformat(),
        )
        commit(session, "ftp-2122", 2122)
        names = [name(next_event(session))]
        while names[-1] != "notificationComplete":
            names.append(name(next_event(session)))
        assert names == [
            *("netconf-config-change",) * 2,
            *("netconf-session-end", "replayComplete"),
            *("netconf-config-change", "notificationComplete"),
        ]
        session.create_subscription()
        process.kill()
        process.wait()


def test_after_a_kill_what_was_told_is_replayed(tmp_path: Path, keys: Path) -> None:
    begin = datetime.now(UTC) - timedelta(seconds=1)
    with serving(tmp_path, keys) as (process, session):
        session.create_subscription(filter=("subtree", CHANGE))
        commit(session, "first", 1)
        commit(session, "one", 2)
        assert [name(next_event(session)) for _ in range(2)] == ["netconf-config-change"] * 2
        until(lambda: "'one'" in (tmp_path / "notifications").read_text(), what="the notification is on disk")
        process.kill()
        process.wait()
    with serving(tmp_path, keys) as (_, session):
        session.create_subscription(filter=("subtree", CHANGE), start_time=begin.isoformat())
        targets = []
        while name(event := next_event(session)) != "replayComplete":
            targets += [str(target.text) for target in event.iter(f"{{{BASE}}}target")]
        assert any("'one'" in target for target in targets)
