"""The capability :xpath (RFC 6241 8.9)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from applianced.datastore.xpath import LENGTH_MAX
from tests.netconf.test_operations import EDIT, GET_RUNNING, OK, run
from tests.support.netconf_session import Client, tags

FILTER = '<filter xmlns:x="urn:example:shop" xmlns:no="urn:none" type="xpath" select="{}"/>'
GET_CONFIG = "<get-config><source><{}/></source>{}</get-config>"
SMALL, LARGE = "<kind>small</kind>", "<kind>large</kind>"
A = f"<item><name>a</name><price>1</price>{SMALL}</item>"
B = f"<item><name>b</name><price>2</price>{LARGE}</item>"
FIRST = f"<title>t</title><paint>ex:red</paint>{A}{B}"
PAINT = '<paint xmlns:ex="urn:example:shop">ex:red</paint>'


def shop(inner: str) -> str:
    return f"<data><shop>{inner}</shop></data>" if inner else "<data/>"


@pytest.mark.parametrize(
    ("select", "found"),
    [
        pytest.param("/", f"<title>t</title>{PAINT}{A}{B}", id="everything"),
        pytest.param("/x:shop", f"<title>t</title>{PAINT}{A}{B}", id="a container"),
        pytest.param("/x:shop/x:item[x:name='b']", B, id="an entry"),
        pytest.param("/x:shop/x:item[2]/x:kind", "<item><name>b</name><kind>large</kind></item>", id="keys come along"),
        pytest.param("/x:shop/x:item/x:name", "<item><name>a</name></item><item><name>b</name></item>", id="keys only"),
        pytest.param("//x:item[x:price > 1]/x:name/..", B, id="up again"),
        pytest.param("//x:kind | /x:shop/x:item[1]", f"{A}<item><name>b</name><kind>large</kind></item>", id="union"),
        pytest.param("//x:paint[.='x:red']", PAINT, id="a prefix in a value"),
        pytest.param("//x:paint[derived-from(., 'x:colour')]", PAINT, id="a function of RFC 7950"),
        pytest.param("/x:shop/x:item[x:name='none']", "", id="nothing"),
        pytest.param("//x:title[. = 'no:such']", "", id="what looks like a prefix in a literal"),
        pytest.param("//*[local-name() = 'title']", "<title>t</title>", id="by local name"),
        pytest.param("//x:item[1]/x:name[1] | x:shop/x:paint[1]", f"{PAINT}<item><name>a</name></item>", id="counted"),
        pytest.param("//x:item/x:price[. mod 2 = 0]", "<item><name>b</name><price>2</price></item>", id="even"),
        pytest.param("//x:price/text()", f"{A}{B}".replace(SMALL, "").replace(LARGE, ""), id="text"),
    ],
)  # fmt: skip
def test_what_is_selected(tmp_path: Path, select: str, found: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(GET_CONFIG.format("running", FILTER.format(select.replace(">", "&gt;")))) == shop(found)

    run(tmp_path, scenario, FIRST)


def test_get_sees_state_and_configuration_in_one_tree(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        asked = f"<get>{FILTER.format('/x:shop[x:title]/x:visitors[. = 3]')}</get>"
        assert await one.rpc(asked) == shop("<visitors>3</visitors>")
        library = FILTER.format("//l:module[l:name='example']/l:namespace").replace(
            "xmlns:no", 'xmlns:l="urn:ietf:params:xml:ns:yang:ietf-yang-library" xmlns:no'
        )
        assert "<name>example</name>" in await one.rpc(f"<get>{library}</get>")

    run(tmp_path, scenario, FIRST)


def test_an_edited_candidate(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", "<title>new</title>")) == OK
        for store, title in (("candidate", "new"), ("running", "t")):
            assert await two.rpc(GET_CONFIG.format(store, FILTER.format("//x:title"))) == shop(
                f"<title>{title}</title>"
            )

    run(tmp_path, scenario, FIRST)


def test_qualified_attributes(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        qualified = (
            '<nc:filter xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:x="urn:example:shop" '
            'nc:type="xpath" nc:select="//x:title"/>'
        )
        assert await one.rpc(GET_CONFIG.format("running", qualified)) == shop("<title>t</title>")

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("select", "tag", "said"),
    [
        ("/x:shop[", "bad-attribute", "expression end"),
        ("", "bad-attribute", "empty"),
        ("/y:shop", "bad-attribute", "xmlns:y"),
        ("/no:shop", "bad-attribute", "urn:none"),
        ("/shop", "bad-attribute", "prefix:name"),
        ("/x:shop[frob()]", "bad-attribute", "frob"),
        ("$x", "bad-attribute", "variable"),
        ("1 + 1", "invalid-value", "select nodes"),
        ("count(//x:item)", "invalid-value", "select nodes"),
        ("(" * 2000 + "1" + ")" * 2000, "bad-attribute", "nest less"),
        ("/x:shop" + "/." * (LENGTH_MAX // 2), "too-big", str(LENGTH_MAX)),
    ],
)
@pytest.mark.parametrize("first", [FIRST, ""])
def test_a_bad_expression_is_named_and_the_session_goes_on(
    tmp_path: Path, first: str, select: str, tag: str, said: str
) -> None:
    async def scenario(one: Client, two: Client) -> None:
        for asked in (GET_CONFIG.format("running", FILTER.format(select)), f"<get>{FILTER.format(select)}</get>"):
            reply = await one.rpc(asked)
            assert tags(reply) == [tag]
            assert said in reply
            if tag != "too-big":
                assert "<bad-attribute>select</bad-attribute><bad-element>filter</bad-element>" in reply
        assert tags(await one.rpc(GET_RUNNING)) == []

    run(tmp_path, scenario, first)


def test_the_longest_expression(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        select = "/x:shop/x:title[. != '']"
        select = select.replace("''", f"'{'a' * (LENGTH_MAX - len(select))}'")
        assert await one.rpc(GET_CONFIG.format("running", FILTER.format(select))) == shop("<title>t</title>")

    run(tmp_path, scenario, FIRST)


def test_an_xpath_needs_select(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc('<get><filter type="xpath"/></get>')
        assert tags(reply) == ["missing-attribute"]
        assert "<bad-attribute>select</bad-attribute><bad-element>filter</bad-element>" in reply

    run(tmp_path, scenario)


SLOW = FILTER.format("//x:item[not(//x:item[. = ''])]")


def items(count: int) -> str:
    return "".join(f"<item><name>{n}</name><kind>small</kind></item>" for n in range(count))


def test_a_slow_expression_holds_up_nobody(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        slow = asyncio.create_task(one.rpc(GET_CONFIG.format("running", SLOW)))
        while not slow.done():
            before = asyncio.get_running_loop().time()
            await two.rpc("<discard-changes/>")
            assert asyncio.get_running_loop().time() - before < 0.5
            await asyncio.sleep(0)
        assert (await slow).count("<item>") == 1000

    run(tmp_path, scenario, items(1000))


def test_a_slow_look_at_the_candidate_keeps_no_edit_waiting(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", "<title>new</title>")) == OK
        slow = asyncio.create_task(one.rpc(GET_CONFIG.format("candidate", SLOW)))
        await asyncio.sleep(0)
        assert await two.rpc(EDIT.format("", "<title>newer</title>")) == OK
        assert not slow.done()
        assert (await slow).count("<item>") == 1000

    run(tmp_path, scenario, items(1000))


def test_an_expression_that_would_take_too_long_is_refused(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(GET_CONFIG.format("running", SLOW))
        assert tags(reply) == ["resource-denied"]
        assert "more narrowly" in reply
        found = await one.rpc(GET_CONFIG.format("running", FILTER.format("//x:item[x:name = '7']/x:kind")))
        assert found == shop("<item><name>7</name><kind>small</kind></item>")

    run(tmp_path, scenario, items(1300))
