"""Access control as users meet it: a super-user and somebody whom rules hold back, at one server.

Mostly attempts to learn or to change what the rules keep from her.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from lxml import etree

from tests.support.guarded import ACM, nacm, path, rule, run
from tests.support.netconf_session import Client, tags
from tests.support.shop import DECLARED

EDIT = "<edit-config><target><candidate/></target>{}<config><shop " + DECLARED + ">{}</shop></config></edit-config>"
GET_CONFIG = "<get-config><source><{}/></source>{}</get-config>"
XPATH = '<filter type="xpath" xmlns:ex="urn:example:shop" select="{}"/>'
NMDA = 'xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda" xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"'
HISTORY = 'xmlns="urn:applianced:yang:history"'
DATASTORES = ("running", "candidate")
OK = "<ok/>"

GOLD = "<item><name>gold</name><price>900</price><kind>small</kind></item>"
TIN = "<item><name>tin</name><price>7</price><kind>large</kind></item>"
STOCK = f"<title>open</title><size>42</size>{GOLD}{TIN}<tag>t</tag>"
NO_GOLD = rule("veil", "deny", path("/ex:shop/ex:item[ex:name='gold']"))
NO_PRICE = rule("screen", "deny", path("/ex:shop/ex:item/ex:price"))
NO_SIZE = rule("curtain", "deny", path("/ex:shop/ex:size"))
WRITES = rule("shop", "permit", path("/ex:shop"), "<access-operations>create read update delete</access-operations>")


def shop_filter(inner: str) -> str:
    return f'<filter type="subtree"><shop xmlns="urn:example:shop">{inner}</shop></filter>'


def message(reply: str) -> str:
    return str(etree.fromstring(f"<r>{reply}</r>").findtext(".//error-message"))


def error_path(reply: str) -> str | None:
    return etree.fromstring(f"<r>{reply}</r>").findtext(".//error-path")


SECRETS = ("gold", "900", "<price", "<size", "42")


def test_hidden_data_is_in_no_answer(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        await admin.rpc(EDIT.format("", "<title>edited</title>"))
        for operation in (
            *(GET_CONFIG.format(store, "") for store in DATASTORES),
            *(GET_CONFIG.format(store, shop_filter("")) for store in DATASTORES),
            *(GET_CONFIG.format(store, XPATH.format("//ex:*")) for store in DATASTORES),
            *(
                f"<get-data {NMDA}><datastore>ds:{store}</datastore></get-data>"
                for store in (*DATASTORES, "intended", "operational")
            ),
            *("<get/>", f"<get>{shop_filter('')}</get>", f"<get>{XPATH.format('/ex:shop')}</get>"),
        ):
            for defaults in ("", "report-all", "report-all-tagged", "trim"):
                asked = _with_defaults(operation, defaults)
                shown = await sue.rpc(asked)
                # The names of the leaves are in the YANG library's neighbourhood, their values nowhere.
                assert "<title>" in shown
                assert "tin" in shown
                assert not [secret for secret in SECRETS if secret in _of_shop(shown)], asked
                assert "gold" in await admin.rpc(asked)

    run(tmp_path, scenario, STOCK, nacm(NO_GOLD, NO_PRICE, NO_SIZE))


def _with_defaults(operation: str, mode: str) -> str:
    if not mode:
        return operation
    home = "ietf-netconf-nmda" if operation.startswith("<get-data") else "ietf-netconf-with-defaults"
    element = f'<with-defaults xmlns="urn:ietf:params:xml:ns:yang:{home}">{mode}</with-defaults>'
    return operation.replace("<get/>", "<get></get>").replace("</get", f"{element}</get")


def _of_shop(reply: str) -> str:
    at = reply.index("<shop")
    return reply[at : reply.index("</shop>", at)]


@pytest.mark.parametrize(
    ("wanted", "unknown"),
    [
        (shop_filter("<size>42</size>"), shop_filter("<size>43</size>")),
        (shop_filter("<item><price>7</price></item>"), shop_filter("<item><price>8</price></item>")),
        (shop_filter("<item><name>gold</name></item>"), shop_filter("<item><name>iron</name></item>")),
        (shop_filter("<size/>"), shop_filter("<paint/>")),
        (XPATH.format("/ex:shop[ex:size=42]"), XPATH.format("/ex:shop[ex:size=43]")),
        (XPATH.format("/ex:shop/ex:item[ex:price=7]"), XPATH.format("/ex:shop/ex:item[ex:price=8]")),
        (XPATH.format("/ex:shop/ex:item[ex:name='gold']"), XPATH.format("/ex:shop/ex:item[ex:name='iron']")),
        (XPATH.format("/ex:shop/ex:title[../ex:size]"), XPATH.format("/ex:shop/ex:title[../ex:paint]")),
        (XPATH.format("/ex:shop[count(ex:item)=2]"), XPATH.format("/ex:shop[count(ex:item)=3]")),
    ],
)
def test_a_filter_does_not_find_out(tmp_path: Path, wanted: str, unknown: str) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        for store in DATASTORES:
            answer = await sue.rpc(GET_CONFIG.format(store, wanted))
            assert answer == await sue.rpc(GET_CONFIG.format(store, unknown)) == "<data/>"
            assert await admin.rpc(GET_CONFIG.format(store, wanted)) != "<data/>"
        # A candidate of its own.
        await admin.rpc(EDIT.format("", "<title>edited</title>"))
        answer = await sue.rpc(GET_CONFIG.format("candidate", wanted))
        assert answer == await sue.rpc(GET_CONFIG.format("candidate", unknown)) == "<data/>"

    run(tmp_path, scenario, STOCK, nacm(NO_GOLD, NO_PRICE, NO_SIZE))


EDITS_OF_HIDDEN = (
    ("<item{}><name>{}</name></item>", ("gold", "iron")),
    ("<item><name>{1}</name><price{0}>5</price></item>", ("gold", "iron")),
)


@pytest.mark.parametrize("operation", ["", "create", "delete", "remove", "merge", "replace"])
@pytest.mark.parametrize("default", ["", "<default-operation>none</default-operation>"])
def test_an_edit_of_something_hidden_does_not_find_out(tmp_path: Path, operation: str, default: str) -> None:
    hidden = rule("hidden", "deny", path("/ex:shop/ex:item"))
    attribute = f' nc:operation="{operation}"' if operation else ""

    async def scenario(admin: Client, sue: Client) -> None:
        for form, names in EDITS_OF_HIDDEN:
            there, missing = [await sue.rpc(EDIT.format(default, form.format(attribute, name))) for name in names]
            assert tags(there) == ["access-denied"]
            assert there.replace("gold", "iron") == missing
            assert 'is denied by rule "hidden" of rule-list "l"' in message(there)
            assert "900" not in there
        assert await admin.rpc(GET_CONFIG.format("candidate", "")) == await admin.rpc(GET_CONFIG.format("running", ""))

    run(tmp_path, scenario, STOCK, nacm(hidden, WRITES))


def test_the_error_says_what_and_by_which_rule(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        for edit, where, by in (
            ("<tag>new</tag>", "/ex:shop/ex:tag", 'rule "tags" of rule-list "l"'),
            ("<title>new</title>", "/ex:shop/ex:title", "write-default"),
        ):
            reply = await sue.rpc(EDIT.format("", edit))
            assert tags(reply) == ["access-denied"]
            assert str(error_path(reply)).replace("example:", "ex:").startswith(where)
            assert f"denied by {by}" in message(reply)
            assert "<error-type>application</error-type>" in reply
        called = await sue.rpc('<ring xmlns="urn:example:shop"><times>1</times></ring>')
        assert tags(called) == ["access-denied"]
        assert 'to call <ring> is denied by rule "quiet" of rule-list "l"' in message(called)
        assert "<error-type>protocol</error-type>" in called
        assert "heard" in await admin.rpc('<ring xmlns="urn:example:shop"><times>1</times></ring>')

    no_tags = rule("tags", "deny", path("/ex:shop/ex:tag"), "<access-operations>create</access-operations>")
    run(tmp_path, scenario, STOCK, nacm(no_tags, rule("quiet", "deny", "<rpc-name>ring</rpc-name>")))


@pytest.mark.parametrize(
    ("edit", "permitted"),
    [
        ("<title>new</title>", True),
        ("<title>open</title>", True),
        ("<size>42</size>", True),
        ("<size>43</size>", False),
        ('<size nc:operation="delete"/>', False),
        ('<title nc:operation="delete"/>', False),
        ('<item nc:operation="delete"><name>tin</name></item>', False),
        ("<item><name>tin</name><kind>small</kind></item>", False),
        ("<item><name>tin</name><price>8</price></item>", True),
        ("<item><name>iron</name><kind>small</kind></item>", False),
        ('<tag nc:operation="delete">t</tag>', True),
        ("<tag>u</tag>", False),
    ],
)
def test_an_edit_is_judged_by_what_it_changes(tmp_path: Path, edit: str, permitted: bool) -> None:
    rules = (
        rule("title", "permit", path("/ex:shop/ex:title"), "<access-operations>update</access-operations>"),
        rule("price", "permit", path("/ex:shop/ex:item/ex:price"), "<access-operations>update</access-operations>"),
        rule("tag", "permit", path("/ex:shop/ex:tag"), "<access-operations>delete</access-operations>"),
    )

    async def scenario(admin: Client, sue: Client) -> None:
        before = await admin.rpc(GET_CONFIG.format("candidate", ""))
        for option in (
            "",
            "<error-option>continue-on-error</error-option>",
            "<test-option>test-then-set</test-option>",
        ):
            reply = await sue.rpc(EDIT.format(option, edit))
            if permitted:
                assert reply == OK
                await sue.rpc("<discard-changes/>")
            else:
                assert tags(reply) == ["access-denied"]
                assert await admin.rpc(GET_CONFIG.format("candidate", "")) == before
        # What is in the candidate already stays when somebody's edit is refused.
        await admin.rpc(EDIT.format("", "<title>from admin</title>"))
        edited = await admin.rpc(GET_CONFIG.format("candidate", ""))
        if not permitted:
            assert tags(await sue.rpc(EDIT.format("", edit))) == ["access-denied"]
            assert await admin.rpc(GET_CONFIG.format("candidate", "")) == edited

    run(tmp_path, scenario, STOCK, nacm(*rules))


def test_what_cannot_be_seen_cannot_be_replaced_away(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        everything = await admin.rpc(GET_CONFIG.format("running", ""))
        config = f'<config><shop xmlns="urn:example:shop">{TIN}</shop></config>'
        for attempt in (
            EDIT.format("<default-operation>replace</default-operation>", TIN),
            EDIT.format("", "").replace("<shop ", '<shop nc:operation="replace" '),
            EDIT.format("", "").replace("<shop ", '<shop nc:operation="delete" '),
            f"<copy-config><target><candidate/></target><source>{config}</source></copy-config>",
            f"<edit-data {NMDA}><datastore>ds:candidate</datastore><default-operation>replace</default-operation>"
            f"{config}</edit-data>",
        ):
            reply = await sue.rpc(attempt)
            assert tags(reply) == ["access-denied"], reply
            assert "gold" not in reply
            assert await admin.rpc(GET_CONFIG.format("candidate", "")) == everything

    run(tmp_path, scenario, STOCK, nacm(NO_GOLD, WRITES))


def test_replacing_around_what_is_equal_is_no_change(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        shown = (await sue.rpc(GET_CONFIG.format("running", ""))).removeprefix("<data>").removesuffix("</data>")
        changed = shown.replace("open", "shut").replace("<shop>", '<shop xmlns="urn:example:shop">')
        copy = f"<copy-config><target><candidate/></target><source><config>{changed}</config></source></copy-config>"
        assert await sue.rpc(copy) == OK
        assert "shut" in await admin.rpc(GET_CONFIG.format("candidate", ""))
        assert await sue.rpc("<commit/>") == OK
        assert tags(await sue.rpc(copy.replace("<price>7", "<price>8"))) == ["access-denied"]

    title = rule("title", "permit", path("/ex:shop/ex:title"))
    run(tmp_path, scenario, STOCK, nacm(title, rule("acl", "permit", f'<path xmlns:n="{ACM}">/n:nacm</path>')))


def test_nobody_commits_what_he_could_not_edit(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        await admin.rpc(EDIT.format("", "<size>43</size>"))
        assert await sue.rpc(EDIT.format("", "<title>by sue</title>")) == OK
        before = await admin.rpc(GET_CONFIG.format("candidate", ""))
        reply = await sue.rpc("<commit/>")
        assert tags(reply) == ["access-denied"]
        assert str(error_path(reply)).endswith("size")
        assert await admin.rpc(GET_CONFIG.format("candidate", "")) == before
        assert "<size>42" in await admin.rpc(GET_CONFIG.format("running", ""))
        assert await sue.rpc(EDIT.format("", "<size>42</size>")) != OK
        await admin.rpc(EDIT.format("", "<size>42</size>"))
        assert await sue.rpc("<commit/>") == OK
        assert "by sue" in await admin.rpc(GET_CONFIG.format("running", ""))

    title = rule("title", "permit", path("/ex:shop/ex:title"))
    run(tmp_path, scenario, STOCK, nacm(title))


def test_earlier_configurations(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        await admin.rpc(EDIT.format("", "<size>43</size><title>two</title>"))
        await admin.rpc("<commit/>")
        await admin.rpc(EDIT.format("", "<item><name>gold</name><price>901</price></item><size>44</size>"))
        for source, target in (("<number>1</number>", "<running/>"), ("<running/>", "<candidate/>")):
            asked = f"<compare {HISTORY}><source>{source}</source><target>{target}</target></compare>"
            assert "size" in await admin.rpc(asked)
            lines = await sue.rpc(asked)
            assert not [secret for secret in ("size", "gold", "90") if secret in lines]
            assert ("title" in lines) is ("number" in source)
        await admin.rpc("<discard-changes/>")
        reply = await sue.rpc(f"<rollback {HISTORY}><number>1</number></rollback>")
        assert tags(reply) == ["access-denied"]
        assert "size" not in reply
        assert "two" in await admin.rpc(GET_CONFIG.format("candidate", ""))
        assert tags(await sue.rpc(f"<save-rescue {HISTORY}/>")) == ["access-denied"]

    history = rule("history", "permit", "<module-name>applianced-history</module-name><rpc-name>rollback</rpc-name>")
    compare = rule("compare", "permit", "<module-name>applianced-history</module-name><rpc-name>compare</rpc-name>")
    run(tmp_path, scenario, STOCK, nacm(history, compare, NO_GOLD, NO_SIZE, WRITES))


def test_rules_count_from_the_commit_on_and_for_open_sessions(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        assert "<size>" in await sue.rpc(GET_CONFIG.format("running", ""))
        hidden = nacm(NO_SIZE)
        await admin.rpc(f"<edit-config><target><candidate/></target><config>{hidden}</config></edit-config>")
        assert "<size>" in await sue.rpc(GET_CONFIG.format("running", ""))
        assert await admin.rpc("<commit/>") == OK
        assert "<size>" not in await sue.rpc(GET_CONFIG.format("running", ""))
        assert "<size>" in await admin.rpc(GET_CONFIG.format("running", ""))
        off = f'<nacm xmlns="{ACM}"><enable-nacm>false</enable-nacm></nacm>'
        await admin.rpc(f"<edit-config><target><candidate/></target><config>{off}</config></edit-config>")
        assert await admin.rpc("<commit/>") == OK
        assert "<size>" in await sue.rpc(GET_CONFIG.format("running", ""))
        assert await sue.rpc(EDIT.format("", "<size>1</size>")) == OK

    run(tmp_path, scenario, STOCK, nacm())


def test_what_runs_is_seen_as_it_is_after_each_commit(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        for number in range(3):
            await admin.rpc(EDIT.format("", f"<title>no {number}</title>"))
            await admin.rpc("<commit/>")
            shown = await sue.rpc(GET_CONFIG.format("running", ""))
            assert f"no {number}" in shown
            assert "<size>" not in shown
            assert shown == await sue.rpc(GET_CONFIG.format("running", ""))

    run(tmp_path, scenario, STOCK, nacm(NO_SIZE))


def test_the_rules_themselves(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        for store in DATASTORES:
            assert "rule-list" not in await sue.rpc(GET_CONFIG.format(store, ""))
            assert "rule-list" in await admin.rpc(GET_CONFIG.format(store, ""))
        assert "denied-operations" not in await sue.rpc("<get/>")
        grab = nacm(rule("all", "permit"))
        reply = await sue.rpc(f"<edit-config><target><candidate/></target><config>{grab}</config></edit-config>")
        assert tags(reply) == ["access-denied"]
        assert "default-deny-all" in message(reply)

    run(tmp_path, scenario, STOCK, nacm(WRITES))


def test_operations_that_are_denied_unless_permitted(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        kill = f"<kill-session><session-id>{admin.session.number}</session-id></kill-session>"
        assert tags(await sue.rpc(kill)) == ["access-denied"]
        assert tags(await sue.rpc("<delete-config><target><candidate/></target></delete-config>")) == ["access-denied"]
        assert await admin.rpc("<lock><target><running/></target></lock>") == OK
        assert tags(await sue.rpc("<nonsense/>")) == ["operation-not-supported"]
        assert await sue.rpc("<close-session/>") == OK

    run(tmp_path, scenario, STOCK, nacm(leaves="<exec-default>permit</exec-default>"))


def test_a_fault_of_what_others_edited_does_not_tell_what_it_is(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        dear = "<item><name>gold</name><price>1001</price></item>"
        assert await admin.rpc(EDIT.format("", dear)) == OK
        for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
            assert "gold" in str(error_path(await admin.rpc(operation)))
        reply = await sue.rpc("<validate><source><candidate/></source></validate>")
        assert tags(reply) == ["operation-failed"]
        assert message(reply) == "faults at nodes that you may not read: 1; ask somebody who may"
        assert not [secret for secret in ("gold", "1001", "price") if secret in reply]
        # A fault that she is told of does not bring along those that she is not.
        assert await admin.rpc(EDIT.format("", dear.replace("gold", "tin").replace("1001", "1002"))) == OK
        reply = await sue.rpc("<validate><source><candidate/></source></validate>")
        assert tags(reply) == ["operation-failed"] * 2
        assert "tin" in str(error_path(reply))
        assert "faults at nodes that you may not read: 1; ask somebody who may" in reply
        assert not [secret for secret in ("gold", "1001") if secret in reply]
        # Of what she may read, she is told as everybody is.
        await admin.rpc("<discard-changes/>")
        await admin.rpc(EDIT.format("", dear.replace("gold", "tin")))
        reply = await sue.rpc("<validate><source><candidate/></source></validate>")
        assert "price must be at most 1000" in message(reply)
        assert "tin" in str(error_path(reply))

    run(tmp_path, scenario, STOCK, nacm(NO_GOLD))


def test_state_is_hidden_as_configuration_is(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        for operation in (
            f"<get>{shop_filter('')}</get>",
            f"<get>{XPATH.format('/ex:shop')}</get>",
            f"<get-data {NMDA}><datastore>ds:operational</datastore></get-data>",
            f"<get-data {NMDA}><datastore>ds:operational</datastore><config-filter>false</config-filter></get-data>",
        ):
            assert "<visitors>3<" in await admin.rpc(operation)
            assert "visitors" not in _of_data(await sue.rpc(operation))
        for wanted in (shop_filter("<visitors>3</visitors>"), XPATH.format("/ex:shop[ex:visitors=3]")):
            assert await sue.rpc(f"<get>{wanted}</get>") == "<data/>"
            assert await admin.rpc(f"<get>{wanted}</get>") != "<data/>"

    run(tmp_path, scenario, STOCK, nacm(rule("crowd", "deny", path("/ex:shop/ex:visitors"))))


def _of_data(reply: str) -> str:
    """Without the schemas that monitoring lists."""
    return reply.partition("<shop")[2].partition("</shop>")[0]


def test_the_yang_library_is_data_as_well(tmp_path: Path) -> None:
    library = "urn:ietf:params:xml:ns:yang:ietf-yang-library"

    async def scenario(admin: Client, sue: Client) -> None:
        for operation in ("<get/>", f"<get-data {NMDA}><datastore>ds:operational</datastore></get-data>"):
            assert f'<modules-state xmlns="{library}"' in await admin.rpc(operation)
            shown = await sue.rpc(operation)
            assert "<modules-state" not in shown
            assert f'<yang-library xmlns="{library}"' in shown

    hidden = f'<path xmlns:l="{library}">/l:modules-state</path>'
    run(tmp_path, scenario, STOCK, nacm(rule("old", "deny", hidden)))


def test_closing_is_always_permitted(tmp_path: Path) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        assert tags(await sue.rpc("<get/>")) == ["access-denied"]
        assert await sue.rpc("<close-session/>") == OK

    run(tmp_path, scenario, STOCK, nacm(rule("nothing", "deny")))


def test_schemas_are_as_their_list_is(tmp_path: Path) -> None:
    monitoring = 'xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"'

    async def scenario(admin: Client, sue: Client) -> None:
        def asked(name: str) -> str:
            return f"<get-schema {monitoring}><identifier>{name}</identifier></get-schema>"

        assert "A small model" in await admin.rpc(asked("example"))
        hidden, missing = await sue.rpc(asked("example")), await sue.rpc(asked("exampel"))
        assert tags(hidden) == ["invalid-value"]
        assert hidden.replace("example", "exampel") == missing
        assert "module ietf-netconf-acm" in await sue.rpc(asked("ietf-netconf-acm"))
        state = await sue.rpc(f'<get><filter type="subtree"><netconf-state {monitoring}/></filter></get>')
        assert "<identifier>ietf-netconf-acm</identifier>" in state
        assert "<identifier>example</identifier>" not in state
        assert "<sessions>" not in state

    way = "/m:netconf-state/m:schemas/m:schema[m:identifier='example'][m:version='2026-11-21'][m:format='m:yang']"
    declared = 'xmlns:m="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"'
    rules = (
        rule("schema", "deny", f"<path {declared}>{way}</path>"),
        rule("who", "deny", f"<path {declared}>/m:netconf-state/m:sessions</path>"),
    )
    run(tmp_path, scenario, STOCK, nacm(*rules))


def test_denials_are_counted_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        with caplog.at_level(logging.WARNING):
            await sue.rpc(EDIT.format("", "<title>x</title>"))
            for _ in range(30):
                await sue.rpc('<ring xmlns="urn:example:shop"><times>1</times></ring>')
        shown = await admin.rpc(f'<get><filter type="subtree"><nacm xmlns="{ACM}"/></filter></get>')
        for counted in ("operations>30<", "data-writes>1<", "notifications>0<"):
            assert f"denied-{counted}" in shown
        said = [record.getMessage() for record in caplog.records if "may not" in record.getMessage()]
        assert len(said) == 20
        assert said[0] == "user 'sue' may not change at /example:shop/title: denied by write-default"
        assert said[1] == 'user \'sue\' may not call example:ring: denied by rule "quiet" of rule-list "l"'

    run(tmp_path, scenario, STOCK, nacm(rule("quiet", "deny", "<rpc-name>ring</rpc-name>")))


@pytest.mark.parametrize("variable", ["$USER", "'$USER'", '"$USER"'])
def test_a_path_may_name_the_user(tmp_path: Path, variable: str) -> None:
    """Everybody sees the item of his own name alone."""

    async def scenario(admin: Client, sue: Client) -> None:
        shown = await sue.rpc(GET_CONFIG.format("running", ""))
        assert "<name>sue</name>" in shown
        assert "bob" not in shown
        bob = await Client(admin.session.server, "bob").connected()
        shown = await bob.rpc(GET_CONFIG.format("running", ""))
        assert "<name>bob</name>" in shown
        assert "sue" not in shown
        assert "'$USER'" in await admin.rpc(GET_CONFIG.format("running", ""))

    own = rule("own", "permit", path(f"/ex:shop/ex:item[ex:name={variable}]"))
    others = rule("others", "deny", path("/ex:shop/ex:item"))
    items = "".join(f"<item><name>{name}</name><kind>small</kind></item>" for name in ("sue", "bob"))
    run(tmp_path, scenario, items, nacm(own, others, users="<user-name>sue</user-name><user-name>bob</user-name>"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/ex:shop/ex:item[ex:name=$NOBODY]", "$NOBODY"),
        ("/ex:shop/ex:item[ex:name=USER]", "USER"),
        ("/ex:shop/ex:item[ex:name='ex:a']", "another prefix"),
        ("/ex:shop/ex:shelf[ex:row='a'][ex:column='b']", "row"),
        ("/ex:shop/item", "prefix"),
        ("/ex:shop/ex:nothing", "nothing"),
        ("/ex:shop/ex:item[1]", "item"),
        ("/ex:shop/ex:item[ex:price='1']", "price"),
        ("/ex:shop/ex:shelf[ex:row='1'][ex:row='1']", "shelf"),
        ("/ex:shop/ex:item[ex:name=concat('a','b')]", "concat"),
        ("//ex:item", "//"),
        ("shop", "shop"),
        ("/no:shop", "no"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path, text: str, said: str) -> None:
    async def scenario(admin: Client, sue: Client) -> None:
        rules = nacm(rule("bad", "deny", path(text)))
        reply = await admin.rpc(f"<edit-config><target><candidate/></target><config>{rules}</config></edit-config>")
        assert tags(reply) == ["invalid-value"]
        assert str(error_path(reply)).endswith(
            "nacm/ietf-netconf-acm:rule-list[ietf-netconf-acm:name='l']/ietf-netconf-acm:rule"
            "[ietf-netconf-acm:name='bad']/ietf-netconf-acm:path"
        )
        assert said in message(reply)

    run(tmp_path, scenario, STOCK, nacm())
