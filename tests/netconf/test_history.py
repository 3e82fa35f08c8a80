"""The RPCs of applianced-history as a client meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore.persist import HISTORY_MAX
from tests.netconf.test_operations import EDIT, GET_CANDIDATE, GET_RUNNING, LOCK, OK, run
from tests.support.netconf_session import Client, tags

HISTORY = 'xmlns="urn:applianced:yang:history"'
FIRST = "<title>one</title>"


def shown(title: str) -> str:
    return f"<data><shop><title>{title}</title></shop></data>"


def rollback(to: str = "") -> str:
    return f"<rollback {HISTORY}>{to}</rollback>"


def compare(source: str = "", target: str = "", more: str = "") -> str:
    inner = (f"<source>{source}</source>" if source else "") + (f"<target>{target}</target>" if target else "")
    return f"<compare {HISTORY}>{inner}{more}</compare>"


def changes(text: str) -> str:
    return f"<changes {HISTORY}>{text}</changes>" if text else f"<changes {HISTORY}/>"


async def commit(client: Client, title: str) -> None:
    assert await client.rpc(EDIT.format("", f"<title>{title}</title>")) == OK
    assert await client.rpc("<commit/>") == OK


def test_rollback_into_the_candidate(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await commit(one, "two")
        await commit(one, "three")
        for to, title in (
            ("<number>2</number>", "one"),
            ("<number>1</number>", "two"),
            ("<id>1</id>", "one"),
            ("<id>3</id>", "three"),
            ("", "three"),
        ):
            assert await one.rpc(rollback(to)) == OK
            assert await two.rpc(GET_CANDIDATE) == shown(title)
            assert await two.rpc(GET_RUNNING) == shown("three")
        await one.rpc(rollback("<number>2</number>"))
        assert await one.rpc("<commit/>") == OK
        assert await two.rpc(GET_RUNNING) == shown("one")
        await one.rpc(rollback("<number>1</number>"))
        assert await two.rpc(GET_CANDIDATE) == shown("three")

    run(tmp_path, scenario, FIRST)


def test_rollback_0_drops_what_was_edited(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format("", "<size>2</size>"))
        assert await one.rpc(rollback("<number>0</number>")) == OK
        assert await two.rpc(LOCK) == OK
        assert tags(await one.rpc(rollback())) == ["in-use"]

    run(tmp_path, scenario, FIRST)


def test_compare_any_two(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await two.rpc(compare()) == changes("")
        await commit(one, "two words")
        await one.rpc(EDIT.format("", "<title>three</title><size>2</size>"))
        assert await two.rpc(compare()) == changes("set shop title three\nset shop size 2\n")
        assert await two.rpc(compare("<candidate/>", "<running/>")) == changes(
            'delete shop size\nset shop title "two words"\n'
        )
        assert await two.rpc(compare("<number>1</number>", "<number>0</number>")) == changes(
            'set shop title "two words"\n'
        )
        assert await two.rpc(compare("<id>1</id>", "<candidate/>")) == changes(
            "set shop title three\nset shop size 2\n"
        )
        assert await two.rpc(compare("<candidate/>", "<candidate/>")) == changes("")
        assert await two.rpc(compare("<number>0</number>", "<running/>")) == changes("")

    run(tmp_path, scenario, FIRST)


def test_compare_as_a_patch(tmp_path: Path) -> None:
    """Of earlier commits as well, in the form of RFC 9144."""

    async def scenario(one: Client, two: Client) -> None:
        await commit(one, "second")
        await one.rpc(EDIT.format("", "<title>third</title><size>2</size>"))
        for source, target, name, old, new in (
            ("<id>1</id>", "<number>0</number>", "id 1 to number 0", "one", "second"),
            ("<number>0</number>", "<candidate/>", "number 0 to candidate", "second", "third"),
        ):
            reply = etree.fromstring(await two.rpc(compare(source, target, "<format>yang-patch</format>")))
            patch = reply.find("{*}yang-patch")
            assert patch.findtext("{*}patch-id") == name
            title, *others = patch.iterfind("{*}edit")
            assert title.findtext("{*}operation") == "replace"
            assert title.findtext("{*}target") == "/example:shop/title"
            assert title.findtext("{*}value/{*}title") == new
            assert title.findtext("{*}source-value/{*}title") == old
            assert [each.findtext("{*}operation") for each in others] == (["create"] if new == "third" else [])
        for nothing in ("<candidate/>", "<id>2</id>"):
            reply = etree.fromstring(await two.rpc(compare(nothing, nothing, "<format>yang-patch</format>")))
            assert reply.find("{*}yang-patch/{*}edit") is None
        assert tags(await two.rpc(compare("<running/>", "<candidate/>", "<format>x</format>"))) == ["invalid-value"]

    run(tmp_path, scenario, FIRST)


def test_each_commit_of_the_history_shows_what_it_changed(tmp_path: Path) -> None:
    last = HISTORY_MAX + 3

    async def listed(one: Client) -> None:
        history = one.session.server.configuration.history()
        assert [commit.number for commit in history] == list(range(last, 3, -1))
        for index, commit in enumerate(history):
            for before, after in (
                (f"<number>{index + 1}</number>", f"<number>{index}</number>"),
                (f"<id>{commit.number - 1}</id>", f"<id>{commit.number}</id>"),
            ):
                assert await one.rpc(compare(before, after)) == changes(f"set shop title t{commit.number}\n")
        for gone in (f"<number>{HISTORY_MAX + 1}</number>", "<id>2</id>"):
            assert tags(await one.rpc(compare(gone, "<running/>"))) == ["invalid-value"]
        # The one before them is there to be compared with, and for nothing else.
        for unlisted in (f"<number>{HISTORY_MAX}</number>", "<id>3</id>"):
            assert tags(await one.rpc(rollback(unlisted))) == ["invalid-value"]
        assert await one.rpc(rollback(f"<number>{HISTORY_MAX - 1}</number>")) == OK
        assert await one.rpc(GET_CANDIDATE) == shown("t4")

    async def scenario(one: Client, two: Client) -> None:
        for number in range(2, last + 1):
            await commit(one, f"t{number}")
        await listed(one)

    async def again(one: Client, two: Client) -> None:
        await listed(one)

    run(tmp_path, scenario, FIRST)
    run(tmp_path, again, FIRST)


def test_the_rescue_configuration(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        for refused in (rollback("<rescue/>"), compare("<rescue/>"), f"<delete-rescue {HISTORY}/>"):
            assert tags(await one.rpc(refused)) == ["data-missing"]
        assert await one.rpc(f"<save-rescue {HISTORY}/>") == OK
        await commit(one, "two")
        assert await two.rpc(compare("<rescue/>", "<running/>")) == changes("set shop title two\n")
        assert await two.rpc(rollback("<rescue/>")) == OK
        assert await two.rpc(GET_CANDIDATE) == shown("one")
        assert await two.rpc(f"<delete-rescue {HISTORY}/>") == OK
        assert tags(await one.rpc(rollback("<rescue/>"))) == ["data-missing"]

    run(tmp_path, scenario, FIRST)


def test_what_nobody_confirmed_rescues_nobody(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format("", "<title>two</title>"))
        await one.rpc("<commit><confirmed/></commit>")
        assert tags(await two.rpc(f"<save-rescue {HISTORY}/>")) == ["in-use"]

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("operation", "tag"),
    [
        (rollback("<number>1</number>"), "invalid-value"),
        (rollback("<number>50</number>"), "invalid-value"),
        (rollback("<number>-1</number>"), "invalid-value"),
        (rollback("<id>7</id>"), "invalid-value"),
        (rollback("<candidate/>"), "unknown-element"),
        (rollback("<number>0</number><rescue/>"), "bad-element"),
        (compare("<number>9</number>"), "invalid-value"),
        (compare("<id/>"), "invalid-value"),
        (compare("<startup/>"), "unknown-element"),
        (compare("<number>50</number>", "<number>50</number>"), "invalid-value"),
        (compare("<rescue/>", "<rescue/>"), "data-missing"),
        (f"<commit><comment {HISTORY}/></commit>", "invalid-value"),
        (f"<commit><comment {HISTORY}>{'x' * 1025}</comment></commit>", "invalid-value"),
        ("<commit><comment>x</comment></commit>", "unknown-element"),
    ],
)
def test_faults(tmp_path: Path, operation: str, tag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(operation)) == [tag]
        assert await two.rpc(GET_CANDIDATE) == shown("one")

    run(tmp_path, scenario, FIRST)


def test_a_commit_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await commit(one, "two")
        (tmp_path / "commits" / "commit-0000000001.json").write_bytes(b"{}\n")
        reply = await one.rpc(rollback("<number>1</number>"))
        assert tags(reply) == ["operation-failed"]
        assert "commit 1 " in reply

    run(tmp_path, scenario, FIRST)


def test_a_comment(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format("", "<title>two</title>"))
        comment = "𝕏" * 1024
        assert await one.rpc(f"<commit><comment {HISTORY}>{comment}</comment></commit>") == OK
        assert one.session.server.configuration.history()[0].comment == comment

    run(tmp_path, scenario, FIRST)


def test_a_commit_that_changes_nothing_is_not_recorded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Client, two: Client) -> None:
        caplog.set_level("INFO")
        history = one.session.server.configuration.history
        for change in ("", "<title>one</title>", "<item><name>b</name><kind>small</kind></item>"):
            await one.rpc(EDIT.format("", change))
            caplog.clear()
            assert await one.rpc(f"<commit><comment {HISTORY}>x</comment></commit>") == OK
            assert ("changes nothing: not recorded" in caplog.text) == (not change.startswith("<item"))
        assert len(history()) == 2
        await commit_items(one)
        assert len(history()) == 3
        gone = '<item nc:operation="delete"><name>a</name></item>'
        await one.rpc(EDIT.format("", gone))
        await one.rpc(EDIT.format("", "<item><name>a</name><kind>small</kind></item>"))
        assert await one.rpc("<commit/>") == OK
        assert len(history()) == 3
        assert await two.rpc(LOCK) == OK

    run(tmp_path, scenario, FIRST)


async def commit_items(client: Client) -> None:
    items = "".join(f"<item><name>{name}</name><kind>small</kind></item>" for name in "abc")
    await client.rpc(EDIT.format("", items))
    assert await client.rpc("<commit/>") == OK
