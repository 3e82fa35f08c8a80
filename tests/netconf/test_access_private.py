"""Access control where sessions have candidates of their own, compare datastores and know transaction ids."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.netconf.test_access import (
    EDIT,
    GET_CONFIG,
    NO_GOLD,
    NO_PRICE,
    NO_SIZE,
    OK,
    STOCK,
    WRITES,
    XPATH,
    shop_filter,
)
from tests.netconf.test_nmda_compare import compare
from tests.netconf.test_private_candidates import PRIVATE, UPDATE
from tests.netconf.test_txid import etags, get
from tests.support.guarded import guarding, nacm, path, rule
from tests.support.netconf_session import Client, tags

HIDDEN = ("gold", "900", "<price", "<size", "42")
TITLE = rule("title", "permit", path("/ex:shop/ex:title"))


def run(directory: Path, scenario: Callable[[Client, Client], Awaitable[None]], acm: str) -> None:
    """admin shares the candidate; sue has one of her own."""

    async def play() -> None:
        async with guarding(directory, STOCK, acm) as server:
            await scenario(await Client(server).connected(), await Client(server, "sue").connected(PRIVATE))

    asyncio.run(play())


def secrets(reply: str) -> list[str]:
    """Ids aside, in whose random digits anything may stand."""
    shown = re.sub(r'txid:etag="[^"]*"', "", reply)
    return [secret for secret in HIDDEN if secret in shown]


@pytest.mark.parametrize("wanted", ["", shop_filter(""), XPATH.format("//ex:*")])
def test_a_candidate_of_her_own_shows_no_more(tmp_path: Path, wanted: str) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        asked = GET_CONFIG.format("candidate", wanted)
        # As running is, as running was, and changed.
        assert not secrets(await sue.rpc(asked))
        assert await admin.rpc(EDIT.format("", "<tag>of admin</tag><size>43</size>")) == OK
        assert await admin.rpc("<commit/>") == OK
        shown = await sue.rpc(asked)
        assert "<title>open" in shown
        assert "of admin" not in shown
        assert not secrets(shown)
        assert await sue.rpc(EDIT.format("", "<title>of sue</title>")) == OK
        shown = await sue.rpc(asked)
        assert "of sue" in shown
        assert not secrets(shown)
        assert await sue.rpc(UPDATE.format("")) == OK
        shown = await sue.rpc(asked)
        assert "of admin" in shown
        assert not secrets(shown.replace("<tag>of admin", ""))

    run(tmp_path, scenario, nacm(NO_GOLD, NO_PRICE, NO_SIZE, WRITES))


def test_what_others_committed_meanwhile_is_not_hers_to_answer_for(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(EDIT.format("", "<title>of sue</title>")) == OK
        await admin.rpc(EDIT.format("", "<size>43</size>"))
        assert await admin.rpc("<commit/>") == OK
        assert await sue.rpc("<commit/>") == OK
        shown = await admin.rpc(GET_CONFIG.format("running", ""))
        assert "of sue" in shown
        assert "<size>43" in shown

    run(tmp_path, scenario, nacm(TITLE))


def test_a_refused_edit_leaves_her_candidate_as_it_was(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(EDIT.format("", "<title>of sue</title>")) == OK
        before = await sue.rpc(GET_CONFIG.format("candidate", ""))
        assert tags(await sue.rpc(EDIT.format("", "<tag>x</tag><title>y</title>"))) == ["access-denied"]
        assert tags(await sue.rpc(EDIT.format("<default-operation>replace</default-operation>", ""))) == [
            "access-denied"
        ]
        assert await sue.rpc(GET_CONFIG.format("candidate", "")) == before
        assert await sue.rpc("<commit/>") == OK

    run(tmp_path, scenario, nacm(TITLE))


@pytest.mark.parametrize("pair", [("running", "candidate"), ("candidate", "running"), ("running", "operational")])
def test_comparing_datastores_tells_no_more(tmp_path: Path, pair: tuple[str, str]) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        await admin.rpc(EDIT.format("", "<size>43</size><item><name>gold</name><price>901</price></item>"))
        await sue.rpc(EDIT.format("", "<title>of sue</title>"))
        reply = await sue.rpc(compare(*pair))
        assert not secrets(reply)
        assert "43" not in reply
        if "candidate" in pair:
            assert "title" in reply
            assert "size" in await admin.rpc(compare(*pair))

    run(tmp_path, scenario, nacm(NO_GOLD, NO_PRICE, NO_SIZE, WRITES))


@pytest.mark.parametrize("form", ["", "<format>yang-patch</format>"])
def test_what_a_commit_would_change_shows_no_more(tmp_path: Path, form: str) -> None:
    """Also when it would take over what somebody else committed since."""
    asked = f'<compare xmlns="urn:applianced:yang:history">{form}</compare>'

    async def scenario(admin: Client, sue: Client) -> None:
        assert await sue.rpc(EDIT.format("", "<title>of sue</title>")) == OK
        assert await admin.rpc(EDIT.format("", "<size>43</size>")) == OK
        assert await admin.rpc("<commit/>") == OK
        reply = await sue.rpc(asked)
        assert "of sue" in reply
        assert not secrets(reply)
        assert "43" not in reply

    permit = rule("compare", "permit", "<module-name>applianced-history</module-name><rpc-name>compare</rpc-name>")
    run(tmp_path, scenario, nacm(permit, NO_GOLD, NO_PRICE, NO_SIZE, WRITES))


@pytest.mark.parametrize("operation", [UPDATE.format(""), "<commit/>"])
def test_a_conflict_of_what_is_hidden_shows_no_values(tmp_path: Path, operation: str) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        # In the candidate that they share, what admin edited conflicts with what another session of his committed.
        gold = "<item><name>gold</name><price>{}</price></item><size>{}</size>"
        assert await admin.rpc(EDIT.format("", gold.format(901, 43))) == OK
        other = await Client(admin.session.server, "admin").connected(PRIVATE)
        assert await other.rpc(EDIT.format("", gold.format(902, 44))) == OK
        assert await other.rpc("<commit/>") == OK
        assert "902" in await admin.rpc(operation)
        sharing = await Client(admin.session.server, "sue").connected()
        reply = await sharing.rpc(operation)
        assert tags(reply) == ["operation-failed"]
        assert not secrets(reply)
        assert not [value for value in ("901", "902", "43", "44") if value in reply]

    run(tmp_path, scenario, nacm(NO_GOLD, NO_SIZE, WRITES))


@pytest.mark.parametrize("store", ["running", "candidate"])
def test_a_read_with_ids_shows_no_more(tmp_path: Path, store: str) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        reply = await sue.rpc(get("?", store))
        assert not secrets(reply)
        assert "item tin" in etags(reply)
        assert "item gold" not in etags(reply)
        assert "item gold" in etags(await admin.rpc(get("?", store)))

    run(tmp_path, scenario, nacm(NO_GOLD, NO_PRICE, NO_SIZE))


def test_an_id_tells_that_something_hidden_changed_and_where_and_not_to_what(tmp_path: Path) -> None:
    """What the page says of ids, no more and no less: those of what is around a hidden change are new."""

    async def scenario(admin: Client, sue: Client) -> None:
        async def changed(inner: str) -> set[str]:
            before = etags(await sue.rpc(get("?")))
            assert await admin.rpc(EDIT.format("", inner)) == OK
            assert await admin.rpc("<commit/>") == OK
            reply = await sue.rpc(get("?"))
            assert not secrets(reply)
            after = etags(reply)
            assert after.keys() == before.keys() == {"data", "shop", "item tin"}
            return {name for name, etag in after.items() if etag != before[name]}

        assert await changed("<item><name>tin</name><price>8</price></item>") == {"data", "shop", "item tin"}
        assert await changed("<item><name>gold</name><price>901</price></item>") == {"data", "shop"}
        assert await changed("<size>43</size>") == {"data", "shop"}
        assert await changed('<item nc:operation="delete"><name>gold</name></item>') == {"data", "shop"}

    run(tmp_path, scenario, nacm(NO_GOLD, NO_PRICE, NO_SIZE))


def test_an_id_is_not_made_of_what_it_stands_for(tmp_path: Path) -> None:
    """Else a guess at a hidden value could be tried out."""

    async def root(directory: Path) -> str:
        async with guarding(directory, STOCK, nacm(NO_GOLD)) as server:
            return etags(await (await Client(server, "sue").connected()).rpc(get("?")))["data"]

    one, two = [asyncio.run(root(tmp_path / name)) for name in ("one", "two")]
    assert one != two
    assert one.partition("-")[0] == two.partition("-")[0]
