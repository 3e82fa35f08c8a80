"""RFC 6243: which values that equal their default are shown, copied and edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from applianced.netconf.capabilities import capabilities
from tests.netconf.test_operations import EDIT, GET_CANDIDATE, OK, run
from tests.support.netconf_session import Client, tags
from tests.support.shop import DECLARED, shop_models

MODE = '<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">{}</with-defaults>'
GET_CONFIG = "<get-config><source><{}/></source>{}</get-config>"
WD = 'xmlns:wd="urn:ietf:params:xml:ns:netconf:default:1.0"'
TAG = ' xmlns:ncwd="urn:ietf:params:xml:ns:netconf:default:1.0" ncwd:default="true"'
FIRST = "<size>10</size><item><name>a</name><kind>small</kind></item>"
ITEM = "<item><name>a</name><kind>small</kind>{}</item>"
SHOWN = {
    "explicit": f"<size>10</size>{ITEM.format('')}",
    "trim": ITEM.format(""),
    "report-all": f"<size>10</size>{ITEM.format('<count>1</count>')}",
    "report-all-tagged": f"<size{TAG}>10</size>{ITEM.format(f'<count{TAG}>1</count>')}",
}


def shop(inner: str) -> str:
    return f"<data><shop>{inner}</shop></data>"


@pytest.mark.parametrize("mode", SHOWN)
@pytest.mark.parametrize("store", ["running", "candidate"])
def test_get_config(tmp_path: Path, mode: str, store: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(GET_CONFIG.format(store, MODE.format(mode))) == shop(SHOWN[mode])

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize("mode", ["report-all", "report-all-tagged"])
def test_an_edited_candidate_has_its_defaults_too(tmp_path: Path, mode: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", ITEM.format("").replace("<name>a", "<name>b"))) == OK
        shown = await one.rpc(GET_CONFIG.format("candidate", MODE.format(mode)))
        assert shown.count(">1</count>") == 2
        assert "<count>" not in await one.rpc(GET_CANDIDATE)

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize("mode", SHOWN)
def test_get(tmp_path: Path, mode: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        filtered = '<filter><shop xmlns="urn:example:shop"/></filter>'
        shown = await one.rpc(f"<get>{filtered}{MODE.format(mode)}</get>")
        assert shown == shop(SHOWN[mode] + "<visitors>3</visitors>")

    run(tmp_path, scenario, FIRST)


def test_with_a_filter_on_one_leaf(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        wanted = '<filter><shop xmlns="urn:example:shop"><item><name>a</name><count/></item></shop></filter>'
        tagged = GET_CONFIG.format("running", wanted + MODE.format("report-all-tagged"))
        assert await one.rpc(tagged) == shop(f"<item><name>a</name><count{TAG}>1</count></item>")

    run(tmp_path, scenario, FIRST)


def test_what_only_looks_like_a_tag_is_left_alone(tmp_path: Path) -> None:
    text = ' xmlns:ncwd="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"'

    async def scenario(one: Client, two: Client) -> None:
        shown = await one.rpc(GET_CONFIG.format("running", MODE.format("report-all-tagged")))
        assert f"<hours>{text}</hours>" in shown

    run(tmp_path, scenario, f"<open><hours>{text}</hours></open>")


@pytest.mark.parametrize("mode", ["frob", "", "Explicit"])
@pytest.mark.parametrize("operation", ["get", "get-config", "copy-config"])
def test_an_unknown_mode_is_an_invalid_value(tmp_path: Path, mode: str, operation: str) -> None:
    parameters = {
        "get": "",
        "get-config": "<source><running/></source>",
        "copy-config": "<target><candidate/></target><source><running/></source>",
    }

    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(f"<{operation}>{parameters[operation]}{MODE.format(mode)}</{operation}>")
        assert tags(reply) == ["invalid-value"]
        assert "<bad-element>with-defaults</bad-element>" in reply
        assert "report-all-tagged" in reply

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("explicit", SHOWN["explicit"]),
        ("trim", SHOWN["trim"]),
        ("report-all", SHOWN["report-all"]),
        ("report-all-tagged", SHOWN["explicit"]),
    ],
)
def test_copy_config(tmp_path: Path, mode: str, kept: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        copy = f"<copy-config><target><candidate/></target><source><running/></source>{MODE.format(mode)}</copy-config>"
        assert await one.rpc(copy) == OK
        assert await one.rpc(GET_CANDIDATE) == shop(kept)

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize("inside", [WD, WD.replace("netconf:default:1.0", "yang:ietf-netconf-with-defaults")])
def test_a_value_marked_as_default_is_left_to_the_schema(tmp_path: Path, inside: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", f'<size {inside} wd:default="true">10</size>')) == OK
        assert await one.rpc(GET_CANDIDATE) == shop("<title>t</title>")
        copied = (
            "<copy-config><target><candidate/></target><source><config>"
            f'<shop {DECLARED} {inside}><size wd:default="true">10</size><title>n</title></shop>'
            "</config></source></copy-config>"
        )
        assert await one.rpc(copied) == OK
        assert await one.rpc(GET_CANDIDATE) == shop("<title>n</title>")
        assert tags(await one.rpc(copied.replace(">10<", ">11<"))) == ["invalid-value"]

    run(tmp_path, scenario, "<title>t</title><size>20</size>")


@pytest.mark.parametrize(
    ("change", "tag"),
    [
        ('<size wd:default="true">20</size>', "invalid-value"),
        ('<title wd:default="true">t</title>', "invalid-value"),
        ('<size wd:default="perhaps">10</size>', "bad-attribute"),
        ('<open wd:default="true"/>', "bad-attribute"),
        ('<size wd:default="true">x</size>', "invalid-value"),
    ],
)
def test_a_mark_that_is_wrong_changes_nothing(tmp_path: Path, change: str, tag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(EDIT.format("", change.replace(" ", f" {WD} ", 1)))) == [tag]
        assert await one.rpc(GET_CANDIDATE) == shop("<size>20</size>")

    run(tmp_path, scenario, "<size>20</size>")


def test_a_mark_that_says_false_is_a_plain_edit(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", f'<size {WD} wd:default="false">10</size>')) == OK
        assert await one.rpc(GET_CANDIDATE) == shop("<size>10</size>")

    run(tmp_path, scenario, "<size>20</size>")


def test_the_hello_announces_it(tmp_path: Path) -> None:
    announced = [uri for uri in capabilities(shop_models(), "1") if "capability:with-defaults" in uri]
    assert announced == [
        "urn:ietf:params:netconf:capability:with-defaults:1.0"
        "?basic-mode=explicit&also-supported=report-all,report-all-tagged,trim"
    ]
