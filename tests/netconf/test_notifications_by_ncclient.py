"""Notifications as a client receives them that nobody here wrote, from the process as it is started."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from ncclient.operations import RPCError

from tests.netconf.test_management import APPLICATION, SYSTEM, serving
from tests.support.until import until

BASE = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
CHANGE = f'<netconf-config-change xmlns="{BASE}"/>'
OURS = "urn:applianced:yang:notifications"
OFFER_RSA = (
    '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><system xmlns="urn:applianced:yang:system"><services>'
    "<netconf><ssh><hostkey-algorithm-list>rsa</hostkey-algorithm-list></ssh></netconf></services></system></config>"
)
REPLACE_RSA = (
    '<regenerate-ssh-host-key xmlns="urn:applianced:yang:state"><algorithm>rsa</algorithm></regenerate-ssh-host-key>'
)


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


def test_an_alarm_is_told_of_when_it_is_raised_and_when_it_is_over(tmp_path: Path, keys: Path) -> None:
    """A host key that proves damaged when it is first offered, and is replaced."""
    with serving(tmp_path, keys) as (_, session):
        session.create_subscription(filter=("xpath", ({"n": OURS}, "/n:alarm-raised|/n:alarm-cleared")))
        (tmp_path / "host-keys" / "ssh-rsa").write_text("nonsense")
        session.edit_config(target="candidate", config=OFFER_RSA)
        session.commit()
        raised = next_event(session)
        told = {name(leaf): str(leaf.text) for leaf in raised}
        assert raised.tag == f"{{{OURS}}}alarm-raised"
        assert (told["id"], told["severity"]) == ("host-key", "major")
        assert told["text"].startswith("the rsa host key was damaged (")
        assert told["text"].endswith("), it is in ssh-rsa.damaged: clients see a new one")
        assert abs(datetime.fromisoformat(told["time"]) - datetime.now(UTC)) < timedelta(seconds=30)
        assert standing_alarms(session) == [told]
        offered = "<host-key><algorithm>rsa</algorithm>"
        until(lambda: offered in session.get(filter=SYSTEM).xml, 30, what="a new key is on offer")
        session.dispatch(etree.fromstring(REPLACE_RSA))
        cleared = next_event(session)
        assert cleared.tag == f"{{{OURS}}}alarm-cleared"
        assert {name(leaf): leaf.text for leaf in cleared} == told, "what it was, and since when"
        assert standing_alarms(session) == []
        # Neither was told twice.
        assert session.take_notification(block=False) is None


def standing_alarms(session: Any) -> list[dict[str, str]]:
    """Those that <get> shows."""
    shown = etree.fromstring(session.get(filter=SYSTEM).xml.encode())
    return [{name(leaf): str(leaf.text) for leaf in alarm} for alarm in shown.iter("{*}alarm")]
