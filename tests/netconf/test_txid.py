"""Transaction ids (draft-ietf-netconf-transaction-id) as clients meet them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore import conditions
from tests.netconf.test_operations import EDIT, GET_RUNNING, OK
from tests.support.netconf_session import SHOP, Client, serving, tags

PRIVATE = "urn:ietf:params:netconf:capability:private-candidate:1.0"
TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
MODULE = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
DECLARED = f'xmlns:txid="{TXID}"'
GET = f"<get-config {DECLARED}{{}}><source><{{}}/></source>{{}}</get-config>"
COMMIT = f'<commit><with-etag xmlns="{MODULE}">true</with-etag></commit>'
ITEM = "<item><name>{}</name>{}<kind>small</kind></item>"
FIRST = "<title>old</title>" + ITEM.format("one", "") + ITEM.format("two", "") + "<hall><lamp>l</lamp></hall>"
Scenario = Callable[[Client, Client], Awaitable[None]]


def run(directory: Path, scenario: Scenario, first: str = FIRST, *offered: str) -> None:
    """Two sessions with one server. offered: by both."""

    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Client(server).connected(*offered), await Client(server).connected(*offered))

    asyncio.run(play())


def get(etag: str = "", store: str = "running", inner: str = "") -> str:
    """<get-config>; etag: on the operation. inner: of a filter for the shop, "" for no filter."""
    selected = f'<filter><shop xmlns="{SHOP}" {DECLARED}{inner}</shop></filter>' if inner else ""
    return GET.format(f' txid:etag="{etag}"' if etag else "", store, selected)


def etags(reply: str) -> dict[str, str]:
    """By the node: data, shop, hall, "item NAME"."""
    found = {}
    for node in etree.fromstring(reply).iter():
        if etag := node.get(f"{{{TXID}}}etag"):
            name = etree.QName(node).localname
            found[f"{name} {node[0].text}" if name == "item" else name] = str(etag)
    return found


async def read(client: Client, etag: str = "?", store: str = "running", inner: str = "") -> dict[str, str]:
    return etags(await client.rpc(get(etag, store, inner)))


async def commit(client: Client, inner: str) -> str:
    """The etag of what then runs."""
    assert await client.rpc(EDIT.format("", inner)) == OK
    return next(iter(etags(await client.rpc(COMMIT)).values()))


def test_the_hello_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            hello = await Client(server).next()
            assert b"<capability>urn:ietf:params:netconf:capability:txid:etag:1.0</capability>" in hello

    asyncio.run(scenario())


def test_every_versioned_node_has_one(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        found = await read(one)
        assert found.keys() == {"data", "shop", "item one", "item two", "hall"}
        assert len(set(found.values())) == 1
        assert re.fullmatch(r"1-[0-9a-f]{12}", found["data"])
        plain = re.sub(r' txid:etag="[^"]*"| xmlns:txid="[^"]*"', "", await one.rpc(get("?")))
        assert plain == await one.rpc(GET_RUNNING)

    run(tmp_path, scenario)


def test_a_commit_renews_what_it_changed_and_what_is_around_it(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        before = await read(one)
        etag = await commit(one, ITEM.format("two", "<price>5</price>") + ITEM.format("three", ""))
        after = await read(two)
        assert etag != before["data"]
        assert {node for node, each in after.items() if each == etag} == {"data", "shop", "item two", "item three"}
        assert {node: after[node] for node in ("item one", "hall")} == {
            node: before[node] for node in ("item one", "hall")
        }
        deleted = await commit(two, '<item nc:operation="delete"><name>three</name></item>')
        last = await read(one)
        assert {node for node, each in last.items() if each == deleted} == {"data", "shop"}
        assert last["item two"] == etag

    run(tmp_path, scenario)


def test_nothing_changed_is_one_empty_answer(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        assert await two.rpc(get(etag)) == f'<data {DECLARED} txid:etag="="/>'
        await commit(two, "<title>new</title>")
        assert (await read(one, etag)).keys() == {"data", "shop", "item one", "item two", "hall"}
        assert await one.rpc(get("9-000000000000")) == await one.rpc(get("?"))

    run(tmp_path, scenario)


def test_what_is_known_is_left_out(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        new = await commit(two, ITEM.format("two", "<price>5</price>"))
        reply = await one.rpc(get(etag))
        assert etags(reply) == {
            "data": new, "shop": new, "item one": "=", "item two": new, "hall": "=",
        }  # fmt: skip
        assert '<item txid:etag="="><name>one</name></item>' in reply
        assert '<hall txid:etag="="/>' in reply
        assert "<price>5</price>" in reply

    run(tmp_path, scenario)


def test_a_container_of_which_nothing_is_left_is_not_as_known(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        gone = '<title nc:operation="remove" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"/>'
        new = await commit(two, gone)
        for wanted in ("", "><title/>", "><item/>"):
            assert etags(await one.rpc(get(etag, inner=wanted))) == {"data": new}, wanted

    run(tmp_path, scenario, "<title>old</title>")


def test_ids_in_a_filter_are_for_what_is_below(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        wanted = f'><item txid:etag="{etag}"><name>one</name></item><hall txid:etag="?"/>'
        reply = await one.rpc(get(inner=wanted))
        assert etags(reply) == {"item one": "=", "hall": etag}
        assert "<shop>" in reply
        everything = await one.rpc(get(inner=f' txid:etag="{etag}">'))
        assert everything == f'<data {DECLARED}><shop txid:etag="="/></data>'
        leaf = await one.rpc(get(inner=f'><title txid:etag="{etag}"/>'))
        assert leaf == f'<data {DECLARED}><shop><title txid:etag="="/></shop></data>'
        await commit(two, "<title>new</title>")
        leaf = await one.rpc(get(inner=f'><title txid:etag="{etag}"/>'))
        assert leaf == f"<data {DECLARED}><shop><title>new</title></shop></data>"

    run(tmp_path, scenario)


def test_ids_with_an_xpath(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        xpath = f'<filter type="xpath" xmlns:s="{SHOP}" select="/s:shop/s:item[s:name=\'one\']"/>'
        etag = (await read(one))["data"]
        reply = await one.rpc(GET.format(' txid:etag="?"', "running", xpath))
        assert etags(reply) == {"data": etag, "shop": etag, "item one": etag}

    run(tmp_path, scenario)


def test_last_modified_is_the_other_kind(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        asked = get("?").replace("txid:etag", "txid:last-modified")
        reply = await one.rpc(asked)
        (time,) = set(re.findall(r'txid:last-modified="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"', reply))
        again = asked.replace("?", time)
        assert await one.rpc(again) == f'<data {DECLARED} txid:last-modified="="/>'
        await commit(two, "<title>new</title>")
        assert 'item txid:last-modified="="' in await one.rpc(again)
        both = get("?").replace("txid:etag", 'txid:last-modified="?" txid:etag')
        assert tags(await one.rpc(both)) == ["bad-attribute"]

    run(tmp_path, scenario)


def test_the_candidate_says_where_it_differs(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        assert set((await read(one, store="candidate")).values()) == {etag}
        edit = EDIT.format(f'<with-etag xmlns="{MODULE}">true</with-etag>', ITEM.format("two", "<price>5</price>"))
        assert await one.rpc(edit) == f'<ok {DECLARED} txid:etag="!"/>'
        assert await read(one, store="candidate") == {
            "data": "!", "shop": "!", "item one": etag, "item two": "!", "hall": etag,
        }  # fmt: skip
        assert etags(await one.rpc(get("!", "candidate")))["item two"] == "!"

    run(tmp_path, scenario)


@pytest.mark.parametrize("name", ["with-etag", "with-last-modified"])
@pytest.mark.parametrize("inner", ["", " ", "1", "yes", "TRUE", "true<x/>", "<x/>"])
def test_whether_ids_are_wanted_is_said_in_words(tmp_path: Path, name: str, inner: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        asked = f'<{name} xmlns="{MODULE}">{inner}</{name}>'
        for request in (EDIT.format(asked, "<title>new</title>"), f"<commit>{asked}</commit>"):
            reply = await one.rpc(request)
            assert tags(reply) == ["invalid-value"]
            assert f"<bad-element>{name}</bad-element>" in reply
            assert f"&lt;{name}&gt;true&lt;/{name}&gt;" in reply
        assert "new" not in await one.rpc(get(store="candidate"))

    run(tmp_path, scenario)


def test_ids_that_are_not_wanted(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(COMMIT.replace("true", "false")) == OK

    run(tmp_path, scenario)


def test_get_data_has_them_too(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        nmda = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
        asked = (
            f'<get-data xmlns="{nmda}" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores" {DECLARED} '
            'txid:etag="{}"><datastore>ds:{}</datastore>{}</get-data>'
        )
        etag = (await read(one))["data"]
        assert etags(await one.rpc(asked.format("?", "running", "")))["item one"] == etag
        assert 'txid:etag="="/>' in await one.rpc(asked.format(etag, "running", ""))
        for store, more in (("operational", ""), ("running", "<max-depth>2</max-depth>")):
            assert tags(await one.rpc(asked.format("?", store, more))) == ["operation-not-supported"]
        state = f'<get><filter><shop xmlns="{SHOP}" {DECLARED} txid:etag="?"/></filter></get>'
        assert tags(await one.rpc(state)) == ["operation-not-supported"]

    run(tmp_path, scenario)


def conditional(inner: str, config: str = "") -> str:
    edit = EDIT.format("", inner).replace("<shop ", f"<shop {DECLARED} ")
    return edit.replace("<config>", f"<config {DECLARED} {config}>")


def test_an_edit_may_demand_what_it_was_computed_from(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["item one"]
        demanding = ITEM.format("one", "<price>5</price>").replace("<item>", f'<item txid:etag="{etag}">')
        assert await one.rpc(conditional(demanding)) == OK
        new = await commit(two, "<title>new</title>" + ITEM.format("one", "<price>7</price>"))
        reply = await one.rpc("<commit/>")
        assert tags(reply) == ["operation-failed"]
        assert "<error-type>protocol</error-type>" in reply
        assert f'<txid-value-mismatch-error-info xmlns="{MODULE}">' in reply
        path = "/example:shop/example:item[example:name='one']"
        assert f'<mismatch-path xmlns:example="{SHOP}">{path}</mismatch-path>' in reply
        assert f"<mismatch-etag-value>{new}</mismatch-etag-value>" in reply
        assert "<price>7</price>" in await two.rpc(GET_RUNNING)
        # The client looks again, decides, and what it then sends counts.
        resolved = "<resolution-mode>prefer-candidate</resolution-mode>"
        update = f'<update xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate">{resolved}</update>'
        assert await one.rpc(update) == OK
        assert await one.rpc(conditional(demanding.replace(etag, new))) == OK
        assert await one.rpc("<commit/>") == OK
        assert "<price>5</price>" in await two.rpc(GET_RUNNING)

    run(tmp_path, scenario, FIRST, PRIVATE)


def test_the_change_of_another_node_does_not_matter(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["item one"]
        demanding = ITEM.format("one", "<price>5</price>").replace("<item>", f'<item txid:etag="{etag}">')
        assert await one.rpc(conditional(demanding)) == OK
        await commit(two, "<title>new</title>")
        assert await one.rpc("<commit/>") == OK

    run(tmp_path, scenario, FIRST, PRIVATE)


@pytest.mark.parametrize(("known", "tag"), [(True, []), (False, ["operation-failed"])])
def test_the_root_may_be_demanded(tmp_path: Path, known: bool, tag: list[str]) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        new = await commit(two, "<hall><lamp>m</lamp></hall>")
        edit = conditional("<title>mine</title>", f'txid:etag="{new if known else etag}"')
        assert await one.rpc(edit) == OK
        reply = await one.rpc("<commit/>")
        assert tags(reply) == tag
        assert ("<mismatch-path>/</mismatch-path>" in reply) == bool(tag)

    run(tmp_path, scenario)


def test_a_later_id_covers_older_nodes(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await read(one)
        new = await commit(two, "<title>new</title>")
        demanding = ITEM.format("one", "<price>5</price>").replace("<item>", f'<item txid:etag="{new}">')
        assert await one.rpc(conditional(demanding)) == OK
        assert await one.rpc("<commit/>") == OK

    run(tmp_path, scenario)


def test_a_node_that_another_deleted_is_not_as_demanded(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["item one"]
        demanding = ITEM.format("one", "<price>5</price>").replace("<item>", f'<item txid:etag="{etag}">')
        assert await one.rpc(conditional(demanding)) == OK
        await commit(two, '<item nc:operation="delete"><name>one</name></item>')
        assert tags(await one.rpc("<commit/>")) == ["operation-failed"]
        deleting = f'<item nc:operation="remove" txid:etag="{etag}"><name>two</name></item>'
        assert await two.rpc(conditional(deleting)) == OK
        assert await two.rpc("<commit/>") == OK

    run(tmp_path, scenario, FIRST, PRIVATE)


def test_discarded_edits_demand_nothing(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        demanding = ITEM.format("one", "<price>5</price>").replace("<item>", '<item txid:etag="0-x">')
        assert await one.rpc(conditional(demanding)) == OK
        assert tags(await one.rpc("<commit/>")) == ["operation-failed"]
        assert await one.rpc("<discard-changes/>") == OK
        assert await one.rpc("<commit/>") == OK

    run(tmp_path, scenario)


@pytest.mark.parametrize("etag", ["?", "=", "!", "", "x" * 300])
def test_what_is_no_id(tmp_path: Path, etag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        before = await one.rpc(GET_RUNNING.replace("running", "candidate"))
        reply = await one.rpc(conditional(f'<title txid:etag="{etag}">new</title>'))
        assert tags(reply) == ["bad-attribute"]
        assert "<bad-attribute>etag</bad-attribute>" in reply
        assert await one.rpc(GET_RUNNING.replace("running", "candidate")) == before

    run(tmp_path, scenario)


def test_demands_outlive_an_update_and_a_refused_commit(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["item one"]
        dear = ITEM.format("one", "<price>2000</price>").replace("<item>", f'<item txid:etag="{etag}">')
        assert await one.rpc(conditional(dear)) == OK
        await commit(two, "<title>new</title>")
        assert "must be at most 1000" in await one.rpc("<commit/>")
        await commit(two, ITEM.format("one", "<count>3</count>"))
        assert await one.rpc(EDIT.format("", ITEM.format("one", "<price>5</price>"))) == OK
        assert "txid-mismatch" in await one.rpc("<commit/>")

    run(tmp_path, scenario, FIRST, PRIVATE)


def test_demands_of_an_edit_that_is_undone_by_a_rollback_bind_nobody(tmp_path: Path) -> None:
    """One makes a confirmed commit, another edits it back, demanding what runs; then it is rolled back anyway."""

    async def scenario(one: Client, two: Client) -> None:
        confirmed = "<commit><confirmed/><confirm-timeout>600</confirm-timeout></commit>"
        assert await one.rpc(EDIT.format("", "<title>bad</title>")) == OK
        assert await one.rpc(confirmed) == OK
        etag = (await read(two))["shop"]
        back = conditional("<title>old</title>").replace("<shop", f'<shop txid:etag="{etag}"', 1)
        assert await two.rpc(back) == OK
        assert await one.rpc("<cancel-commit/>") == OK
        assert await two.rpc(EDIT.format("", "<size>7</size>")) == OK
        assert await two.rpc("<commit/>") == OK

    run(tmp_path, scenario, "<title>old</title>")


def test_what_is_left_of_a_faulty_edit_keeps_its_demands(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        edit = conditional('<title txid:etag="0-0">new</title><size>900</size>')
        going_on = edit.replace("<config", "<error-option>continue-on-error</error-option><config", 1)
        assert tags(await one.rpc(going_on)) == ["invalid-value"]
        assert "<title>new</title>" in await one.rpc(GET_RUNNING.replace("running", "candidate"))
        assert "txid-mismatch" in await one.rpc("<commit/>")
        refused = conditional('<title txid:etag="0-0">newer</title><size>900</size>')
        assert await one.rpc("<discard-changes/>") == OK
        assert tags(await one.rpc(refused)) == ["invalid-value"]
        assert await one.rpc("<commit/>") == OK

    run(tmp_path, scenario)


def test_a_full_disk_keeps_ids_back_and_no_commit(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        (tmp_path / "txids.tmp").mkdir()
        assert await one.rpc(EDIT.format("", "<title>new</title>")) == OK
        assert await one.rpc(COMMIT) == OK
        assert tags(await one.rpc(get(etag))) == ["resource-denied"]
        assert "<title>new</title>" in await two.rpc(GET_RUNNING)
        (tmp_path / "txids.tmp").rmdir()
        assert (await read(one, etag))["shop"] != etag

    run(tmp_path, scenario)


def test_demands_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "CONDITIONS_MAX", 2)

    async def scenario(one: Client, two: Client) -> None:
        items = [ITEM.format(name, "").replace("<item>", '<item txid:etag="1-0">') for name in ("one", "two", "three")]
        assert tags(await one.rpc(conditional("".join(items)))) == ["too-big"]
        assert await one.rpc(conditional("".join(items[1:]))) == OK

    run(tmp_path, scenario)


def test_ids_survive_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            one = await Client(server).connected()
            await read(one)
            await commit(one, ITEM.format("two", "<price>5</price>"))
            before = await one.rpc(get("?"))
        async with serving(tmp_path) as server:
            one = await Client(server).connected()
            assert await one.rpc(get("?")) == before
            # Nobody is told of this one, and the appliance is started anew.
            assert await one.rpc(EDIT.format("", ITEM.format("three", ""))) == OK
            assert await one.rpc("<commit/>") == OK
        async with serving(tmp_path) as server:
            one = await Client(server).connected()
            after, known = await read(one), etags(before)
            assert {node for node, etag in after.items() if known.get(node) != etag} == {"data", "shop", "item three"}

    asyncio.run(scenario())


@pytest.mark.parametrize("damage", [b"", b"{}\n{}", b'{"length": 2, "sha256": ""}\n{}'])
def test_a_broken_table_makes_all_ids_new(tmp_path: Path, damage: bytes) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            one = await Client(server).connected()
            await commit(one, "<title>new</title>")
        (tmp_path / "txids.json").write_bytes(damage)
        async with serving(tmp_path) as server:
            assert len(set((await read(await Client(server).connected())).values())) == 1

    asyncio.run(scenario())


def test_a_commit_that_changes_nothing_has_the_same_id(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        etag = (await read(one))["data"]
        assert await commit(one, "<title>old</title>") == etag
        wrong = COMMIT.replace("true", "yes")
        assert tags(await one.rpc(wrong)) == ["invalid-value"]

    run(tmp_path, scenario)


def test_back_to_what_was_is_new_again(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        first = await read(one)
        second = await commit(one, "<title>new</title>")
        third = await commit(one, "<title>old</title>")
        assert len({first["data"], second, third}) == 3
        assert (await read(one))["shop"] == third
        assert etags(await one.rpc(get(second)))["shop"] == third

    run(tmp_path, scenario)
