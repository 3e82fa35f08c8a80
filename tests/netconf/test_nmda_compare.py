"""<compare> of datastores (RFC 9144) as a client meets it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from applianced.datastore import patch
from applianced.datastore.compare import differ
from applianced.datastore.edit import EditOptions, edit
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.northbound.operational import ORIGIN_NS
from tests.netconf.test_operations import EDIT, OK
from tests.support.netconf_session import NC, SHOP, Client, serving, tags
from tests.support.shop import tree_of

NMDA = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
YANG = "urn:ietf:params:xml:ns:yang:1"
PREFIXES: Any = {None: SHOP}
etree.register_namespace("nc", NC)
etree.register_namespace("yang", YANG)
ITEM = "<item><name>{}</name>{}<kind>small</kind></item>"
FIRST = "<title>old</title>" + ITEM.format("one", "") + ITEM.format("a/b,c", "")
Scenario = Callable[[Client], Awaitable[None]]


def run(directory: Path, scenario: Scenario, first: str = FIRST) -> None:
    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Client(server).connected())

    asyncio.run(play())


def compare(source: str, target: str, more: str = "") -> str:
    named = f"<source>ds:{source}</source><target>ds:{target}</target>"
    return f'<compare xmlns="{NMDA}" xmlns:ds="{DS}">{named}{more}</compare>'


def edits(reply: str) -> list[dict[str, str]]:
    """The leaves of each edit, values as XML."""
    root = etree.fromstring(reply)
    assert root.tag == f"{{{NMDA}}}differences"
    assert root.findtext(f"{{{NMDA}}}yang-patch/{{{NMDA}}}patch-id")
    return [
        {
            etree.QName(leaf).localname: (leaf.text or "") + "".join(etree.tostring(each).decode() for each in leaf)
            for leaf in one
        }
        for one in root.iter(f"{{{NMDA}}}edit")
    ]


def test_running_against_the_candidate(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        assert edits(await one.rpc(compare("running", "candidate"))) == []
        change = "<title>new</title><size>5</size>" + '<item nc:operation="delete"><name>a/b,c</name></item>'
        assert await one.rpc(EDIT.format("", change + ITEM.format("two", ""))) == OK
        found = {each["target"]: each for each in edits(await one.rpc(compare("running", "candidate")))}
        assert found.keys() == {
            "/example:shop/title", "/example:shop/size", "/example:shop/item=a%2Fb%2Cc", "/example:shop/item=two",
        }  # fmt: skip
        title = found["/example:shop/title"]
        assert title["operation"] == "replace"
        assert ">new</title>" in title["value"]
        assert ">old</title>" in title["source-value"]
        assert found["/example:shop/size"]["operation"] == "create"
        deleted = found["/example:shop/item=a%2Fb%2Cc"]
        assert (deleted["operation"], "value" in deleted) == ("delete", False)
        assert "<name>a/b,c</name>" in deleted["source-value"]
        back = {each["target"]: each["operation"] for each in edits(await one.rpc(compare("candidate", "running")))}
        assert back["/example:shop/item=a%2Fb%2Cc"] == "create"

    run(tmp_path, scenario)


def test_filters(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        assert await one.rpc(EDIT.format("", "<title>new</title><size>5</size>")) == OK
        subtree = f'<subtree-filter><shop xmlns="{SHOP}"><size/></shop></subtree-filter>'
        assert [each["target"] for each in edits(await one.rpc(compare("running", "candidate", subtree)))] == [
            "/example:shop"
        ]
        xpath = f'<xpath-filter xmlns:s="{SHOP}">/s:shop/s:title</xpath-filter>'
        assert [each["target"] for each in edits(await one.rpc(compare("running", "candidate", xpath)))] == [
            "/example:shop/title"
        ]
        nothing = xpath.replace("s:title", "s:paint")
        assert await one.rpc(compare("running", "candidate", nothing)) == f'<no-matches xmlns="{NMDA}"/>'

    run(tmp_path, scenario)


def test_operational(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        assert edits(await one.rpc(compare("running", "operational"))) == []
        found = edits(await one.rpc(compare("running", "operational", "<all/>")))
        assert "/example:shop/visitors" in {each["target"] for each in found}
        origin = await one.rpc(compare("operational", "running", "<report-origin/>"))
        assert edits(origin) == []
        assert await one.rpc(EDIT.format("", "<title>new</title>")) == OK
        (title,) = edits(await one.rpc(compare("candidate", "operational", "<report-origin/>")))
        assert title["target"] == "/example:shop/title"
        assert f'xmlns:or="{ORIGIN_NS}"' in title["value"]
        assert 'or:origin="or:intended">old</title>' in title["value"]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("operation", "tag", "element"),
    [
        (compare("startup", "running"), "invalid-value", "source"),
        (compare("running", "nowhere"), "invalid-value", "target"),
        (compare("running", "candidate", "<frob/>"), "unknown-element", "frob"),
        (compare("running", "candidate", "<report-origin/>"), "invalid-value", "report-origin"),
        (compare("running", "candidate", "<all>x</all>"), "invalid-value", "all"),
        (compare("running", "candidate", "<xpath-filter>/a:b</xpath-filter>"), "invalid-value", "xpath-filter"),
        (compare("running", "candidate", "<subtree-filter/><xpath-filter>/</xpath-filter>"), "bad-element",
         "xpath-filter"),
        (f'<compare xmlns="{NMDA}"/>', "missing-element", "source"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, operation: str, tag: str, element: str) -> None:
    async def scenario(one: Client) -> None:
        reply = await one.rpc(operation)
        assert tags(reply) == [tag]
        assert f"<bad-element>{element}</bad-element>" in reply

    run(tmp_path, scenario)


SHELVES = st.lists(st.integers(1, 5), unique=True, max_size=4).map(
    lambda rows: "".join(f"<shelf><row>{row}</row><column>c</column></shelf>" for row in rows)
)
QUEUES = st.lists(st.sampled_from("abc"), unique=True).map(
    lambda values: "".join(f"<queue>{value}</queue>" for value in values)
)
TAGS = st.sets(st.sampled_from(["x", "y&<", 'z"'])).map(
    lambda values: "".join(f"<tag>{value.replace('&', '&amp;').replace('<', '&lt;')}</tag>" for value in sorted(values))
)
PARTS = st.sampled_from(["", "<title>a</title>", "<title>b</title><size>4</size>"])
HALLS = st.sampled_from(["", "<hall><lamp>l</lamp></hall>", "<hall><rug><length>3</length></rug></hall>"])
ITEMS = st.sets(st.sampled_from(["p", "q'r", "s/t"])).map(
    lambda names: "".join(ITEM.format(name, "<price>3</price>" if name == "p" else "") for name in sorted(names))
)
SHOPS = st.tuples(PARTS, HALLS, ITEMS, TAGS, SHELVES, QUEUES).map("".join)


@settings(max_examples=300, deadline=None)
@given(SHOPS, SHOPS)
def test_the_patch_leads_from_one_to_the_other(before: str, after: str) -> None:
    with tree_of(before) as source, tree_of(after) as target:
        text = patch.render(patch.edits(source, target), Writer(), Writer())
        applied(source, f"<yang-patch>{text.decode()}</yang-patch>")
        assert not differ(source, target), text


def applied(tree: Tree, text: str) -> None:
    """Make the edits of a YANG patch by <edit-config>."""
    for one in etree.fromstring(text).iter("edit"):
        operation, target = one.findtext("operation"), str(one.findtext("target"))
        value = one.find("value")
        element = value[0] if value is not None else node_at(target)
        wanted = {"move": "merge", "insert": "create"}.get(str(operation), str(operation))
        element.set(f"{{{NC}}}operation", wanted)
        if where := one.findtext("where"):
            element.set(f"{{{YANG}}}insert", where)
        if point := one.findtext("point"):
            step = unquote(point.rpartition("=")[2])
            key = "key" if "/shelf=" in point else "value"
            row, _, column = step.partition(",")
            element.set(f"{{{YANG}}}{key}", f"[row='{row}'][column='{column}']" if key == "key" else step)
        top = element
        for name in reversed([unquote(step) for step in target.split("/")[1:-1]]):
            holder = etree.Element(f"{{{SHOP}}}{name.rpartition(':')[2]}", nsmap=PREFIXES)
            holder.append(top)
            top = holder
        edit(tree, [top], EditOptions())


def node_at(target: str) -> etree._Element:
    """An element with the keys or the value that the last step of a path names."""
    name, _, text = target.rpartition("/")[2].partition("=")
    element = etree.Element(f"{{{SHOP}}}{name.rpartition(':')[2]}", nsmap=PREFIXES)
    values = [unquote(each) for each in text.split(",")]
    keys = {"item": ["name"], "shelf": ["row", "column"]}.get(name)
    if keys is None:
        element.text = values[0]
    for key, each in zip(keys or (), values, strict=False):
        etree.SubElement(element, f"{{{SHOP}}}{key}").text = each
    return element
