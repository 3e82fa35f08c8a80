"""RFC 6241 8.4 as a client meets it: <commit> with its parameters, <cancel-commit>, sessions that end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.netconf.test_operations import EDIT, GET_RUNNING, OK, run
from tests.support.netconf_session import Client, serving, tags
from tests.support.until import eventually

FIRST = "<title>old</title>"
CHANGE = EDIT.format("", "<title>new</title>")
CONFIRMED = "<commit><confirmed/>{}</commit>"
OLD, NEW = (f"<data><shop><title>{title}</title></shop></data>" for title in ("old", "new"))
Scenario = Callable[[Client, Client], Awaitable[None]]


def test_the_hello_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            hello = await Client(server).next()
            assert b"<capability>urn:ietf:params:netconf:capability:confirmed-commit:1.1</capability>" in hello

    asyncio.run(scenario())


def test_confirmed_and_confirming(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(CHANGE)
        assert await one.rpc(CONFIRMED.format("<confirm-timeout>4294967295</confirm-timeout>")) == OK
        assert await two.rpc(GET_RUNNING) == NEW
        assert await one.rpc("<commit/>") == OK
        await one.rpc("<close-session/>")
        assert await two.rpc(GET_RUNNING) == NEW

    run(tmp_path, scenario, FIRST)


def test_the_timeout_rolls_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, FIRST) as server:
            one = await Client(server).connected()
            await one.rpc(CHANGE)
            assert await one.rpc(CONFIRMED.format("<confirm-timeout>1</confirm-timeout>")) == OK
            await eventually(lambda: server.configuration.pending is None)
            assert await one.rpc(GET_RUNNING) == OLD

    asyncio.run(scenario())


@pytest.mark.parametrize("end", ["drop", "close", "kill"])
@pytest.mark.parametrize(("parameters", "left"), [("", OLD), ("<persist>token</persist>", NEW)])
def test_however_its_session_ends(tmp_path: Path, end: str, parameters: str, left: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(CHANGE)
        await one.rpc(CONFIRMED.format(parameters))
        if end == "drop":
            one.session.lost()
        elif end == "close":
            assert await one.rpc("<close-session/>") == OK
        else:
            assert await two.rpc("<kill-session><session-id>1</session-id></kill-session>") == OK
        await one.closed()
        assert await two.rpc(GET_RUNNING) == left

    run(tmp_path, scenario, FIRST)


def test_a_token_lets_any_session_confirm_prolong_and_cancel(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(CHANGE)
        await one.rpc(CONFIRMED.format("<persist>a</persist>"))
        assert tags(await two.rpc("<commit/>")) == ["invalid-value"]
        reply = await two.rpc("<commit><persist-id>b</persist-id></commit>")
        assert tags(reply) == ["invalid-value"]
        assert "<bad-element>persist-id</bad-element>" in reply
        assert await two.rpc(CONFIRMED.format("<persist>b</persist><persist-id>a</persist-id>")) == OK
        assert tags(await one.rpc("<cancel-commit/>")) == ["invalid-value"]
        assert tags(await one.rpc("<cancel-commit><persist-id>a</persist-id></cancel-commit>")) == ["invalid-value"]
        assert await one.rpc("<cancel-commit><persist-id>b</persist-id></cancel-commit>") == OK
        assert await two.rpc(GET_RUNNING) == OLD
        await one.rpc(CHANGE)
        await one.rpc(CONFIRMED.format("<persist>c</persist>"))
        assert await two.rpc("<commit><persist-id>c</persist-id></commit>") == OK
        assert await two.rpc(GET_RUNNING) == NEW

    run(tmp_path, scenario, FIRST)


def test_other_sessions_are_kept_out_meanwhile(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(CHANGE)
        await one.rpc(CONFIRMED.format(""))
        for operation, tag in (
            ("<commit/>", "in-use"),
            ("<cancel-commit/>", "in-use"),
            ("<lock><target><running/></target></lock>", "lock-denied"),
        ):
            reply = await two.rpc(operation)
            assert tags(reply) == [tag]
            assert "<session-id>1</session-id>" in reply
            assert "<error-type>protocol</error-type>" in reply
        assert await one.rpc("<cancel-commit/>") == OK
        assert await two.rpc(GET_RUNNING) == OLD

    run(tmp_path, scenario, FIRST)


@pytest.mark.parametrize(
    ("operation", "tag", "element"),
    [
        (CONFIRMED.format("<confirm-timeout>0</confirm-timeout>"), "invalid-value", "confirm-timeout"),
        (CONFIRMED.format("<confirm-timeout>4294967296</confirm-timeout>"), "invalid-value", "confirm-timeout"),
        (CONFIRMED.format("<confirm-timeout>-1</confirm-timeout>"), "invalid-value", "confirm-timeout"),
        (CONFIRMED.format("<confirm-timeout/>"), "invalid-value", "confirm-timeout"),
        (CONFIRMED.format("<confirmed/>"), "bad-element", "confirmed"),
        (CONFIRMED.format("<frob/>"), "unknown-element", "frob"),
        (CONFIRMED.format("<persist-id>x</persist-id>"), "invalid-value", "persist-id"),
        ("<commit><confirmed>x</confirmed></commit>", "invalid-value", "confirmed"),
        ("<commit><confirm-timeout>5</confirm-timeout></commit>", "missing-element", "confirmed"),
        ("<commit><persist>x</persist></commit>", "missing-element", "confirmed"),
        ("<commit><persist-id>x</persist-id></commit>", "invalid-value", "persist-id"),
        ("<cancel-commit><persist-id>x</persist-id></cancel-commit>", "invalid-value", "persist-id"),
        ("<cancel-commit><persist>x</persist></cancel-commit>", "unknown-element", "persist"),
        ("<cancel-commit/>", "operation-failed", ""),
    ],
)
def test_faults(tmp_path: Path, operation: str, tag: str, element: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(CHANGE)
        reply = await one.rpc(operation)
        assert tags(reply) == [tag]
        assert (f"<bad-element>{element}</bad-element>" in reply) == bool(element)
        assert await two.rpc(GET_RUNNING) == OLD

    run(tmp_path, scenario, FIRST)
