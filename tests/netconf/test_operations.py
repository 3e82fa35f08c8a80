"""Scripted sessions: octets in, octets out, everything behind them real."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from applianced.datastore.tree import ERRORS_MAX
from applianced.netconf import framing, xmltext
from applianced.netconf.framing import LongMessage, Message
from tests.support.netconf_session import NC, Client, serving, tags
from tests.support.shop import DECLARED

EDIT = "<edit-config><target><candidate/></target>{}<config><shop " + DECLARED + ">{}</shop></config></edit-config>"
GET_CANDIDATE = "<get-config><source><candidate/></source></get-config>"
GET_RUNNING = "<get-config><source><running/></source></get-config>"
LOCK = "<lock><target><candidate/></target></lock>"
UNLOCK = "<unlock><target><candidate/></target></unlock>"
OK = "<ok/>"


def run(directory: Path, scenario: Callable[[Client, Client], Awaitable[None]], first: str = "") -> None:
    """Two sessions with one server."""

    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Client(server).connected(), await Client(server).connected())

    asyncio.run(play())


def test_edit_validate_commit_read(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(EDIT.format("", "<title>new</title>")) == OK
        assert await two.rpc(GET_CANDIDATE) == "<data><shop><title>new</title></shop></data>"
        assert await two.rpc(GET_RUNNING) == "<data><shop><title>old</title></shop></data>"
        assert await one.rpc("<validate><source><candidate/></source></validate>") == OK
        assert await one.rpc("<commit/>") == OK
        assert await two.rpc(GET_RUNNING) == "<data><shop><title>new</title></shop></data>"

    run(tmp_path, scenario, "<title>old</title>")


def test_get_joins_state_and_configuration(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        asked = '<get><filter type="subtree"><shop xmlns="urn:example:shop"/></filter></get>'
        assert await one.rpc(asked) == "<data><shop><title>old</title><visitors>3</visitors></shop></data>"
        assert "<visitors>" not in await one.rpc(GET_RUNNING)
        assert "ietf-yang-library" in await one.rpc("<get/>")
        assert "/yang/" not in await one.rpc("<get/>")

    run(tmp_path, scenario, "<title>old</title>")


@pytest.mark.parametrize(
    ("operation", "tag"),
    [
        ("<frob/>", "operation-not-supported"),
        ('<frob xmlns="urn:x"/>', "operation-not-supported"),
        ("<get-config/>", "missing-element"),
        ("<get-config><source/></get-config>", "missing-element"),
        ("<get-config><source><nowhere/></source></get-config>", "unknown-element"),
        ("<get-config><source><startup/></source></get-config>", "operation-not-supported"),
        ("<get><frob/></get>", "unknown-element"),
        ('<get><filter type="regex" select="/"/></get>', "bad-attribute"),
        (EDIT.format("<default-operation>frob</default-operation>", ""), "invalid-value"),
        (EDIT.format("<test-option>frob</test-option>", ""), "invalid-value"),
        (EDIT.format("<error-option>frob</error-option>", ""), "invalid-value"),
        (EDIT.format("", "").replace("candidate", "running"), "operation-not-supported"),
        ("<edit-config><target><candidate/></target></edit-config>", "missing-element"),
        (EDIT.format("", "<size>900</size>"), "invalid-value"),
        (EDIT.format("", "<bogus/>"), "unknown-element"),
        (EDIT.format("", '<size nc:operation="create">1</size>'), "data-exists"),
        (EDIT.format("", '<title nc:operation="delete"/>'), "data-missing"),
        ("<delete-config><target><running/></target></delete-config>", "operation-not-supported"),
        ("<copy-config><target><running/></target><source><candidate/></source></copy-config>",
         "operation-not-supported"),
        ("<copy-config><target><candidate/></target><source><candidate/></source></copy-config>", "invalid-value"),
        (UNLOCK, "operation-failed"),
        ("<kill-session><session-id>1</session-id></kill-session>", "invalid-value"),
        ("<kill-session><session-id>99</session-id></kill-session>", "invalid-value"),
        ("<kill-session><session-id>x</session-id></kill-session>", "invalid-value"),
        ("<kill-session/>", "missing-element"),
        ('<ring xmlns="urn:example:shop"/>', "missing-element"),
        ('<ring xmlns="urn:example:shop"><times>x</times></ring>', "invalid-value"),
        ('<ring xmlns="urn:example:shop"><times>10</times></ring>', "invalid-value"),
    ],
)  # fmt: skip
def test_faults_have_their_tags_and_the_session_goes_on(tmp_path: Path, operation: str, tag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert tags(await one.rpc(operation)) == [tag]
        assert await one.rpc(GET_RUNNING) == "<data><shop><size>1</size></shop></data>"

    run(tmp_path, scenario, "<size>1</size>")


def test_what_to_do_is_said(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc("<kill-session><session-id>99</session-id></kill-session>")
        assert 'there is no session "99": it may have ended' in reply
        one.octets(f'<rpc xmlns="{NC}" message-id="9"><get></rpc>'.encode())
        assert b"mend it there, end every element" in await one.next()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("message", "tag"),
    [
        (f'<rpc xmlns="{NC}"><get/></rpc>', "missing-attribute"),
        ("<rpc><get/></rpc>", "unknown-namespace"),
        ("no xml", "operation-failed"),
        ("<!DOCTYPE a><rpc/>", "operation-failed"),
        (f'<rpc xmlns="{NC}" message-id="1"/>', "missing-element"),
    ],
)
def test_broken_envelopes(tmp_path: Path, message: str, tag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        one.octets(message.encode())
        assert f"<error-tag>{tag}</error-tag>".encode() in await one.next()
        assert await one.rpc("<discard-changes/>") == OK

    run(tmp_path, scenario)


def test_an_action_of_our_own(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert (
            await one.rpc('<ring xmlns="urn:example:shop"><times>2</times></ring>') == "<heard>example:ring 2</heard>"
        )

    run(tmp_path, scenario)


def test_error_names_place_element_and_remedy(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(EDIT.format("", "<item><name>a</name><kind>huge</kind></item>"))
        assert 'xmlns:example="urn:example:shop"' in reply
        assert "/example:shop/example:item[example:name='a']/example:kind</error-path>" in reply
        assert "<bad-element>kind</bad-element>" in reply
        assert '"huge"' in reply

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("change", "tag", "info"),
    [
        ('<size frob="1">1</size>', "unknown-attribute",
         "<bad-attribute>frob</bad-attribute><bad-element>size</bad-element>"),
        ('<size nc:operation="frob">1</size>', "bad-attribute",
         "<bad-attribute>operation</bad-attribute><bad-element>size</bad-element>"),
        ('<queue yang:insert="after">a</queue>', "missing-attribute",
         "<bad-attribute>value</bad-attribute><bad-element>queue</bad-element>"),
        ('<bogus xmlns="urn:none"/>', "unknown-namespace",
         "<bad-element>bogus</bad-element><bad-namespace>urn:none</bad-namespace>"),
        ('<item><name>a</name><bogus xmlns="urn:none"/></item>', "unknown-namespace",
         "<bad-element>bogus</bad-element><bad-namespace>urn:none</bad-namespace>"),
    ],
)  # fmt: skip
def test_error_info_is_what_rfc_6241_demands(tmp_path: Path, change: str, tag: str, info: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(EDIT.format("", change))
        assert tags(reply) == [tag]
        assert f"<error-info>{info}</error-info>" in reply

    run(tmp_path, scenario)


RING = '<ring xmlns="urn:example:shop">{}</ring>'
INLINE = "<validate><source><config>{}</config></source></validate>"


@pytest.mark.parametrize(
    ("operation", "tag", "said"),
    [
        # The namespace was forgotten.
        ("<ring><times>2</times></ring>", "operation-not-supported", 'give it the namespace "urn:example:shop"'),
        ("<edit-config><target><candidate/></target><config><shop/></config></edit-config>",
         "unknown-element", 'give it the namespace "urn:example:shop"'),
        (INLINE.format("<shop/>"), "unknown-element", 'give it the namespace "urn:example:shop"'),
        (INLINE.format('<shop xmlns="urn:none"/>'), "unknown-namespace", "<bad-namespace>urn:none</bad-namespace>"),
        (INLINE.format('<shop xmlns="urn:example:shop"><title xmlns="urn:none"/></shop>'), "unknown-namespace",
         "<bad-element>title</bad-element><bad-namespace>urn:none</bad-namespace>"),
        ("<commit><comment>x</comment></commit>", "unknown-element",
         'give it the namespace "urn:applianced:yang:history"'),
        ("<get><with-defaults>trim</with-defaults></get>", "unknown-element",
         'give it the namespace "urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults"'),
        (RING.format('<times xmlns="urn:none">2</times>'), "unknown-namespace",
         "<bad-element>times</bad-element><bad-namespace>urn:none</bad-namespace>"),
        # What was meant for elsewhere would be overlooked.
        ('<get><filter select="/x"/></get>', "bad-attribute", "<bad-attribute>select</bad-attribute>"),
        ('<commit confirmed="true"/>', "unknown-attribute", "<bad-attribute>confirmed</bad-attribute>"),
        ('<commit><confirmed timeout="5"/></commit>', "unknown-attribute", "<bad-attribute>timeout</bad-attribute>"),
        ('<edit-config><target><candidate/></target><config operation="replace"/></edit-config>',
         "unknown-attribute", "<bad-attribute>operation</bad-attribute>"),
        ('<ring xmlns="urn:example:shop"><times often="x">2</times></ring>', "unknown-attribute",
         "<bad-attribute>often</bad-attribute><bad-element>times</bad-element>"),
        ("<discard-changes>now</discard-changes>", "bad-element", 'the text "now"'),
        ("<get-config><source>or<running/></source></get-config>", "bad-element", "<bad-element>source</bad-element>"),
        ("<lock><target><running>x</running></target></lock>", "invalid-value", "<bad-element>running</bad-element>"),
        # A leaf of an operation's input is named as one of the configuration.
        (RING.format("<times>-1</times>"), "invalid-value", '"-1" is no value of times: use a number in'),
        (RING.format("<times>many</times>"), "invalid-value", "is no value of times: use a number in"),
    ],
)  # fmt: skip
def test_what_a_clumsy_client_is_told(tmp_path: Path, operation: str, tag: str, said: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        reply = await one.rpc(operation)
        assert tags(reply) == [tag]
        assert said in reply
        assert await two.rpc(GET_RUNNING) == "<data/>"

    run(tmp_path, scenario)


def test_one_rpc_error_per_fault(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        change = "<size>900</size><bogus/><title>fine</title>"
        option = "<error-option>continue-on-error</error-option>"
        assert tags(await one.rpc(EDIT.format(option, change))) == ["invalid-value", "unknown-element"]
        assert "<title>fine</title>" in await one.rpc(GET_CANDIDATE)
        missing = "<item><name>a</name></item><item><name>b</name></item>"
        await one.rpc(EDIT.format("", missing))
        reply = await one.rpc("<commit/>")
        assert tags(reply) == ["missing-element", "missing-element"]
        assert "[example:name='b']/example:kind" in reply
        await one.rpc(EDIT.format("", missing.replace("</item>", "<twin>ghost</twin><price>1001</price></item>")))
        for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
            reply = await one.rpc(operation)
            assert tags(reply) == ["operation-failed", "missing-element", "data-missing"] * 2
            shown = [path.rpartition("example:")[2] for path in re.findall("<error-path[^>]*>([^<]+)", reply)]
            assert shown == ["name='a']", "kind", "twin", "name='b']", "kind", "twin"]
            assert reply.count("<error-app-tag>too-dear</error-app-tag>") == 2
            assert reply.count("<error-app-tag>instance-required</error-app-tag>") == 2

    run(tmp_path, scenario)


def test_of_ten_thousand_faults_some_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        items = "".join(f"<item><name>i{at}</name><kind>small</kind><price>1001</price></item>" for at in range(10_000))
        assert await one.rpc(EDIT.format("", items)) == OK
        reply = await one.rpc("<validate><source><candidate/></source></validate>")
        assert tags(reply) == ["operation-failed"] * (ERRORS_MAX + 1)
        assert reply.count("<error-path") == ERRORS_MAX
        assert "there are more faults than these" in reply

    run(tmp_path, scenario)


def test_locks_between_sessions(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        assert await one.rpc(LOCK) == OK
        again = await one.rpc(LOCK)
        assert tags(again) == ["lock-denied"]
        assert "this session holds the lock" in again
        for refused in (LOCK, EDIT.format("", "<size>2</size>"), "<commit/>", "<discard-changes/>", UNLOCK):
            reply = await two.rpc(refused)
            assert tags(reply) == ["lock-denied" if refused in (LOCK, UNLOCK) else "in-use"]
            assert "<session-id>1</session-id>" in reply
        assert await one.rpc(UNLOCK) == OK
        assert await two.rpc(LOCK) == OK

    run(tmp_path, scenario)


def test_a_candidate_with_changes_is_not_locked(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format("", "<size>2</size>"))
        reply = await two.rpc(LOCK)
        assert tags(reply) == ["lock-denied"]
        assert "<session-id>0</session-id>" in reply

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("option", "change"),
    [
        ("", ""),
        ("", "<title>old</title>"),
        ("<error-option>continue-on-error</error-option>", "<size>900</size><bogus/>"),
        ("<default-operation>none</default-operation>", ""),
        ("", '<size nc:operation="remove"/>'),
        ("<default-operation>replace</default-operation>", "<title>old</title>"),
    ],
)
def test_an_edit_that_changed_nothing_is_no_change(tmp_path: Path, option: str, change: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format(option, change))
        assert await two.rpc(LOCK) == OK
        assert await two.rpc(UNLOCK) == OK
        await one.rpc(EDIT.format("", "<size>10</size>"))
        assert tags(await two.rpc(LOCK)) == ["lock-denied"], "a default that is set is a change"

    run(tmp_path, scenario, "<title>old</title>")


@pytest.mark.parametrize("end", ["drop", "close", "kill"])
def test_however_a_session_ends_its_lock_and_edits_go(tmp_path: Path, end: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(LOCK)
        await one.rpc(EDIT.format("", "<size>2</size>"))
        if end == "drop":
            one.session.lost()
        elif end == "close":
            assert await one.rpc("<close-session/>") == OK
        else:
            assert await two.rpc("<kill-session><session-id>1</session-id></kill-session>") == OK
        await one.closed()
        assert await two.rpc(LOCK) == OK
        assert await two.rpc(GET_CANDIDATE) == "<data/>"

    run(tmp_path, scenario)


def test_an_edit_on_its_way_dies_with_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The killed session's message is still being parsed, in a thread, when the other is told that it is gone."""
    parsing, go_on = threading.Event(), threading.Event()

    read = xmltext.parse

    def parse(message: Message) -> xmltext.Element:
        if isinstance(message, LongMessage) and b"slow" in message.joined():
            parsing.set()
            assert go_on.wait(10)
        return read(message)

    monkeypatch.setattr(framing, "LONG_FROM", 0)
    monkeypatch.setattr(xmltext, "parse", parse)

    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(LOCK)
        sent = EDIT.format("", "<title>slow</title>")
        one.octets(f'<rpc xmlns="{NC}" message-id="2">{sent}</rpc>'.encode())
        await asyncio.to_thread(parsing.wait, 10)
        assert await two.rpc("<kill-session><session-id>1</session-id></kill-session>") == OK
        go_on.set()
        await one.closed()
        assert await two.rpc(GET_CANDIDATE) == "<data/>"
        assert await two.rpc(LOCK) == OK

    run(tmp_path, scenario)


def test_without_a_lock_an_edit_outlives_its_session(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        await one.rpc(EDIT.format("", "<size>2</size>"))
        one.session.lost()
        await one.closed()
        assert await two.rpc(GET_CANDIDATE) == "<data><shop><size>2</size></shop></data>"

    run(tmp_path, scenario)


def test_copy_config(tmp_path: Path) -> None:
    copy = "<copy-config><target><candidate/></target><source>{}</source></copy-config>"

    async def scenario(one: Client, two: Client) -> None:
        inline = '<config><shop xmlns="urn:example:shop"><size>2</size></shop></config>'
        assert await one.rpc(copy.format(inline)) == OK
        assert await one.rpc(GET_CANDIDATE) == "<data><shop><size>2</size></shop></data>"
        assert await one.rpc(copy.format("<running/>")) == OK
        assert await one.rpc(GET_CANDIDATE) == "<data><shop><title>old</title></shop></data>"
        broken = '<config><shop xmlns="urn:example:shop"><size>x</size></shop></config>'
        assert tags(await one.rpc(copy.format(broken))) == ["invalid-value"]

    run(tmp_path, scenario, "<title>old</title>")


@pytest.mark.parametrize(
    ("config", "tag"),
    [
        ("<config>junk</config>", "bad-element"),
        ('<config><shop {}><item nc:operation="delete"><name>a</name></item></shop></config>', "unknown-attribute"),
        ("<config><shop {}><item><name>a</name><name>b</name></item></shop></config>", "bad-element"),
        ("<config><shop {0}><item><name>a</name></item><item><name>a</name></item></shop></config>", "bad-element"),
    ],
)
def test_what_no_whole_configuration_holds(tmp_path: Path, config: str, tag: str) -> None:
    async def scenario(one: Client, two: Client) -> None:
        sent = config.format(DECLARED)
        copied = await one.rpc(f"<copy-config><target><candidate/></target><source>{sent}</source></copy-config>")
        assert tags(copied) == tags(await one.rpc(f"<validate><source>{sent}</source></validate>")) == [tag]
        assert tag != "unknown-attribute" or "<bad-attribute>operation</bad-attribute><bad-element>item" in copied
        assert await one.rpc(GET_CANDIDATE) == "<data><shop><title>old</title></shop></data>"

    run(tmp_path, scenario, "<title>old</title>")


def test_text_beside_the_elements_of_an_edit(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        edit = "<edit-config><target><candidate/></target><config>junk</config></edit-config>"
        assert tags(await one.rpc(edit)) == ["bad-element"]

    run(tmp_path, scenario)


def test_validate_a_configuration_that_is_sent_along(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        sent = '<validate><source><config><shop xmlns="urn:example:shop">{}</shop></config></source></validate>'
        assert await one.rpc(sent.format("<size>2</size>")) == OK
        assert tags(await one.rpc(sent.format("<open/>"))) == ["missing-element"]
        assert await one.rpc(GET_CANDIDATE) == "<data/>"

    run(tmp_path, scenario)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        for number in range(200):
            one.octets(f'<rpc xmlns="{NC}" message-id="m{number}"><discard-changes/></rpc>'.encode())
        assert not one.wire.reading
        replies = [await one.next() for _ in range(200)]
        assert all(f'message-id="m{number}"'.encode() in reply for number, reply in enumerate(replies))
        assert one.wire.reading

    run(tmp_path, scenario)


def test_all_that_was_sent_before_the_end_is_answered(tmp_path: Path) -> None:
    async def scenario(one: Client, two: Client) -> None:
        one.octets(f'<rpc xmlns="{NC}" message-id="1"><discard-changes/></rpc>'.encode())
        one.session.finished()
        assert b"<ok/>" in await one.next()
        await one.closed()

    run(tmp_path, scenario)
