"""Requests that one server or another answers wrongly, hangs on or dies of, in base:1.0 and in base:1.1."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from applianced.datastore import subtree
from applianced.netconf import server as server_module
from applianced.netconf import xmltext
from applianced.netconf.framing import LONG_FROM, Framing, Message, frame
from applianced.netconf.server import NetconfServer
from applianced.northbound.recording import Author
from tests.support.netconf_session import DEADLINE_S, NC, Wire, serving
from tests.support.shop import DECLARED

GET = "<get-config><source><running/></source></get-config>"
OK = "<ok/>"
BOMB = "<!ENTITY e0 'x'>" + "".join("<!ENTITY e{} '{}'>".format(n, f"&e{n - 1};" * 10) for n in range(1, 9))
EDIT = "<edit-config><target><candidate/></target>{}<config><shop " + DECLARED + ">{}</shop></config></edit-config>"
LONG = f'<rpc xmlns="{NC}" message-id="1">{GET}{" " * LONG_FROM}</rpc>'


class Talker:
    """A session that can say anything. version: of base, "both" for a client that offers both."""

    def __init__(self, server: NetconfServer, version: str) -> None:
        self.wire = Wire()
        session = server.open(self.wire, Author("admin", "192.0.2.1:4711"))
        assert session
        self.session = session
        self.framing = Framing.END_OF_MESSAGE if version == "1.0" else Framing.CHUNKED
        self._own = Framing.END_OF_MESSAGE
        offered = ("1.0", "1.1") if version == "both" else (version,)
        listed = "".join(f"<capability>urn:ietf:params:netconf:base:{one}</capability>" for one in offered)
        self.hello = frame(f'<hello xmlns="{NC}"><capabilities>{listed}</capabilities></hello>'.encode(), self._own)

    async def connected(self) -> Talker:
        await self.message()
        self.session.received(self.hello)
        self._own = self.framing
        return self

    def say(self, message: str) -> None:
        self.session.received(frame(message.encode(), self.framing))

    async def message(self) -> str:
        """The next message of the server; "" when it closes without one."""
        end = b"]]>]]>" if self._own is Framing.END_OF_MESSAGE else b"\n##\n"
        async with asyncio.timeout(DEADLINE_S):
            while end not in self.wire.sent:
                if not self.wire.open:
                    return ""
                self.wire.arrived.clear()
                await self.wire.arrived.wait()
        text, _, rest = bytes(self.wire.sent).partition(end)
        self.wire.sent[:] = rest
        return re.sub(rb"\A\n#[0-9]+\n", b"", text).decode()

    async def rpc(self, operation: str, attributes: str = 'message-id="1"') -> str:
        self.say(f'<rpc xmlns="{NC}" {attributes}>{operation}</rpc>')
        return await self.message()


Scenario = Callable[[Talker, NetconfServer], Awaitable[None]]
FRAMINGS = pytest.mark.parametrize("version", ["1.0", "1.1", "both"])


def run(directory: Path, version: str, scenario: Scenario, first: str = "<title>t</title>") -> None:
    async def play() -> None:
        async with serving(directory, first) as server:
            await scenario(await Talker(server, version).connected(), server)

    asyncio.run(play())


def faults(reply: str) -> list[str]:
    return re.findall("<error-tag>([^<]+)<", reply)


# --- framing (RFC 6242) ----------------------------------------------------------------------------------------------


@FRAMINGS
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_requests_that_arrive_in_pieces(tmp_path: Path, version: str, size: int) -> None:
    """Delimiters and chunk headers are cut at every place; three requests lie behind one another."""

    async def scenario(one: Talker, server: NetconfServer) -> None:
        stream = b"".join(
            frame(f'<rpc xmlns="{NC}" message-id="{number}">{GET}</rpc>'.encode(), one.framing) for number in range(3)
        )
        for at in range(0, len(stream), size):
            one.session.received(stream[at : at + size])
        for number in range(3):
            reply = await one.message()
            assert f'message-id="{number}"' in reply
            assert "<title>t</title>" in reply

    run(tmp_path, version, scenario)


def test_chunks_of_one_octet(tmp_path: Path) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        octets = f'<rpc xmlns="{NC}" message-id="1">{GET}</rpc>'.encode()
        one.session.received(b"".join(b"\n#1\n%c" % octet for octet in octets) + b"\n##\n")
        assert "<title>t</title>" in await one.message()

    run(tmp_path, "1.1", scenario)


@pytest.mark.parametrize("place", ["<!-- ]]>]]> -->{}", "{}<?x ]]>]]>?>", "<!--\n##\n-->{}"])
def test_a_chunked_message_may_hold_any_delimiter(tmp_path: Path, place: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        assert "<title>t</title>" in await one.rpc(place.format(GET))
        assert OK in await one.rpc(EDIT.format("", "<title>]]&gt;]]&gt;</title>"))

    run(tmp_path, "1.1", scenario)


# --- envelopes (RFC 6241 3, 4) ---------------------------------------------------------------------------------------


@FRAMINGS
@pytest.mark.parametrize(
    ("message", "tag"),
    [
        (f'<rpc xmlns="{NC}"><get/></rpc>', "missing-attribute"),
        (f'<rpc xmlns="{NC}" message-id="1"/>', "missing-element"),
        ('<rpc message-id="1"><get/></rpc>', "unknown-namespace"),
        (f'<rpc xmlns="{NC}" message-id="1"><get></rpc>', ""),
        ("", ""),
        ("\0", ""),
        (f"<!DOCTYPE r [{BOMB}]><rpc xmlns='{NC}' message-id='1'>&e8;</rpc>", ""),
        (f'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><rpc xmlns="{NC}" message-id="1">&e;</rpc>', ""),
        (f'<rpc xmlns="{NC}" message-id="1">{"<a>" * 5000}{"</a>" * 5000}</rpc>', ""),
    ],
    ids=["message-id", "empty", "namespace", "malformed", "nothing", "zero", "entity bomb", "external", "nested"],
)  # fmt: skip
def test_bad_envelopes_are_answered_and_the_session_lives(tmp_path: Path, version: str, message: str, tag: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        if not message and one.framing is Framing.CHUNKED:
            one.session.received(b"\n#1\n \n##\n")
        else:
            one.say(message)
        # RFC 6241 appendix A: malformed-message is for those who speak base:1.1.
        expected = tag or ("operation-failed" if version == "1.0" else "malformed-message")
        reply = await one.message()
        assert faults(reply) == [expected]
        assert "root:" not in reply
        assert "<title>t</title>" in await one.rpc(GET)

    run(tmp_path, version, scenario)


@FRAMINGS
def test_attributes_are_echoed(tmp_path: Path, version: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        reply = await one.rpc(GET, 'message-id="&lt;&quot;&amp;" xmlns:x="urn:x" x:user="u" other="o"')
        assert 'message-id="&lt;&quot;&amp;"' in reply
        assert 'x:user="u"' in reply
        assert 'other="o"' in reply

    run(tmp_path, version, scenario)


# --- operations (RFC 6241 7, 8) --------------------------------------------------------------------------------------


@FRAMINGS
@pytest.mark.parametrize(
    ("operation", "tag", "said"),
    [
        ("<frob/>", "operation-not-supported", "frob"),
        ("<get-config><source><nowhere/></source></get-config>", "unknown-element", "nowhere"),
        ('<get><filter type="frob"/></get>', "bad-attribute", "<bad-attribute>type</bad-attribute>"),
        ("<lock><target><startup/></target></lock>", "operation-not-supported", "kept over restarts"),
        ("<delete-config><target><startup/></target></delete-config>", "operation-not-supported", "kept"),
        ("<unlock><target><candidate/></target></unlock>", "operation-failed", "not locked"),
        ("<kill-session><session-id>1</session-id></kill-session>", "invalid-value", "kill itself"),
        ("<kill-session><session-id>4711</session-id></kill-session>", "invalid-value", "there is no session"),
        ("<cancel-commit/>", "operation-failed", "nothing to cancel"),
        ("<commit><persist-id>x</persist-id></commit>", "invalid-value", "persist-id"),
        (EDIT.format("", "<item><name>a</name><kind>huge</kind></item>"), "invalid-value", "item[example:name='a']"),
        ('<create-subscription xmlns="urn:nobody"/>', "operation-not-supported", "urn:nobody"),
    ],
)
def test_the_right_tag_and_the_place(tmp_path: Path, version: str, operation: str, tag: str, said: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        reply = await one.rpc(operation)
        assert faults(reply) == [tag]
        assert said in reply
        assert "<error-message" in reply

    run(tmp_path, version, scenario)


def test_a_dangling_reference_is_named_at_validate_and_commit(tmp_path: Path) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        twin = "<item><name>a</name><kind>small</kind><twin>ghost</twin></item>"
        assert OK in await one.rpc(EDIT.format("", twin))
        for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
            reply = await one.rpc(operation)
            assert faults(reply) == ["data-missing"]
            assert "<error-app-tag>instance-required</error-app-tag>" in reply
            assert "/example:shop/example:item[example:name='a']/example:twin</error-path>" in reply

    run(tmp_path, "1.1", scenario)


@pytest.mark.parametrize("end", ["drop", "close", "kill"])
def test_a_lock_and_its_edits_go_with_their_session(tmp_path: Path, end: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        other = await Talker(server, "1.0").connected()
        assert OK in await one.rpc("<lock><target><candidate/></target></lock>")
        refused = await other.rpc("<lock><target><candidate/></target></lock>")
        assert faults(refused) == ["lock-denied"]
        assert "<session-id>1</session-id>" in refused
        assert faults(await other.rpc(EDIT.format("", "<title>theirs</title>"))) == ["in-use"]
        assert OK in await one.rpc(EDIT.format("", "<title>mine</title>"))
        if end == "drop":
            one.session.lost()
        elif end == "close":
            assert OK in await one.rpc("<close-session/>")
        else:
            assert OK in await other.rpc("<kill-session><session-id>1</session-id></kill-session>")
        await one.session.ended()
        assert OK in await other.rpc("<lock><target><candidate/></target></lock>")
        assert "mine" not in await other.rpc("<get-config><source><candidate/></source></get-config>")

    run(tmp_path, "1.1", scenario)


# --- much of it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["stop-on-error", "continue-on-error", "rollback-on-error"])
@pytest.mark.parametrize("fault", ["<frob/>", "<size>900</size>", "<item><name>{}</name><kind>x</kind></item>"])
def test_faults_without_number(tmp_path: Path, option: str, fault: str) -> None:
    """The reply and the work stay small; what was done before the faults became too many stays done."""
    many = "<title>new</title>" + "".join(fault.format(number) for number in range(20_000)) + "<tag>late</tag>"

    async def scenario(one: Talker, server: NetconfServer) -> None:
        reply = await one.rpc(EDIT.format(f"<error-option>{option}</error-option>", many))
        reported = faults(reply)
        candidate = await one.rpc("<get-config><source><candidate/></source></get-config>")
        if option == "continue-on-error":
            assert len(reported) == 101
            assert "what follows was not looked at" in reply
            assert "<title>new</title>" in candidate
            assert "late" not in candidate
        else:
            assert len(reported) == 1
            assert "<title>t</title>" in candidate

    run(tmp_path, "1.1", scenario)


def test_a_hundred_thousand_elements_in_a_filter(tmp_path: Path) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        other = await Talker(server, "1.1").connected()
        shop = f"<shop {DECLARED}>{'<item><name>a</name></item>' * 50_000}</shop>"
        asking = asyncio.create_task(
            one.rpc(f"<get-config><source><running/></source><filter>{shop}</filter></get-config>")
        )
        assert "<title>t</title>" in await other.rpc(GET)
        assert "<data" in await asking

    run(tmp_path, "1.1", scenario)


_MUCH = "<x/>" * 1001


@pytest.mark.parametrize(
    "operation",
    [
        f"<get>{_MUCH}</get>",
        f"<edit-config><target><candidate/></target><config>{_MUCH}</config></edit-config>",
        f"<copy-config><target><candidate/></target><source><config>{_MUCH}</config></source></copy-config>",
        f"<get><filter><shop {DECLARED}>{'<item/>' * 150_001}</shop></filter></get>",
        f"<get><filter><shop {DECLARED}><title>{'x' * (4 << 20)}x</title></shop></filter></get>",
        "<get " + " ".join(f"a{number}=''" for number in range(65)) + "/>",
        "<get>" + "<x y=''/>" * 1_000_001 + "</get>",
    ],
    ids=["parameters", "config", "copied", "filter", "text", "attributes", "nodes"],
)
def test_too_much_is_refused_for_its_size(tmp_path: Path, operation: str) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        assert "<error-tag>too-big</error-tag>" in await one.rpc(operation)
        assert "<title>t</title>" in await one.rpc(GET)

    run(tmp_path, "1.1", scenario)


def test_few_huge_messages_are_worked_on_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes much memory; short ones pass."""
    at_work, most = 0, 0
    go_on = threading.Event()

    read = xmltext.parse

    def parse(message: Message) -> xmltext.Element:
        nonlocal at_work, most
        if isinstance(message, bytes):
            return read(message)
        at_work += 1
        most = max(most, at_work)
        assert go_on.wait(10)
        at_work -= 1
        return read(message)

    monkeypatch.setattr(xmltext, "parse", parse)

    async def scenario(one: Talker, server: NetconfServer) -> None:
        many = [await Talker(server, "1.1").connected() for _ in range(5)]
        asking = [asyncio.create_task(each.rpc(GET + " " * server_module.HUGE)) for each in many]
        for _ in range(3):
            assert "<title>t</title>" in await one.rpc(GET)
        while at_work < server_module.HUGE_AT_ONCE:
            await asyncio.sleep(0.01)
        go_on.set()
        for answer in asyncio.as_completed(asking):
            assert "<title>t</title>" in await answer
        assert most == server_module.HUGE_AT_ONCE

    run(tmp_path, "1.1", scenario)


@pytest.mark.parametrize("what", ["parse", "let_go"])
def test_a_fault_of_ours_with_a_long_message_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fails(*_: object) -> None:
        raise MemoryError

    async def scenario(one: Talker, server: NetconfServer) -> None:
        one.say(LONG)
        assert "<data>" in await one.message()
        with monkeypatch.context() as patched:
            patched.setattr(xmltext, what, fails)
            one.say(LONG)
            reply = await one.message()
        assert ("a fault of the server" in reply, "<data>" in reply) == (what == "parse", what != "parse")
        one.say(LONG)
        assert "<data>" in await one.message()
        counters = one.session.counters
        assert (counters.in_rpcs, counters.in_bad_rpcs) == ((2, 1) if what == "parse" else (3, 0))

    run(tmp_path, "1.1", scenario)


def test_a_message_in_crumbs_is_answered(tmp_path: Path) -> None:
    """More chunks than are taken apart in one go, and behind them more requests than wait, and the end."""

    async def scenario(one: Talker, server: NetconfServer) -> None:
        request = f'<rpc xmlns="{NC}" message-id="1"><get-config><source><running/></source></get-config></rpc>'
        crumbs = b"".join(b"\n#1\n%b" % octet.encode() for octet in request) + b"\n##\n"
        many = crumbs * 3 + frame(request.encode(), Framing.CHUNKED) * 200
        one.session.received(many)
        for _ in range(203):
            assert "<title>t</title>" in await one.message()
        assert "<title>t</title>" in await one.rpc(GET)

    run(tmp_path, "1.1", scenario)


@pytest.mark.parametrize("many", ["<item><kind>small</kind></item>", '<item xmlns=""/>'])
def test_a_filter_that_searches_for_long_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: str
) -> None:
    """It is answered off the event loop, or refused when it would take minutes."""
    monkeypatch.setattr(subtree, "LOOKS_MAX", 300_000)
    items = "".join(f"<item><name>i{at}</name><kind>small</kind></item>" for at in range(2000))

    async def scenario(one: Talker, server: NetconfServer) -> None:
        other = await Talker(server, "1.1").connected()
        assert "<ok/>" in await one.rpc(EDIT.format("", items))
        assert "<ok/>" in await one.rpc("<commit/>")
        filter_ = f"<filter><shop {DECLARED}>{many * 2000}</shop></filter>"
        asking = asyncio.create_task(one.rpc(f"<get-config><source><running/></source>{filter_}</get-config>"))
        small = f"<filter><shop {DECLARED}><title/></shop></filter>"
        for _ in range(5):
            assert "<title>t</title>" in await other.rpc(f"<get-config><source><running/></source>{small}</get-config>")
        assert not asking.done()
        assert "resource-denied" in await asking

    run(tmp_path, "1.1", scenario)


def test_contradictory_orders_change_nothing(tmp_path: Path) -> None:
    async def scenario(one: Talker, server: NetconfServer) -> None:
        for inner in (
            '<title nc:operation="delete"/><title nc:operation="create">x</title>',
            '<title nc:operation="remove" yang:insert="first">x</title>',
            '<shop nc:operation="delete"/>',
            '<tag nc:operation="create">a</tag><tag nc:operation="create">a</tag>',
            "<cash/><issuer>x</issuer>",
        ):
            assert len(faults(await one.rpc(EDIT.format("", inner)))) == 1, inner
        assert "<title>t</title>" in await one.rpc("<get-config><source><candidate/></source></get-config>")

    run(tmp_path, "1.1", scenario)
