"""Access control over what a subscriber is told (RFC 8341 3.4.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.netconf.test_access import EDIT, NO_GOLD, NO_SIZE, OK, STOCK
from tests.netconf.test_notifications import BASE, CHANGE, create, told_names
from tests.support.guarded import ACM, guarding, nacm, rule
from tests.support.netconf_session import Client

CHANGED = f'<filter><{CHANGE} xmlns="{BASE}"/></filter>'
SECRETS = ("gold", "size")


def run(directory: Path, scenario: Callable[[Client, Client], Awaitable[None]], acm: str) -> None:
    async def play() -> None:
        async with guarding(directory, STOCK, acm) as server:
            await scenario(await Client(server).connected(), await Client(server, "sue").connected())

    asyncio.run(play())


async def commit(admin: Client, inner: str) -> None:
    assert await admin.rpc(EDIT.format("", inner)) == OK
    assert await admin.rpc("<commit/>") == OK


def test_a_change_is_told_without_what_is_hidden(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(create(CHANGED)) == OK
        await commit(admin, "<title>two</title><size>43</size><item><name>gold</name><price>901</price></item>")
        change = (await sue.next()).decode()
        assert "title" in change
        assert not [secret for secret in SECRETS if secret in change]

    run(tmp_path, scenario, nacm(NO_GOLD, NO_SIZE))


@pytest.mark.parametrize("hidden", SECRETS)
def test_a_filter_does_not_find_out_what_changed(tmp_path: Path, hidden: str) -> None:
    either = " | ".join(f"/n:{CHANGE}/n:edit/n:target[contains(., '{name}')]" for name in (hidden, "title"))
    wanted = f'<filter type="xpath" xmlns:n="{BASE}" select="{either}"/>'

    async def scenario(admin: Client, sue: Client) -> None:
        watching = await Client(admin.session.server).connected()
        for client in (watching, sue):
            assert await client.rpc(create(wanted)) == OK
        await commit(admin, "<size>43</size><item><name>gold</name><price>901</price></item>")
        await commit(admin, "<title>two</title>")
        assert hidden in (await watching.next()).decode()
        # The first that comes is the second.
        change = (await sue.next()).decode()
        assert "title" in change
        assert not [secret for secret in SECRETS if secret in change]

    run(tmp_path, scenario, nacm(NO_GOLD, NO_SIZE))


@pytest.mark.parametrize("replayed", [False, True])
def test_of_a_change_that_is_all_hidden_nothing_is_told(tmp_path: Path, replayed: bool) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        watching = await Client(admin.session.server).connected()
        assert await watching.rpc(create(CHANGED)) == OK
        if not replayed:
            assert await sue.rpc(create(CHANGED)) == OK
        await commit(admin, "<size>43</size>")
        await commit(admin, "<item><name>gold</name><price>901</price></item>")
        await commit(admin, '<item nc:operation="delete"><name>gold</name></item>')
        await commit(admin, "<title>two</title>")
        for _ in range(4):
            assert CHANGE in (await watching.next()).decode()
        if replayed:
            since = CHANGED + "<startTime>2020-01-01T00:00:00Z</startTime>"
            assert await sue.rpc(create(since)) == OK
        # The first commit put in force what there is; nobody compared it with anything.
        change = (await sue.next()).decode()
        assert "shop/ex:title" in change
        assert not [secret for secret in SECRETS if secret in change]
        await admin.rpc("<discard-changes/>")
        await commit(admin, "<title>three</title>")
        last = (await sue.next()).decode()
        assert "replayComplete" in last if replayed else "shop/ex:title" in last

    run(tmp_path, scenario, nacm(NO_GOLD, NO_SIZE))


def test_an_event_that_is_denied_is_not_told_and_counted(tmp_path: Path) -> None:
    quiet = rule("quiet", "deny", "<notification-name>netconf-session-start</notification-name>")

    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(create()) == OK
        server = admin.session.server
        other = await Client(server).connected()
        await commit(other, "<title>two</title>")
        names = await told_names(sue, CHANGE)
        assert "netconf-session-start" not in names
        shown = await admin.rpc(f'<get><filter type="subtree"><nacm xmlns="{ACM}"/></filter></get>')
        assert "<denied-notifications>1<" in shown

    run(tmp_path, scenario, nacm(quiet))


def test_a_super_user_is_told_everything(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        watching = await Client(admin.session.server).connected()
        assert await watching.rpc(create(CHANGED)) == OK
        await commit(admin, "<size>43</size>")
        assert "size" in (await watching.next()).decode()

    run(tmp_path, scenario, nacm(NO_SIZE))


def test_a_replay_tells_no_more_and_goes_by_the_rules_of_now(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        await commit(admin, "<title>two</title><size>43</size><item><name>gold</name><price>901</price></item>")
        # What is denied to her now was not when it happened.
        denied = nacm(rule("r", "deny", "<notification-name>netconf-session-start</notification-name>"))
        edit = f"<edit-config><target><candidate/></target><config>{denied}</config></edit-config>"
        assert await admin.rpc(edit) == OK
        assert await admin.rpc("<commit/>") == OK
        assert await sue.rpc(create("<startTime>2020-01-01T00:00:00Z</startTime>")) == OK
        told = []
        while not told or "replayComplete" not in told[-1]:
            told.append((await sue.next()).decode())
        assert any("shop/ex:title" in each for each in told)
        assert not [secret for secret in (*SECRETS, "session-start", "nacm:") if secret in "".join(told)]

    run(tmp_path, scenario, nacm(NO_GOLD, NO_SIZE))
