"""Notifications (RFC 5277) and NETCONF's own events (RFC 6470), over sessions that are a list of octets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from lxml import etree

from applianced.compiler.plan import Plan
from applianced.config.access import NetconfLimits
from applianced.config.notifications import NotificationSettings, Told
from applianced.config.schema import Config, System, User
from applianced.netconf.server import NetconfServer
from applianced.northbound.alarms import Severity
from applianced.northbound.inforce import Built
from applianced.northbound.recording import Author
from tests.support.netconf_session import NC, SHOP, Client, Wire, serving, tags
from tests.support.shop import PASSWORD_HASH, touch
from tests.support.ssh_endpoint import HELLO, Endpoint, Netconf
from tests.support.ssh_endpoint import run as run_ssh
from tests.support.until import eventually

NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
OURS = "urn:applianced:yang:notifications"
MANAGEMENT = "urn:ietf:params:xml:ns:netmod:notification"
BASE = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
EDIT = "<edit-config><target><candidate/></target><config>{}</config></edit-config>"
COMMIT = "<commit>{}</commit>"
ADMIN = {"username": "admin", "source-host": "192.0.2.1"}


class Received:
    """One notification as a client reads it."""

    def __init__(self, message: bytes) -> None:
        root = etree.fromstring(message)
        assert root.tag == f"{{{NOTIFICATION}}}notification"
        assert [etree.QName(child).localname for child in root][:1] == ["eventTime"]
        self.time = datetime.fromisoformat(str(root[0].text))
        self.event = root[1]
        self.name = etree.QName(root[1]).localname

    def leaves(self) -> dict[str, str | None]:
        return {etree.QName(leaf).localname: leaf.text for leaf in self.event.iter() if not len(leaf)}


def edit(inner: str) -> str:
    return EDIT.format(f'<shop xmlns="{SHOP}">{inner}</shop>')


def create(inner: str = "") -> str:
    return f'<create-subscription xmlns="{NOTIFICATION}">{inner}</create-subscription>'


async def told(client: Client) -> Received:
    return Received(await client.next())


async def told_names(client: Client, last: str) -> list[str]:
    """Names of the notifications up to the first one of a name."""
    names = [(await told(client)).name]
    while names[-1] != last:
        names.append((await told(client)).name)
    return names


class Noted:
    """A server whose settings of notifications a test may change by a commit."""

    def __init__(self, **settings: Any) -> None:
        self.limits = NetconfLimits(notifications=NotificationSettings(**settings))
        self.server: NetconfServer

    def build(self, data: Mapping[str, Any], in_force: Plan | None) -> Built:
        users = {"admin": User(name="admin", password=PASSWORD_HASH, login_class="super-user")}
        return Built(Config(system=System(users=users, netconf=self.limits)), Plan(ruleset="", chains={}, queues=1))

    async def commit(self, **changed: Any) -> None:
        settings = replace(self.limits.notifications, **changed)
        self.limits = replace(self.limits, notifications=settings)
        await self.server.configuration.amend(touch, Author("test", "test"), "")

    async def client(self, user: str = "admin") -> Client:
        client = Client(self.server)
        return await client.connected()

    async def subscriber(self, inner: str = "") -> Client:
        client = await self.client()
        assert await client.rpc(create(inner)) == "<ok/>"
        return client

    def alarm(self, text: str) -> None:
        self.server.configuration.alarms.raise_alarm("test", Severity.MINOR, text)


# The shop's models have none of the appliance's own events: sessions and commits are told of.
START = "netconf-session-start"
END = "netconf-session-end"
CHANGE = "netconf-config-change"


def run(directory: Path, scenario: Callable[[Noted], Awaitable[None]], noted: Noted | None = None) -> None:
    noted = noted or Noted()

    async def play() -> None:
        async with serving(directory, "<title>old</title>", build=noted.build) as noted.server:
            await scenario(noted)

    asyncio.run(play())


def test_a_commit_is_told_of(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        watching, editing = await noted.subscriber(), await noted.client()
        assert (await told(watching)).name == START
        await editing.rpc(edit("<title>new</title><item><name>a</name><kind>large</kind></item>"))
        assert await editing.rpc("<commit/>") == "<ok/>"
        change = await told(watching)
        assert change.name == CHANGE
        assert abs(change.time - datetime.now(UTC)) < timedelta(seconds=30)
        space = {"n": BASE}
        by = change.event.find("n:changed-by", space)
        assert by is not None
        assert {etree.QName(leaf).localname: leaf.text for leaf in by} == ADMIN | {"session-id": "2"}
        assert change.event.findtext("n:datastore", namespaces=space) == "running"
        edits = [
            (each.findtext("n:operation", namespaces=space), each.findtext("n:target", namespaces=space))
            for each in change.event.iterfind("n:edit", space)
        ]
        assert edits == [("replace", "/ex:shop/ex:title"), ("create", "/ex:shop/ex:item[ex:name='a']")]
        # Nothing was committed: nothing to tell of.
        assert await editing.rpc("<commit/>") == "<ok/>"
        # The appliance's own commits are the server's.
        await noted.commit()
        change = await told(watching)
        assert change.event.find("n:changed-by/n:server", space) is not None

    run(tmp_path, scenario)


def test_too_many_edits_are_those_of_the_nodes_above(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        watching, editing = await noted.subscriber(), await noted.client()
        assert (await told(watching)).name == START
        await editing.rpc(edit("".join(f"<item><name>{n}</name><kind>large</kind></item>" for n in range(65))))
        await editing.rpc("<commit/>")
        leaves = (await told(watching)).leaves()
        assert (leaves["operation"], leaves["target"]) == ("merge", "/ex:shop")

    run(tmp_path, scenario)


def test_sessions_are_told_of_with_the_reason_of_their_end(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        watching = await noted.subscriber()

        async def ended(end: Callable[[Client], Awaitable[object]]) -> dict[str, str | None]:
            client = await noted.client()
            start = await told(watching)
            assert (start.name, start.leaves()) == (START, ADMIN | {"session-id": str(client.session.number)})
            await end(client)
            await client.closed()
            over = await told(watching)
            assert over.name == END
            leaves = over.leaves()
            assert leaves.pop("session-id") == str(client.session.number)
            return {name: text for name, text in leaves.items() if name not in ADMIN}

        async def close(client: Client) -> None:
            await client.rpc("<close-session/>")

        async def kill(client: Client) -> None:
            number = client.session.number
            assert await watching.rpc(f"<kill-session><session-id>{number}</session-id></kill-session>") == "<ok/>"

        async def drop(client: Client) -> None:
            client.session.lost()

        async def nonsense(client: Client) -> None:
            client.session.received(b"x" * (noted.limits.message_size + 1))

        assert await ended(close) == {"termination-reason": "closed"}
        assert await ended(kill) == {"termination-reason": "killed", "killed-by": "1"}
        assert await ended(drop) == {"termination-reason": "dropped"}
        assert await ended(nonsense) == {"termination-reason": "other"}
        bad = Client(noted.server)
        await bad.next()
        bad.octets(b"<hello/>")
        assert (await told(watching)).name == START
        assert (await told(watching)).leaves()["termination-reason"] == "bad-hello"
        noted.limits = replace(noted.limits, hello_timeout_s=0.02)
        await noted.commit()
        Client(noted.server)
        last = await told(watching)
        while last.name != END:
            last = await told(watching)
        assert last.leaves()["termination-reason"] == "timeout"

    run(tmp_path, scenario)


def test_confirmed_commits_are_told_of(tmp_path: Path) -> None:
    only = f'<filter><netconf-confirmed-commit xmlns="{BASE}"/></filter>'

    async def scenario(noted: Noted) -> None:
        watching, editing = await noted.subscriber(only), await noted.client()

        async def next_event() -> tuple[str | None, str | None, str | None]:
            leaves = (await told(watching)).leaves()
            return leaves["confirm-event"], leaves.get("session-id"), leaves.get("timeout")

        confirmed = COMMIT.format("<confirmed/><confirm-timeout>{}</confirm-timeout>")
        await editing.rpc(edit("<title>one</title>"))
        await editing.rpc(confirmed.format(600))
        assert await next_event() == ("start", "2", "600")
        await editing.rpc(confirmed.format(500))
        assert await next_event() == ("extend", "2", "500")
        await editing.rpc("<commit/>")
        assert await next_event() == ("complete", "2", None)
        await editing.rpc(edit("<title>two</title>"))
        await editing.rpc(confirmed.format(600))
        await next_event()
        await editing.rpc("<cancel-commit/>")
        assert await next_event() == ("cancel", "2", None)
        await editing.rpc(edit("<title>three</title>"))
        await editing.rpc(confirmed.format(1))
        await next_event()
        assert await next_event() == ("timeout", None, None)
        await editing.rpc(edit("<title>four</title>"))
        await editing.rpc(confirmed.format(600))
        await next_event()
        editing.session.lost()
        assert await next_event() == ("cancel", "2", None)

    run(tmp_path, scenario)


def test_other_requests_go_on_and_subscribers_are_not_idle(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        watching = await noted.subscriber()
        assert "<shop" in await watching.rpc("<get-config><source><running/></source></get-config>")
        idle = await noted.client()
        assert (await told(watching)).name == START
        noted.limits = replace(noted.limits, idle_timeout_s=0.05)
        await noted.commit()
        await idle.closed()
        names = [(await told(watching)).name for _ in range(2)]
        assert sorted(names) == [CHANGE, END]
        assert watching.wire.open
        counters = watching.session.counters
        assert (counters.out_notifications, noted.server.counters.out_notifications) == (3, 3)

    run(tmp_path, scenario)


MANY = '<frob xmlns="urn:frob" xmlns:more="urn:more"/>' * 900
"""So many that what was read of the message is taken apart when it has been answered."""


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        (f'<filter><netconf-session-end xmlns="{BASE}"/></filter>', [END]),
        (f'<filter type="subtree"><netconf-session-start xmlns="{BASE}"/></filter>', [START]),
        (f'<nc:filter xmlns:nc="{NC}" nc:type="subtree"><netconf-session-end xmlns="{BASE}"/></nc:filter>', [END]),
        (f'<filter><netconf-session-end xmlns="{BASE}"><session-id>2</session-id></netconf-session-end></filter>',
         [END]),
        (f'<filter><netconf-session-end xmlns="{BASE}"><session-id>7</session-id></netconf-session-end></filter>', []),
        (f'<filter type="xpath" xmlns:n="{BASE}" select="/n:netconf-session-end[n:session-id=2]"/>', [END]),
        (f'<filter type="xpath" xmlns:n="{BASE}" select="//n:session-id"/>', [START, END]),
        (f'<filter type="xpath" xmlns:n="{BASE}" select="//n:killed-by"/>', []),
        (f'<filter type="xpath" xmlns:n="{BASE}" select="/n:*[//n:termination-reason=\'closed\']"/>', [END]),
        (f'<filter type="xpath" xmlns:n="{BASE}" select="//n:session-id{" | //n:session-id" * 30}"/>', [START, END]),
        ('<filter><frob xmlns="urn:frob"/></filter>', []),
        (f'<filter><netconf-session-end xmlns="{BASE}"><session-id>7</session-id>{MANY}</netconf-session-end></filter>',
         []),
        ("<filter/>", []),
    ],
)  # fmt: skip
def test_a_filter_decides_what_is_told(tmp_path: Path, filter_: str, names: list[str]) -> None:
    async def scenario(noted: Noted) -> None:
        stop = datetime.now(UTC) + timedelta(seconds=0.3)
        start = stop - timedelta(seconds=0.3)
        span = f"<startTime>{start.isoformat()}</startTime><stopTime>{stop.isoformat()}</stopTime>"
        watching = await noted.subscriber(filter_ + span)
        assert (await told_names(watching, "replayComplete"))[-1] == "replayComplete"
        client = await noted.client()
        await client.rpc("<close-session/>")
        assert await told_names(watching, "notificationComplete") == [*names, "notificationComplete"]

    run(tmp_path, scenario)


def replaying(start: datetime | None, stop: datetime | None = None) -> str:
    begin = f"<startTime>{start.isoformat()}</startTime>" if start else ""
    return begin + (f"<stopTime>{stop.isoformat()}</stopTime>" if stop else "")


def test_a_replay_comes_first_then_what_happens(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        begin = datetime.now(UTC) - timedelta(seconds=1)
        early = await noted.client()
        await early.rpc("<close-session/>")
        await early.closed()
        middle = datetime.now(UTC)
        await eventually(lambda: datetime.now(UTC) > middle + timedelta(milliseconds=5))
        watching = await noted.subscriber(replaying(begin))
        assert await told_names(watching, "replayComplete") == [CHANGE, START, END, START, "replayComplete"]
        later = await noted.client()
        assert (await told(watching)).leaves()["session-id"] == "3"
        # A span that is over ends at once, and the session may subscribe again.
        assert await later.rpc(create(replaying(begin, middle))) == "<ok/>"
        assert await told_names(later, "notificationComplete") == [
            *(CHANGE, START, END), "replayComplete", "notificationComplete",
        ]  # fmt: skip
        await eventually(lambda: not later.session.subscribed)
        assert await later.rpc(create(replaying(middle))) == "<ok/>"
        assert (await told_names(later, "replayComplete"))[0] == START

    run(tmp_path, scenario)


def test_a_replay_reaches_back_behind_a_restart(tmp_path: Path) -> None:
    begin = datetime.now(UTC) - timedelta(seconds=1)
    shown: list[str] = []

    async def first(noted: Noted) -> None:
        client = await noted.client()
        shown.append(await streams(client))
        await client.rpc("<close-session/>")
        await client.closed()

    async def second(noted: Noted) -> None:
        watching = await noted.subscriber(replaying(begin))
        # The first start's own commit came before.
        assert await told_names(watching, "replayComplete") == [CHANGE, START, END, START, "replayComplete"]
        assert await streams(watching) == shown[0]

    run(tmp_path, first)
    run(tmp_path, second)


async def streams(client: Client) -> str:
    asked = f'<get><filter><netconf xmlns="{MANAGEMENT}"><streams/></netconf></filter></get>'
    return await client.rpc(asked)


def test_streams_are_shown_with_their_replay(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        client = await noted.client()
        reply = await streams(client)
        assert "<name>NETCONF</name>" in reply
        assert "<replaySupport>true</replaySupport>" in reply
        assert "<replayLogCreationTime>" in reply
        assert "replayLogAgedTime" not in reply
        await noted.commit(replay_log_count=1)
        await eventually(lambda: noted.server._streams._keeping.log.aged_s)
        assert "<replayLogAgedTime>" in await streams(client)
        await noted.commit(replay_log_count=0)
        reply = await streams(client)
        assert "<replaySupport>false</replaySupport>" in reply
        assert "replayLog" not in reply
        now = replaying(datetime.now(UTC) - timedelta(seconds=1))
        reply = await client.rpc(create(now))
        assert tags(reply) == ["operation-failed"]
        assert "replay-log-count" in reply

    run(tmp_path, scenario)


NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("inner", "tag", "named"),
    [
        ("<stream>frob</stream>", "invalid-value", "stream"),
        pytest.param(replaying(NOW + DAY), "bad-element", "startTime", id="from the future"),
        pytest.param(replaying(NOW - DAY, NOW - 2 * DAY), "bad-element", "stopTime", id="to before its start"),
        pytest.param(replaying(None, NOW), "missing-element", "startTime", id="from nowhere"),
        ("<startTime>yesterday</startTime>", "invalid-value", "startTime"),
        ("<startTime>2026-02-30T00:00:00Z</startTime>", "invalid-value", "startTime"),
        ("<startTime>2026-01-01T00:00:00</startTime>", "invalid-value", "startTime"),
        ("<startTime>2026-01-01T00:00:61Z</startTime>", "invalid-value", "startTime"),
        ("<startTime>0000-01-01T00:00:00Z</startTime>", "invalid-value", "startTime"),
        ("<frob/>", "unknown-element", "frob"),
        (f'<filter/><nc:filter xmlns:nc="{NC}"/>', "bad-element", "filter"),
        (f'<filter><a xmlns="urn:frob">{"<b/>" * 1000}</a></filter>', "too-big", "filter"),
        (f'<filter><a xmlns="urn:frob">{"b" * 65_537}</a></filter>', "too-big", "filter"),
        ('<filter type="frob"/>', "bad-attribute", "filter"),
        ('<filter type="xpath"/>', "missing-attribute", "filter"),
        ('<filter type="xpath" select="/n:frob"/>', "bad-attribute", "filter"),
        ('<filter type="xpath" select="/["/>', "bad-attribute", "filter"),
        ('<filter type="xpath" select="name(/)"/>', "bad-attribute", "filter"),
        ('<filter type="xpath" select="1 + 1"/>', "bad-attribute", "filter"),
    ],
)
def test_a_wrong_request_is_refused_and_subscribes_nobody(tmp_path: Path, inner: str, tag: str, named: str) -> None:
    async def scenario(noted: Noted) -> None:
        client = await noted.client()
        reply = await client.rpc(create(inner))
        assert tags(reply) == [tag] or (tag, tags(reply)) == ("bad-attribute", ["invalid-value"])
        assert f"<bad-element>{named}</bad-element>" in reply
        assert not client.session.subscribed
        assert await client.rpc(create()) == "<ok/>"

    run(tmp_path, scenario)


def test_one_subscription_per_session(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        client = await noted.subscriber()
        assert tags(await client.rpc(create())) == ["in-use"]
        await noted.client()
        assert (await told(client)).name == START

    run(tmp_path, scenario)


def test_a_leap_second_is_a_time(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        client = await noted.subscriber("<startTime>2016-12-31T23:59:60.5Z</startTime>")
        assert (await told_names(client, "replayComplete"))[0] == CHANGE

    run(tmp_path, scenario)


def test_far_away_times_are_taken(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        far = "<startTime>0001-01-01T00:00:00+14:00</startTime><stopTime>9999-12-31T23:59:59.999999-14:00</stopTime>"
        client = await noted.subscriber(far)
        assert (await told_names(client, "replayComplete"))[0] == CHANGE
        await noted.client()
        assert (await told(client)).name == START

    run(tmp_path, scenario)


class Stuck(Wire):
    """A client that reads nothing for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = asyncio.Event()
        self.reads.set()

    async def drain(self) -> None:
        await self.reads.wait()

    def unsent(self) -> int:
        return 0 if self.reads.is_set() else len(self.sent)


class SlowClient(Client):
    def __init__(self, server: NetconfServer) -> None:
        self.wire = self.stuck = Stuck()
        session = server.open(self.wire, Author("slow", "192.0.2.2:4711"))
        assert session
        self.session = session
        self._id = 0


def test_a_slow_subscriber_is_told_what_it_lost_and_slows_nobody(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        slow, quick = SlowClient(noted.server), await noted.subscriber()
        await slow.connected()
        assert await slow.rpc(create()) == "<ok/>"
        slow.stuck.reads.clear()
        for number in range(10):
            await noted.commit()
            assert (await told(quick)).name == CHANGE
            await eventually(lambda number=number: slow.stuck.sent.count(CHANGE.encode()) >= min(number, 1))
        # The first one lies in the transport, three wait.
        assert noted.server.counters.notifications_lost == 6
        slow.stuck.reads.set()
        assert [(await told(slow)).name for _ in range(4)] == [CHANGE] * 4
        lost = await told(slow)
        assert (lost.name, lost.leaves()["count"]) == ("notifications-lost", "6")
        since = datetime.fromisoformat(str(lost.leaves()["since"]))
        assert lost.time - timedelta(seconds=10) < since <= lost.time
        await noted.commit()
        assert [(await told(client)).name for client in (slow, quick)] == [CHANGE] * 2
        shown = await quick.rpc(f'<get><filter><netconf-state xmlns="{MONITORING}"/></filter></get>')
        assert "<out-notifications>6</out-notifications>" in shown

    run(tmp_path, scenario, Noted(queue_count=3))


def test_a_subscriber_that_reads_nothing_is_closed(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        slow = SlowClient(noted.server)
        await slow.connected()
        assert await slow.rpc(create()) == "<ok/>"
        noted.limits = replace(noted.limits, reply_timeout_s=0.05)
        slow.stuck.reads.clear()
        await noted.commit()
        await slow.closed()
        assert slow.session.ending is not None
        assert slow.session.ending.value == "timeout"
        assert not noted.server._streams._subscriptions

    run(tmp_path, scenario)


def test_switched_off_is_not_told_and_too_many_are_counted(tmp_path: Path) -> None:
    async def scenario(noted: Noted) -> None:
        watching = await noted.subscriber()
        for _ in range(5):
            client = await noted.client()
            await client.rpc("<close-session/>")
        # Its own start came before it subscribed.
        assert (await told(watching)).name == START
        held = await told(watching)
        assert (held.name, held.leaves()) == ("events-suppressed", {"event": START, "count": "4"})

    settings = {END: Told(on=False), START: Told(rate=2)}
    run(tmp_path, scenario, Noted(events=settings))


def test_refused_logins_are_told_of_but_not_all_of_one_source(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            watching = await Netconf.over(connection)
            assert b"<ok/>" in await watching.rpc(create(f'<filter><login-failure xmlns="{OURS}"/></filter>'))
            for name in "abcdefg":
                with pytest.raises(asyncssh.PermissionDenied):
                    async with endpoint.login(username=name):
                        pass
            messages = [await watching.reader.readuntil(b"\n##\n") for _ in range(5)]
            assert all(b"<method>publickey</method>" in message for message in messages)
            assert all(b"is not configured</reason>" in message for message in messages)
            assert b"<user>a</user><source>127.0.0.1:" in messages[0]
            assert endpoint.counters.login_failures == 7
            assert endpoint.counters.out_notifications == 5

    run_ssh(tmp_path, scenario)


def test_one_who_does_not_read_over_ssh_learns_what_it_lost_and_the_other_loses_nothing(tmp_path: Path) -> None:
    subscribe, alarms = create(f'<filter><alarm-raised xmlns="{OURS}"/></filter>'), 600

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as one, endpoint.login() as two:
            quick = await Netconf.over(one)
            writer, reader, _ = await two.open_session(subsystem="netconf", encoding=None, window=65536)
            await reader.readuntil(b"]]>]]>")
            writer.write(HELLO)
            slow = Netconf(writer, reader)
            for client in (quick, slow):
                assert b"<ok/>" in await client.rpc(subscribe)
            for number in range(alarms):
                endpoint.configuration.alarms.raise_alarm("a", Severity.MINOR, f"number {number}, {'x' * 1000}")
                assert b"<text>number %d," % number in await quick.reader.readuntil(b"\n##\n")
            lost = endpoint.counters.notifications_lost
            assert 0 < lost < alarms
            # What is there, and what is said to be missing in its place, is all there was.
            expected, missing = 0, 0
            while expected < alarms:
                message = (await reader.readuntil(b"\n##\n")).decode()
                if "<notifications-lost " in message:
                    gap = int(message.partition("<count>")[2].partition("<")[0])
                    missing += gap
                    expected += gap
                else:
                    assert f"<text>number {expected}," in message
                    expected += 1
            assert missing == lost

    settings = NotificationSettings(queue_count=20)
    run_ssh(tmp_path, scenario, System(netconf=NetconfLimits(notifications=settings)))
