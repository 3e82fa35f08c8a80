"""Candidates of one session each (draft-ietf-netconf-privcand) as clients meet them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore.rebase import Resolution
from tests.netconf.test_history import changes, compare
from tests.netconf.test_operations import EDIT, GET_CANDIDATE, GET_RUNNING, LOCK, OK, UNLOCK
from tests.support.guarded import guarding, nacm
from tests.support.netconf_session import Client, serving, tags
from tests.support.until import eventually

PRIVATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
UPDATE = '<update xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate">{}</update>'
CONFLICT = "{urn:applianced:yang:conflict}"
DISCARD = "<discard-changes/>"
ITEM = "<item><name>{}</name><kind>small</kind>{}</item>"
FIRST = "<title>old</title>" + ITEM.format("one", "") + ITEM.format("two", "")
Scenario = Callable[[Client, Client], Awaitable[None]]


def run(directory: Path, scenario: Scenario, first: str = FIRST, *, second: str = PRIVATE) -> None:
    """Two sessions with one server, the first with a candidate of its own. second: what the other offers."""

    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Client(server).connected(PRIVATE), await Client(server).connected(second))

    asyncio.run(play())


def mode(resolution: Resolution) -> str:
    return UPDATE.format(f"<resolution-mode>{resolution.value}</resolution-mode>")


async def edit(client: Client, inner: str) -> None:
    assert await client.rpc(EDIT.format("", inner)) == OK


async def commit(client: Client, inner: str) -> None:
    await edit(client, inner)
    assert await client.rpc("<commit/>") == OK


def conflicts(reply: str) -> list[dict[str, str | None]]:
    """The error-info of each conflict, by the names of its leaves."""
    found = etree.fromstring(f"<r>{reply}</r>").iter(f"{CONFLICT}conflict")
    return [{etree.QName(leaf).localname: leaf.text for leaf in conflict} for conflict in found]


def test_the_hello_says_which_modes_there_are(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            hello = (await Client(server).next()).decode()
        modes = "revert-on-conflict,prefer-candidate,prefer-running"
        assert f"<capability>{PRIVATE}?supported-resolution-modes={modes}</capability>" in hello

    asyncio.run(scenario())


@pytest.mark.parametrize("offered", [PRIVATE, f"{PRIVATE}?supported-resolution-modes=revert-on-conflict"])
def test_nobody_sees_or_commits_the_edits_of_another(tmp_path: Path, offered: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        await edit(two, "<size>7</size>")
        assert "mine" not in await two.rpc(GET_CANDIDATE)
        assert "<size>" not in await one.rpc(GET_CANDIDATE)
        assert await two.rpc("<commit/>") == OK
        assert "mine" not in await two.rpc(GET_RUNNING)
        assert await one.rpc("<commit/>") == OK
        running = await two.rpc(GET_RUNNING)
        assert "<title>mine</title>" in running
        assert "<size>7</size>" in running

    run(tmp_path, scenario, second=offered)


@pytest.mark.parametrize("second", [PRIVATE, ""], ids=["its own", "the shared one"])
def test_compare_is_what_a_commit_would_change(tmp_path: Path, second: str) -> None:
    """Not what others have committed since the candidate was made, which the commit takes over."""

    async def scenario(other: Client, one: Client) -> None:
        assert await one.rpc(compare()) == changes("")
        await edit(one, "<title>mine</title>")
        await commit(other, "<size>7</size>")
        assert await one.rpc(compare()) == changes("set shop title mine\n")
        assert await one.rpc(compare("<running/>", "<candidate/>")) == changes("set shop title mine\n")
        patch = etree.fromstring(await one.rpc(compare(more="<format>yang-patch</format>")))
        assert [each.text for each in patch.iter("{*}target")] == ["/example:shop/title"]
        # Where both changed a node, what the candidate would have it be.
        await commit(other, "<title>theirs</title>")
        assert await one.rpc(compare()) == changes("set shop title mine\n")
        assert await one.rpc(DISCARD) == OK
        assert await one.rpc(compare()) == changes("")

    run(tmp_path, scenario, second=second)


def test_delete_config_begins_anew(tmp_path: Path) -> None:
    delete = "<delete-config><target><candidate/></target></delete-config>"

    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(delete) == OK
        await edit(one, "<title>mine</title>")
        await commit(two, "<size>7</size>")
        assert await one.rpc(delete) == OK
        shown = await one.rpc(GET_CANDIDATE)
        assert "<title>old</title><size>7</size>" in shown
        assert await one.rpc("<commit/>") == OK
        assert "mine" not in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_sessions_that_do_not_ask_share_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            one, two = await Client(server).connected(), await Client(server).connected()
            own = await Client(server).connected(PRIVATE)
            await edit(one, "<title>ours</title>")
            assert "ours" in await two.rpc(GET_CANDIDATE)
            assert "ours" not in await own.rpc(GET_CANDIDATE)
            await commit(own, "<size>7</size>")
            # The shared candidate would take the size away again, had it not been updated.
            assert await two.rpc("<commit/>") == OK
            assert "<title>ours</title><size>7</size>" in await own.rpc(GET_RUNNING)

    asyncio.run(scenario())


def test_a_shared_candidate_meets_conflicts_too(tmp_path: Path) -> None:
    async def scenario(own: Client, sharing: Client) -> None:
        await edit(sharing, "<title>ours</title>")
        await commit(own, "<title>theirs</title>")
        assert tags(await sharing.rpc("<commit/>")) == ["operation-failed"]
        assert await sharing.rpc(mode(Resolution.PREFER_CANDIDATE)) == OK
        assert await sharing.rpc("<commit/>") == OK
        assert "<title>ours</title>" in await own.rpc(GET_RUNNING)

    run(tmp_path, scenario, second="urn:ietf:params:netconf:capability:xpath:1.0")


def test_a_conflict_names_the_node_both_values_and_who_committed_theirs(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>" + ITEM.format("one", "<price>5</price>"))
        await commit(two, "<title>theirs</title>")
        await commit(two, '<item nc:operation="delete"><name>one</name></item>')
        await commit(two, "<size>7</size>")
        before = await one.rpc(GET_CANDIDATE)
        reply = await one.rpc("<commit/>")
        assert tags(reply) == ["operation-failed", "operation-failed"]
        assert "<error-app-tag>conflict</error-app-tag>" in reply
        assert '<error-path xmlns:example="urn:example:shop">/example:shop/example:title</error-path>' in reply
        assert 'the candidate has "mine", running has "theirs" since commit 2 of admin at ' in reply
        title, item = conflicts(reply)
        assert title["time"]
        assert title | {"time": ""} == {
            "path": "/example:shop/title",
            "base": "old",
            "candidate": "mine",
            "running": "theirs",
            "commit": "2",
            "user": "admin",
            "client": "192.0.2.1:4711",
            "time": "",
        }
        assert item["path"] == "/example:shop/item[name='one']"
        assert "<price>5</price>" in str(item["candidate"])
        assert ("running" in item, item["commit"]) == (False, "3")
        # Nothing is lost, and nothing was taken over.
        assert await one.rpc(GET_CANDIDATE) == before
        assert "<title>theirs</title>" in await one.rpc(GET_RUNNING)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("resolution", "title"), [(Resolution.PREFER_CANDIDATE, "mine"), (Resolution.PREFER_RUNNING, "theirs")]
)
def test_update_resolves(tmp_path: Path, resolution: Resolution, title: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title><size>5</size>")
        await commit(two, "<title>theirs</title><tag>t</tag>")
        assert tags(await one.rpc(UPDATE.format(""))) == ["operation-failed"]
        assert await one.rpc(mode(resolution)) == OK
        candidate = await one.rpc(GET_CANDIDATE)
        for part in (f"<title>{title}</title>", "<size>5</size>", "<tag>t</tag>"):
            assert part in candidate
        assert await one.rpc("<commit/>") == OK
        assert await two.rpc(GET_RUNNING) == candidate

    run(tmp_path, scenario)


def test_an_edit_to_what_running_has_resolves_too(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title><size>5</size>")
        await commit(two, "<title>theirs</title>")
        assert tags(await one.rpc("<commit/>")) == ["operation-failed"]
        await edit(one, "<title>theirs</title>")
        assert await one.rpc("<commit/>") == OK
        assert "<title>theirs</title><size>5</size>" in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_a_candidate_stays_as_it_was_made_until_it_is_updated(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        first = await one.rpc(GET_CANDIDATE)
        await commit(two, "<title>theirs</title>")
        assert await one.rpc(GET_CANDIDATE) == first
        # Edited on the strength of what was read before the other's commit.
        await edit(one, "<title>mine</title>")
        assert tags(await one.rpc("<commit/>")) == ["operation-failed"]
        assert await one.rpc(DISCARD) == OK
        assert await one.rpc(GET_CANDIDATE) == first
        assert await one.rpc(UPDATE.format("")) == OK
        assert await one.rpc(GET_CANDIDATE) == await one.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_update_without_changes_or_news(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(UPDATE.format("")) == OK
        await edit(one, "<title>mine</title>")
        assert await one.rpc(UPDATE.format("")) == OK
        assert "mine" in await one.rpc(GET_CANDIDATE)
        reply = await one.rpc(UPDATE.format("<resolution-mode>overwrite</resolution-mode>"))
        assert tags(reply) == ["invalid-value"]
        assert "<bad-element>resolution-mode</bad-element>" in reply
        assert tags(await one.rpc(UPDATE.format("<frob/>"))) == ["unknown-element"]

    run(tmp_path, scenario)


def test_whole_replacements_start_from_running(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        await commit(two, "<title>theirs</title>")
        copy = "<copy-config><target><candidate/></target><source>{}</source></copy-config>"
        assert await one.rpc(copy.format("<running/>")) == OK
        assert await one.rpc(GET_CANDIDATE) == await one.rpc(GET_RUNNING)
        inline = '<config><shop xmlns="urn:example:shop"><title>whole</title></shop></config>'
        assert await one.rpc(copy.format(inline)) == OK
        rollback = '<rollback xmlns="urn:applianced:yang:history"><number>1</number></rollback>'
        assert await one.rpc(rollback) == OK
        assert "<title>old</title>" in await one.rpc(GET_CANDIDATE)
        compare = '<compare xmlns="urn:applianced:yang:history"/>'
        assert "set shop title old" in await one.rpc(compare)
        assert "set shop" not in await two.rpc(compare)
        assert await one.rpc("<commit/>") == OK
        assert "<title>old</title>" in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_validate_reads_the_own_candidate(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, ITEM.format("dear", "<price>2000</price>"))
        validate = "<validate><source><candidate/></source></validate>"
        assert tags(await one.rpc(validate)) == ["operation-failed"]
        assert await two.rpc(validate) == OK
        assert tags(await one.rpc("<commit/>")) == ["operation-failed"]
        assert "dear" in await one.rpc(GET_CANDIDATE)

    run(tmp_path, scenario)


def test_what_two_commits_make_of_the_model_together_is_tested(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, ITEM.format("one", "<twin>two</twin>"))
        await commit(two, '<item nc:operation="delete"><name>two</name></item>')
        assert tags(await one.rpc("<commit/>")) == ["data-missing"]
        assert "<twin>two</twin>" in await one.rpc(GET_CANDIDATE)
        assert "<twin>" not in await one.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_locks(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        assert await one.rpc(LOCK) == OK
        assert await two.rpc(LOCK) == OK
        assert tags(await one.rpc(LOCK)) == ["lock-denied"]
        assert await one.rpc(UNLOCK) == OK
        assert tags(await one.rpc(UNLOCK)) == ["operation-failed"]
        assert "mine" in await one.rpc(GET_CANDIDATE)
        assert await two.rpc(LOCK.replace("candidate", "running")) == OK
        await edit(one, "<size>5</size>")
        assert tags(await one.rpc("<commit/>")) == ["in-use"]
        assert await two.rpc(UNLOCK.replace("candidate", "running")) == OK
        assert await one.rpc("<commit/>") == OK

    run(tmp_path, scenario)


def test_the_lock_of_the_shared_candidate_keeps_no_other_out(tmp_path: Path) -> None:
    async def scenario(own: Client, sharing: Client) -> None:
        assert await sharing.rpc(LOCK) == OK
        await commit(own, "<title>mine</title>")
        assert "mine" in await sharing.rpc(GET_CANDIDATE)

    run(tmp_path, scenario, second="urn:ietf:params:netconf:capability:xpath:1.0")


CONFIRMED = "<commit><confirmed/>{}</commit>"


def test_a_confirmed_commit_taken_back_returns_the_changes(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        assert await one.rpc(CONFIRMED.format("")) == OK
        await edit(one, "<size>5</size>")
        assert await one.rpc("<cancel-commit/>") == OK
        assert "<title>old</title>" in await two.rpc(GET_RUNNING)
        assert "<title>mine</title><size>5</size>" in await one.rpc(GET_CANDIDATE)
        assert await one.rpc("<commit/>") == OK
        assert "<title>mine</title><size>5</size>" in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_the_timeout_returns_them_as_well(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        assert await one.rpc(CONFIRMED.format("<confirm-timeout>1</confirm-timeout>")) == OK
        await eventually(lambda: one.session.server.configuration.pending is None)
        assert "<title>old</title>" in await two.rpc(GET_RUNNING)
        assert "<title>mine</title>" in await one.rpc(GET_CANDIDATE)

    run(tmp_path, scenario)


def test_a_token_is_for_any_session(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        assert await one.rpc(CONFIRMED.format("<persist>t</persist>")) == OK
        await edit(two, "<size>5</size>")
        assert tags(await two.rpc("<commit/>")) == ["invalid-value"]
        assert await two.rpc("<commit><persist-id>t</persist-id></commit>") == OK
        assert "<title>mine</title><size>5</size>" in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario)


@pytest.mark.parametrize("end", ["drop", "close", "kill"])
def test_it_ends_with_its_session(tmp_path: Path, end: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await edit(one, "<title>mine</title>")
        candidates = one.session.server.configuration.candidates
        assert candidates.count == 1
        if end == "drop":
            one.session.lost()
        elif end == "close":
            assert await one.rpc("<close-session/>") == OK
        else:
            assert await two.rpc("<kill-session><session-id>1</session-id></kill-session>") == OK
        await one.closed()
        assert candidates.count == 0
        assert "mine" not in await two.rpc(GET_RUNNING)
        assert "mine" not in await two.rpc(GET_CANDIDATE)

    run(tmp_path, scenario)


def test_there_is_a_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            limit = server.limits.private_candidate_limit
            clients = [await Client(server).connected(PRIVATE) for _ in range(limit + 1)]
            for client in clients[:limit]:
                await edit(client, "<title>mine</title>")
            reply = await clients[limit].rpc(EDIT.format("", "<title>mine</title>"))
            assert tags(reply) == ["resource-denied"]
            assert "private-candidate-limit" in reply
            assert server.counters.private_candidates_refused == 1
            refused = f"session {limit + 1} (admin from 192.0.2.1:4711) is refused a candidate of its own: "
            assert f"{refused}private-candidate-limit is {limit}" in caplog.text
            for operation in (GET_CANDIDATE, "<validate><source><candidate/></source></validate>", "<commit/>"):
                assert tags(await clients[limit].rpc(operation)) == ["resource-denied"]
            assert server.counters.private_candidates_refused == 4
            assert "<title>old</title>" in await clients[limit].rpc(GET_RUNNING)
            assert await clients[0].rpc("<close-session/>") == OK
            await clients[0].closed()
            await edit(clients[limit], "<title>mine</title>")
            assert server.counters.private_candidates_refused == 4

    asyncio.run(scenario())


def test_who_is_held_back_by_rules_is_refused_as_audibly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with guarding(
            tmp_path, "<title>old</title>", nacm(leaves="<write-default>permit</write-default>")
        ) as server:
            for _ in range(server.limits.private_candidate_limit):
                await edit(await Client(server).connected(PRIVATE), "<title>mine</title>")
            sue = await Client(server, "sue").connected(PRIVATE)
            assert tags(await sue.rpc(EDIT.format("", "<title>mine</title>"))) == ["resource-denied"]
            assert server.counters.private_candidates_refused == 1
            assert "(sue from 192.0.2.1:4711) is refused a candidate of its own" in caplog.text

    asyncio.run(scenario())


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    async def one_of_many(client: Client, name: str) -> None:
        for price in range(5):
            await commit(client, ITEM.format(name, f"<price>{price}</price>"))
            if price % 3 == 0:
                assert await client.rpc(GET_CANDIDATE) != "<data/>"

    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            names = [f"n{at}" for at in range(6)]
            clients = [await Client(server).connected(PRIVATE) for _ in names]
            await asyncio.gather(*(one_of_many(*pair) for pair in zip(clients, names, strict=True)))
            running = await clients[0].rpc(GET_RUNNING)
            for name in names:
                assert f"<name>{name}</name><price>4</price><kind>small</kind>" in running
            assert len(server.configuration.history()) == 1 + 5 * len(names)

    asyncio.run(scenario())
