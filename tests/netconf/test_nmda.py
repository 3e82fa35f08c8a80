"""Datastores by name: <get-data>, <edit-data>, and locks (RFC 8526)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.netconf.server import NetconfServer
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from tests.netconf.test_operations import EDIT, GET_CANDIDATE, LOCK, OK, UNLOCK, run
from tests.netconf.test_with_defaults import MODE
from tests.support.netconf_session import Client, tags
from tests.support.no_dataplane import NoDataplane
from tests.support.shop import DECLARED
from tests.yang.models import Data, shipped

NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DS = 'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"'
OR = 'xmlns:or="urn:ietf:params:xml:ns:yang:ietf-origin"'
GET = f'<get-data xmlns="{NMDA}" {DS} {OR} xmlns:x="urn:example:shop"><datastore>ds:{{}}</datastore>{{}}</get-data>'
EDIT_DATA = f'<edit-data xmlns="{NMDA}" {DS}><datastore>ds:{{}}</datastore>{{}}</edit-data>'
CONFIG = f"<config><shop {DECLARED}>{{}}</shop></config>"
SHOP = '<subtree-filter><shop xmlns="urn:example:shop"/></subtree-filter>'
ITEM = "<item><name>a</name><kind>small</kind>{}</item>"
FIRST = f"<title>t</title>{ITEM.format('')}"
COUNTED = ITEM.format("<count>1</count>")


def data(reply: str) -> str:
    """What is in <data>, namespaces and the shop's own element left out."""
    root = etree.fromstring(reply)
    assert root.tag == f"{{{NMDA}}}data"
    text = "".join(etree.tostring(child).decode() for child in root)
    text = re.sub(' xmlns(:or)?="[^"]*"', "", text)
    return text.removeprefix("<shop>").removesuffix("</shop>")


async def get(client: Client, store: str, parameters: str = "") -> str:
    return data(await client.rpc(GET.format(store, parameters)))


@pytest.mark.parametrize("store", ["running", "candidate", "intended"])
def test_configuration(tmp_path: Path, store: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await get(one, store) == FIRST
        assert await get(one, store, "<config-filter>true</config-filter>") == FIRST
        assert await get(one, store, "<config-filter>false</config-filter>") == ""
        for mode in (MODE.format("report-all"), "<with-defaults>report-all</with-defaults>"):
            assert await get(one, store, mode) == f"<title>t</title><size>10</size>{COUNTED}"

    run(tmp_path, scenario, FIRST)


def test_operational_has_all_values_in_use_and_state(tmp_path: Path) -> None:
    everything = f"<title>t</title><size>10</size>{COUNTED}<visitors>3</visitors>"

    async def scenario(one: Client, two: Client) -> None:
        for mode in ("", MODE.format("explicit"), MODE.format("report-all")):
            assert await get(one, "operational", SHOP + mode) == everything
        trimmed = await get(one, "operational", SHOP + MODE.format("trim"))
        assert trimmed == f"{FIRST}<visitors>3</visitors>"
        tagged = await one.rpc(GET.format("operational", SHOP + MODE.format("report-all-tagged")))
        assert tagged.count('ncwd:default="true"') == 2
        whole = await one.rpc(GET.format("operational", ""))
        for part in ("<visitors>3</visitors>", "ietf-yang-library", "ietf-netconf-monitoring"):
            assert part in whole

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("<config-filter>false</config-filter>", "<visitors>3</visitors>"),
        ("<config-filter>true</config-filter>", f"<title>t</title><size>10</size>{COUNTED}"),
        ("<origin-filter>or:intended</origin-filter>", f"{FIRST}<visitors>3</visitors>"),
        (
            "<config-filter>true</config-filter><origin-filter>or:default</origin-filter>",
            "<size>10</size><item><name>a</name><count>1</count></item>",
        ),
        (
            "<config-filter>true</config-filter><negated-origin-filter>or:default</negated-origin-filter>",
            FIRST,
        ),
        (
            "<config-filter>true</config-filter><origin-filter>or:default</origin-filter>"
            "<origin-filter>or:intended</origin-filter>",
            f"<title>t</title><size>10</size>{COUNTED}",
        ),
        ("<config-filter>true</config-filter><origin-filter>or:origin</origin-filter><max-depth>2</max-depth>",
         "<title>t</title><size>10</size><item><name>a</name></item>"),
        ("<config-filter>true</config-filter><origin-filter>or:learned</origin-filter>", ""),
    ],
)  # fmt: skip
def test_filters_are_anded(tmp_path: Path, filters: str, found: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await get(one, "operational", SHOP + filters) == found
        by_path = "<xpath-filter>/x:shop</xpath-filter>"
        assert await get(one, "operational", by_path + filters) == found

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("depth", "found"),
    [
        ("1", "<shop/>"),
        ("2", "<title>t</title><item><name>a</name></item>"),
        ("3", FIRST),
        ("unbounded", FIRST),
    ],
)
def test_depth_counts_from_what_is_selected(tmp_path: Path, depth: str, found: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await get(one, "running", f"{SHOP}<max-depth>{depth}</max-depth>") == found
        deeper = f"<xpath-filter>//x:item</xpath-filter><max-depth>{depth}</max-depth>"
        assert await get(one, "running", deeper) == ("<item><name>a</name></item>" if depth == "1" else ITEM.format(""))

    run(tmp_path, scenario, FIRST)


def test_origins(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        shown = await get(one, "operational", f"{SHOP}<with-origin/>")
        assert shown == (
            '<shop or:origin="or:intended"><title>t</title><size or:origin="or:default">10</size>'
            '<item><name>a</name><kind>small</kind><count or:origin="or:default">1</count></item>'
            "<visitors>3</visitors>"
        )

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("store", "parameters", "tag", "element"),
    [
        ("startup", "", "invalid-value", "datastore"),
        ("frob", "", "invalid-value", "datastore"),
        ("running", "<with-origin/>", "invalid-value", "with-origin"),
        ("running", "<origin-filter>or:system</origin-filter>", "unknown-element", "origin-filter"),
        ("operational", "<origin-filter>or:frob</origin-filter>", "invalid-value", "origin-filter"),
        ("operational", "<origin-filter>ds:system</origin-filter>", "invalid-value", "origin-filter"),
        ("operational",
         "<origin-filter>or:system</origin-filter><negated-origin-filter>or:system</negated-origin-filter>",
         "bad-element", "negated-origin-filter"),
        ("running", "<max-depth>0</max-depth>", "invalid-value", "max-depth"),
        ("running", "<max-depth>65536</max-depth>", "invalid-value", "max-depth"),
        ("running", "<config-filter>maybe</config-filter>", "invalid-value", "config-filter"),
        ("running", MODE.format("frob"), "invalid-value", "with-defaults"),
        ("running", "<xpath-filter>//y:shop</xpath-filter>", "invalid-value", "xpath-filter"),
        ("running", "<xpath-filter>count(//x:shop)</xpath-filter>", "invalid-value", "xpath-filter"),
        ("running", f"{SHOP}<xpath-filter>//x:shop</xpath-filter>", "bad-element", "xpath-filter"),
        ("running", "<frob/>", "unknown-element", "frob"),
        ("running", "<max-depth>1</max-depth><max-depth>2</max-depth>", "bad-element", "max-depth"),
    ],
)  # fmt: skip
def test_faults_of_get_data(tmp_path: Path, store: str, parameters: str, tag: str, element: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(GET.format(store, parameters))
        assert tags(reply) == [tag]
        assert f"<bad-element>{element}</bad-element>" in reply

    run(tmp_path, scenario, FIRST)


def test_get_data_needs_a_datastore(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(f'<get-data xmlns="{NMDA}"/>')) == ["missing-element"]

    run(tmp_path, scenario)


def test_edit_data(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT_DATA.format("candidate", CONFIG.format("<title>new</title>"))) == OK
        assert await get(one, "candidate") == f"<title>new</title>{ITEM.format('')}"
        assert await get(one, "running") == FIRST
        replace = "<default-operation>replace</default-operation>"
        assert await one.rpc(EDIT_DATA.format("candidate", replace + CONFIG.format("<size>2</size>"))) == OK
        assert await one.rpc(GET_CANDIDATE) == "<data><shop><size>2</size></shop></data>"
        # One fault takes all of the edit back.
        both = CONFIG.format("<size>3</size><size>900</size>")
        assert tags(await one.rpc(EDIT_DATA.format("candidate", both)))
        assert await one.rpc(GET_CANDIDATE) == "<data><shop><size>2</size></shop></data>"

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("store", "parameters", "tag", "element"),
    [
        *((store, CONFIG.format(""), "invalid-value", "datastore") for store in ("running", "intended", "operational")),
        ("startup", CONFIG.format(""), "invalid-value", "datastore"),
        ("candidate", "", "missing-element", "config"),
        ("candidate", f"<url>file:///edit.xml</url>{CONFIG.format('')}", "bad-element", "url"),
        ("candidate", f"<default-operation>frob</default-operation>{CONFIG.format('')}", "invalid-value",
         "default-operation"),
        ("candidate", CONFIG.format("<bogus/>"), "unknown-element", "bogus"),
        ("candidate", "<config>text</config>", "bad-element", "config"),
    ],
)  # fmt: skip
def test_faults_of_edit_data(tmp_path: Path, store: str, parameters: str, tag: str, element: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(EDIT_DATA.format(store, parameters))
        assert tags(reply) == [tag]
        assert f"<bad-element>{element}</bad-element>" in reply

    run(tmp_path, scenario)


def test_locks_and_validation_by_datastore(tmp_path: Path) -> None:
    by_name = f'<datastore xmlns="{NMDA}" {DS}>ds:{{}}</datastore>'

    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(LOCK.replace("<candidate/>", by_name.format("candidate"))) == OK
        assert tags(await two.rpc(LOCK)) == ["lock-denied"]
        assert tags(await two.rpc(EDIT_DATA.format("candidate", CONFIG.format("")))) == ["in-use"]
        assert await one.rpc(UNLOCK.replace("<candidate/>", by_name.format("candidate"))) == OK
        assert await one.rpc(f"<validate><source>{by_name.format('running')}</source></validate>") == OK
        for name in ("operational", "intended", "startup"):
            reply = await one.rpc(LOCK.replace("<candidate/>", by_name.format(name)))
            assert tags(reply) == ["invalid-value"]
            assert "<bad-element>datastore</bad-element>" in reply
        assert await one.rpc(EDIT.format("", "<size>2</size>")) == OK

    run(tmp_path, scenario, FIRST)


# --- predefined applications, with the real modules ----------------------------------------------------------------


def appliance(directory: Path, scenario: Callable[[Client], Awaitable[None]], applications: Data | None) -> None:
    async def play() -> None:
        configuration = Configuration(shipped(), CommitLog(directory), builder(1), [])
        first = {"applianced-system:system": {"host-name": "a"}}
        if applications is not None:
            first["applianced-applications:applications"] = applications
        text = json.dumps(first).encode()
        await configuration.start(lambda: Tree.parse(shipped(), text, Form.JSON), source="test")
        server = NetconfServer(configuration, NoDataplane())
        try:
            await scenario(await Client(server).connected())
        finally:
            await server.close()
            configuration.close()

    asyncio.run(play())


APPLICATIONS = '<applications xmlns="urn:applianced:yang:applications">{}</applications>'
NAMED = "<application><name>{}</name></application>"
MINE = {"application": [{"name": "mine", "protocol": "tcp", "destination-port": "21"}]}


@pytest.mark.parametrize("configured", [False, True])
def test_predefined_applications_are_system_data(tmp_path: Path, configured: bool) -> None:
    async def scenario(one: Client) -> None:
        for asked in ("junos-ftp", "mine") if configured else ("junos-ftp",):
            named = APPLICATIONS.format(NAMED.format(asked))
            parameters = f"<subtree-filter>{named}</subtree-filter><with-origin/>"
            shown = await get(one, "operational", parameters)
            system = asked.startswith("junos-")
            assert f"<name>{asked}</name>" in shown
            assert ('or:origin="or:system"' in shown) == system
            assert ('or:origin="or:intended"' in shown) == configured
            for asked_of in ("running", "intended", "candidate"):
                found = await get(one, asked_of, f"<subtree-filter>{named}</subtree-filter>")
                assert bool(found) != system
            in_config = f"<get-config><source><running/></source><filter>{named}</filter></get-config>"
            assert ("<name>" in await one.rpc(in_config)) != system

    appliance(tmp_path, scenario, MINE if configured else None)


def test_system_data_by_origin_and_by_path(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        everything = f"<subtree-filter>{APPLICATIONS.format('')}</subtree-filter>"
        system = await get(one, "operational", everything + "<origin-filter>or:system</origin-filter>")
        assert "<name>junos-ftp</name>" in system
        assert "<name>mine</name>" not in system
        others = await get(one, "operational", everything + "<negated-origin-filter>or:system</negated-origin-filter>")
        assert "<name>mine</name>" in others
        assert "junos-" not in others
        path = "<xpath-filter xmlns:a=\"urn:applianced:yang:applications\">//a:application[a:name='junos-ftp']"
        found = await get(one, "operational", f"{path}/a:destination-port</xpath-filter>")
        assert "<destination-port>21</destination-port>" in found

    appliance(tmp_path, scenario, MINE)
