"""Partial locks (RFC 5717) between two sessions with one server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import unescape
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore import rpc
from applianced.datastore.scope import Scope
from applianced.errors import ConfigError
from applianced.northbound import partial
from tests.netconf.test_operations import GET_RUNNING
from tests.support.netconf_session import Client, serving, tags

PL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
OK = "<ok/>"
FIRST = (
    "<title>old</title><item><name>a</name><kind>small</kind></item><item><name>b</name><kind>small</kind></item>"
    "<shelf><row>1</row><column>x</column></shelf><tag>t/1</tag>"
)
LOCK_RUNNING = "<lock><target><running/></target></lock>"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
LOCKS = f'<get><filter><netconf-state xmlns="{MONITORING}"><datastores/></netconf-state></filter></get>'


def lock(*select: str) -> str:
    listed = "".join(f"<select>{one}</select>" for one in select)
    return f'<partial-lock xmlns="{PL}" xmlns:s="urn:example:shop">{listed}</partial-lock>'


def unlock(number: int | str) -> str:
    return f'<partial-unlock xmlns="{PL}"><lock-id>{number}</lock-id></partial-unlock>'


def edit(inner: str, operation: str = "merge") -> str:
    return (
        f"<edit-config><target><candidate/></target><default-operation>{operation}</default-operation><config>"
        f'<shop xmlns="urn:example:shop" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">{inner}</shop>'
        "</config></edit-config>"
    )


def nodes(reply: str) -> list[str]:
    return [str(one.text) for one in etree.fromstring(f"<r>{reply}</r>").iter(f"{{{PL}}}locked-node")]


def run(directory: Path, scenario: Callable[[Client, Client], Awaitable[None]], first: str = FIRST) -> None:
    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Client(server).connected(), await Client(server).connected())

    asyncio.run(play())


def test_what_is_locked_is_answered_and_shown(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(lock("/s:shop/s:item[s:name='a']", "//s:item[s:name='a']/s:kind", "/s:shop/s:title"))
        assert f'<lock-id xmlns="{PL}">1</lock-id>' in reply
        # A node below a locked one is locked with it.
        assert [one.rpartition(":")[2] for one in sorted(nodes(reply))] == ["name='a']", "title"]
        shown = await two.rpc(LOCKS)
        for part in ("<lock-id>1<", "<locked-by-session>1<", "<locked-time>20", "shop/", "locked-node"):
            assert part in shown
        root = etree.fromstring(shown)
        select = next(root.iter(f"{{{MONITORING}}}select"))
        prefix = str(select.text).partition(":")[0].strip("/")
        assert select.nsmap[prefix] == "urn:example:shop", "the prefixes of what is shown are declared"

    run(tmp_path, scenario)


def test_a_name_may_have_any_character(tmp_path: Path) -> None:
    name = "\U0001f600 \u00e9"

    async def scenario(one: Client, two: Client) -> None:
        assert nodes(await one.rpc(lock("//s:item")))[0].endswith(f"name='{name}']")
        assert name in unescape(await two.rpc(LOCKS))
        compared = '<compare xmlns="urn:applianced:yang:history"/>'
        assert await two.rpc(edit(f"<item><name>{name}</name><kind>large</kind></item>")) == OK
        assert name in unescape(await two.rpc(compared))

    run(tmp_path, scenario, f"<item><name>{name}</name><kind>small</kind></item>")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("<title>new</title>", True),
        ('<title nc:operation="delete"/>', True),
        ("<item><name>a</name><price>3</price></item>", True),
        ('<item nc:operation="delete"><name>a</name></item>', True),
        ("<item><name>b</name><price>3</price></item>", False),
        ("<item><name>c</name><kind>large</kind></item>", False),
        ("<size>10</size>", False),
        ("<title>old</title><tag>u</tag>", False),
    ],
)
def test_a_commit_of_another_session_may_change_the_rest(tmp_path: Path, change: str, refused: bool) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert len(nodes(await one.rpc(lock("/s:shop/s:item[s:name='a'] | /s:shop/s:title")))) == 2
        assert await two.rpc(edit(change)) == OK, "the candidate is not locked"
        reply = await two.rpc("<commit/>")
        if not refused:
            assert reply == OK
            return
        assert tags(reply) == ["in-use"]
        assert "<error-app-tag>locked</error-app-tag>" in reply
        assert "<session-id>1</session-id>" in reply
        assert "<error-path" in reply
        assert "session 1 holds a partial lock" in reply
        # Nothing is lost: the edits are still there when the lock goes.
        assert await one.rpc(unlock(1)) == OK
        assert await two.rpc("<commit/>") == OK

    run(tmp_path, scenario)


def test_every_locked_node_that_would_change_is_named(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock("//s:item"))
        await two.rpc(edit("<title>new</title>", "replace"))
        reply = await two.rpc("<commit/>")
        assert tags(reply) == ["in-use", "in-use"]
        for name in ("a", "b"):
            assert f"name='{name}']</error-path>" in reply

    run(tmp_path, scenario)


def test_its_own_session_changes_what_it_locked(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock("/s:shop/s:title"))
        await one.rpc(edit('<title nc:operation="delete"/>'))
        assert await one.rpc("<commit/>") == OK
        # The node has gone; its place is locked as long as the lock lasts.
        await two.rpc(edit("<title>theirs</title>"))
        assert tags(await two.rpc("<commit/>")) == ["in-use"]
        assert await one.rpc(unlock(1)) == OK
        assert await two.rpc("<commit/>") == OK

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("mine", "theirs", "conflict"),
    [
        ("/s:shop/s:title", "/s:shop/s:title", True),
        ("/s:shop", "/s:shop/s:title", True),
        ("/s:shop/s:item[s:name='a']/s:kind", "/s:shop/s:item", True),
        ("/s:shop/s:item[s:name='a']", "/s:shop/s:item[s:name='b']", False),
        ("/s:shop/s:tag", "/s:shop/s:shelf", False),
    ],
)
def test_parts_overlap_or_do_not(tmp_path: Path, mine: str, theirs: str, conflict: bool) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert nodes(await one.rpc(lock(mine)))
        assert nodes(await one.rpc(lock(mine))), "those of one session may overlap"
        reply = await two.rpc(lock(theirs))
        assert tags(reply) == (["lock-denied"] if conflict else [])
        if conflict:
            assert "<session-id>1</session-id>" in reply
            assert await one.rpc(unlock(1)) == OK
            assert tags(await two.rpc(lock(theirs))) == ["lock-denied"]
            assert await one.rpc(unlock(2)) == OK
            assert nodes(await two.rpc(lock(theirs)))

    run(tmp_path, scenario)


def test_the_whole_and_its_parts(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock("/s:shop/s:title"))
        for session in (one, two):
            reply = await session.rpc(LOCK_RUNNING)
            assert tags(reply) == ["lock-denied"]
            assert "<session-id>1</session-id>" in reply
        assert await two.rpc("<lock><target><candidate/></target></lock>") == OK
        assert await one.rpc(unlock(1)) == OK
        assert await two.rpc(LOCK_RUNNING) == OK
        for session in (one, two):
            reply = await session.rpc(lock("/s:shop/s:title"))
            assert tags(reply) == ["lock-denied"]
            assert "<session-id>2</session-id>" in reply

    run(tmp_path, scenario)


def test_not_while_a_commit_awaits_its_confirmation(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(edit("<title>new</title>"))
        assert await one.rpc("<commit><confirmed/></commit>") == OK
        for session in (one, two):
            assert tags(await session.rpc(lock("/s:shop/s:title"))) == ["lock-denied"]
        assert await one.rpc("<commit/>") == OK
        assert nodes(await two.rpc(lock("/s:shop/s:title")))

    run(tmp_path, scenario)


@pytest.mark.parametrize(("locked", "refused"), [("title", True), ("tag", False)])
def test_a_cancel_of_another_session_alters_nothing_that_is_locked(tmp_path: Path, locked: str, refused: bool) -> None:
    cancel = "<cancel-commit><persist-id>p</persist-id></cancel-commit>"

    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock(f"/s:shop/s:{locked}"))
        await one.rpc(edit("<title>new</title>"))
        assert await one.rpc("<commit><confirmed/><persist>p</persist></commit>") == OK
        reply = await two.rpc(cancel)
        assert tags(reply) == (["in-use"] if refused else [])
        assert ("<title>new</title>" in await two.rpc(GET_RUNNING)) == refused
        if refused:
            assert await one.rpc(cancel) == OK

    run(tmp_path, scenario)


@pytest.mark.parametrize("end", ["close", "kill", "drop"])
def test_however_its_session_ends(tmp_path: Path, end: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock("/s:shop/s:title"))
        if end == "close":
            assert await one.rpc("<close-session/>") == OK
        elif end == "kill":
            assert await two.rpc("<kill-session><session-id>1</session-id></kill-session>") == OK
        else:
            one.session.lost()
        await one.closed() if end != "drop" else await one.session.ended()
        assert nodes(await two.rpc(lock("/s:shop/s:title")))
        assert "<locked-by-session>1<" not in await two.rpc(LOCKS)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("operation", "tag", "said"),
    [
        (f'<partial-lock xmlns="{PL}"/>', "missing-element", "select"),
        (lock("/s:shop/"), "invalid-value", "select"),
        (lock("/s:shop["), "invalid-value", "select"),
        (lock("/x:shop"), "invalid-value", "xmlns:x"),
        (lock("count(/s:shop)"), "invalid-value", "<error-app-tag>not-a-node-set</error-app-tag>"),
        (lock("/s:shop/s:item[s:name='z']"), "operation-failed", "<error-app-tag>no-matches</error-app-tag>"),
        (lock("/"), "invalid-value", "below it"),
        (lock("local-name(/s:shop)"), "invalid-value", "<error-app-tag>not-a-node-set</error-app-tag>"),
        (lock("deref(/s:shop)"), "invalid-value", "not offered"),
        (lock(*["/s:shop/s:title"] * 65), "too-big", "64"),
        (f'<partial-lock xmlns="{PL}"><frob/></partial-lock>', "unknown-element", "frob"),
        (f'<partial-unlock xmlns="{PL}"/>', "missing-element", "lock-id"),
        (unlock(7), "invalid-value", "<bad-element>lock-id</bad-element>"),
        (unlock("x"), "invalid-value", "lock-id"),
    ],
)
def test_faults(tmp_path: Path, operation: str, tag: str, said: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(operation)
        assert tags(reply) == [tag]
        assert said in reply
        assert await two.rpc(LOCK_RUNNING) == OK, "nothing is locked"

    run(tmp_path, scenario)


def test_anothers_lock_is_not_mine_to_release(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(lock("/s:shop/s:title"))
        assert tags(await two.rpc(unlock(1))) == ["invalid-value"]
        assert tags(await two.rpc(LOCK_RUNNING)) == ["lock-denied"]

    run(tmp_path, scenario)


def test_names_with_both_kinds_of_quotes_are_locked_from_above(tmp_path: Path) -> None:
    both = '<item><name>i\'m "it"</name><kind>small</kind></item>'

    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(lock("//s:item"))
        assert tags(reply) == ["operation-failed"]
        assert "above" in reply
        assert nodes(await one.rpc(lock("/s:shop")))

    run(tmp_path, scenario, both)


def test_a_lock_whose_number_cannot_be_told_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def output(*given: object) -> bytes:
        raise ConfigError("", "cannot be written")

    async def scenario(one: Client, two: Client) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(rpc, "output", output)
            assert tags(await one.rpc(lock("/s:shop/s:title"))) == ["invalid-value"]
        assert nodes(await two.rpc(lock("/s:shop/s:title")))

    run(tmp_path, scenario)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "LOCKS_MAX", 2)
    monkeypatch.setattr(partial, "NODES_MAX", 3)

    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(lock("//*"))) == ["resource-denied"]
        assert nodes(await one.rpc(lock("//s:item")))
        assert tags(await one.rpc(lock("//s:item"))) == ["resource-denied"]
        assert nodes(await one.rpc(lock("//s:title")))
        assert tags(await one.rpc(lock("//s:title"))) == ["resource-denied"]

    run(tmp_path, scenario)


def test_commits_meanwhile_do_not_leave_a_lock_of_what_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit deletes the node after the XPath has found it, and before the lock is granted."""
    found = asyncio.Event()
    evaluate = partial._scope

    async def slow(running: partial.Running, choose: partial.Choose) -> Scope:
        scope = await evaluate(running, choose)
        if not found.is_set():
            found.set()
            await committed.wait()
        return scope

    committed = asyncio.Event()
    monkeypatch.setattr(partial, "_scope", slow)

    async def scenario(one: Client, two: Client) -> None:
        locking = asyncio.create_task(one.rpc(lock("/s:shop/s:title")))
        await found.wait()
        await two.rpc(edit('<title nc:operation="delete"/>'))
        assert await two.rpc("<commit/>") == OK
        committed.set()
        assert "no-matches" in await locking

    run(tmp_path, scenario)


def test_the_hello_says_so(tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path) as server:
            assert b"urn:ietf:params:netconf:capability:partial-lock:1.0<" in await Client(server).next()

    asyncio.run(play())
