"""ietf-netconf-monitoring (RFC 6022)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore import native
from applianced.datastore.schemas import yang_directory
from applianced.netconf.framing import Framing, frame
from tests.netconf.test_operations import LOCK, OK, UNLOCK, run
from tests.support.netconf_session import Client, serving, tags
from tests.support.shop import YANG, shop_models

NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
GET_SCHEMA = f'<get-schema xmlns="{NS}">{{}}</get-schema>'
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)")


async def state(client: Client, inner: str) -> etree._Element:
    """<netconf-state> with that part of it that `inner` selects."""
    asked = f'<get><filter><netconf-state xmlns="{NS}">{inner}</netconf-state></filter></get>'
    root = etree.fromstring((await client.rpc(asked)).encode())
    assert [etree.QName(child).localname for child in root] == ["netconf-state"]
    return root[0]


def texts(element: etree._Element, path: str) -> list[str]:
    """Texts of the descendants at a path of names, all in the module's namespace."""
    steps = "/".join(f"{{{NS}}}{step}" for step in path.split("/"))
    return [str(found.text) for found in element.iterfind(f".//{steps}")]


def test_sessions_are_those_that_are_open(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc("<frob/>")
        one.octets(b"no xml")
        await one.next()
        shown = await state(two, "<sessions/>")
        assert texts(shown, "session/session-id") == ["1", "2"]
        assert texts(shown, "session/username") == ["admin", "admin"]
        assert texts(shown, "session/source-host") == ["192.0.2.1", "192.0.2.1"]
        assert [text.rpartition(":")[2] for text in texts(shown, "session/transport")] == ["netconf-ssh"] * 2
        assert all(TIME.fullmatch(text) for text in texts(shown, "session/login-time"))
        assert texts(shown, "session/in-rpcs") == ["1", "0"]
        assert texts(shown, "session/in-bad-rpcs") == ["1", "0"]
        assert texts(shown, "session/out-rpc-errors") == ["2", "0"]
        one.session.lost()
        await one.closed()
        assert texts(await state(two, "<sessions/>"), "session/session-id") == ["2"]

    run(tmp_path, scenario)


def test_locks_say_who_and_since_when(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(LOCK) == OK
        shown = await state(two, "<datastores/>")
        assert texts(shown, "datastore/name") == ["running", "candidate"]
        assert texts(shown, "locks/global-lock/locked-by-session") == ["1"]
        (since,) = texts(shown, "locks/global-lock/locked-time")
        assert TIME.fullmatch(since)
        assert await one.rpc(UNLOCK) == OK
        assert texts(await state(two, "<datastores/>"), "locks/global-lock/locked-by-session") == []

    run(tmp_path, scenario)


def test_capabilities_are_those_of_the_hello(tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path) as server:
            client = Client(server)
            hello = re.findall("<capability>([^<]*)</capability>", (await client.next()).decode())
            one = await Client(server).connected()
            shown = texts(await state(one, "<capabilities/>"), "capability")
            assert [uri.replace("&", "&amp;") for uri in shown] == hello
            assert f"{NS}?module=ietf-netconf-monitoring&revision=2010-10-04" in shown
            assert any(
                uri.endswith("&features=candidate,confirmed-commit,rollback-on-error,validate,xpath") for uri in shown
            )

    asyncio.run(play())


def test_statistics_are_of_all_sessions(tmp_path: Path) -> None:
    async def play() -> None:
        async with serving(tmp_path) as server:
            broken = Client(server)
            broken.session.received(frame(b"<rpc/>", Framing.END_OF_MESSAGE))
            await broken.session.ended()
            one = await Client(server).connected()
            await one.rpc("<frob/>")
            shown = await state(one, "<statistics/>")
            counts = {etree.QName(leaf).localname: leaf.text for leaf in shown[0]}
            assert TIME.fullmatch(str(counts.pop("netconf-start-time")))
            assert counts == {
                "in-bad-hellos": "1",
                "in-sessions": "2",
                "dropped-sessions": "1",
                "in-rpcs": "1",
                "in-bad-rpcs": "0",
                "out-rpc-errors": "1",
                "out-notifications": "0",
            }

    asyncio.run(play())


def test_every_listed_schema_can_be_had(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        shown = await state(one, "<schemas/>")
        names, versions = texts(shown, "schema/identifier"), texts(shown, "schema/version")
        assert set(names) == {module.name for module in native.modules(shop_models().context)}
        assert set(texts(shown, "schema/location")) == {"NETCONF"}
        for name, version, namespace in zip(names, versions, texts(shown, "schema/namespace"), strict=True):
            asked = f"<identifier>{name}</identifier><version>{version}</version><format>yang</format>"
            reply = etree.fromstring((await one.rpc(GET_SCHEMA.format(asked))).encode())
            assert reply.tag == f"{{{NS}}}data"
            text = str(reply.text)
            assert re.search(rf"^\s*module {name} \{{", text, re.MULTILINE)
            assert namespace in text
            assert version in text
        # As ncclient asks: the value has no prefix, and its element one.
        asked = (
            f'<m:get-schema xmlns:m="{NS}"><m:identifier>example</m:identifier><m:format>yang</m:format></m:get-schema>'
        )
        assert "module example" in await one.rpc(asked)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("example", YANG / "example.yang"),
        ("ietf-netconf", yang_directory() / "vendor" / "ietf-netconf@2011-06-01.yang"),
        ("ietf-inet-types", yang_directory() / "vendor" / "ietf-inet-types@2013-07-15.yang"),
    ],
)
def test_a_schema_is_its_file(tmp_path: Path, name: str, file: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(GET_SCHEMA.format(f"<identifier>{name}</identifier>"))
        # libxml2 reads a carriage return in XML as a line's end.
        assert etree.fromstring(reply.encode()).text == file.read_text()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("asked", "element"),
    [
        ("<identifier>frob</identifier>", "identifier"),
        ("<identifier>../example</identifier>", "identifier"),
        ("<identifier>example</identifier><version>1999-01-01</version>", "version"),
        ("<identifier>example</identifier><version/>", "version"),
        ("<identifier>example</identifier><format>xsd</format>", "format"),
        ("<identifier>example</identifier><format>frob</format>", "format"),
    ],
)
def test_a_schema_that_is_not_there(tmp_path: Path, asked: str, element: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(GET_SCHEMA.format(asked))
        assert tags(reply) == ["invalid-value"]
        assert f"<bad-element>{element}</bad-element>" in reply

    run(tmp_path, scenario)


def test_get_schema_needs_an_identifier(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(GET_SCHEMA.format(""))) == ["missing-element"]
        assert tags(await one.rpc(GET_SCHEMA.format("<identifier>example</identifier><frob/>"))) == ["unknown-element"]

    run(tmp_path, scenario)


def test_a_filter_on_other_data_does_not_show_it(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert "netconf-state" not in await one.rpc('<get><filter><shop xmlns="urn:example:shop"/></filter></get>')
        assert "netconf-state" in await one.rpc("<get><filter><netconf-state/></filter></get>")
        assert "netconf-state" in await one.rpc("<get/>")

    run(tmp_path, scenario)
