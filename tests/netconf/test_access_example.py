"""The worked example of docs/netconf-access.md: its three groups over SSH, in the appliance's own model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh
import pytest
from lxml import etree

from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.netconf.ssh.listener import listen
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from applianced.northbound.service import Service
from applianced.system.users import Users
from tests.support.netconf_session import NC
from tests.support.no_dataplane import NoDataplane
from tests.support.ssh_endpoint import Netconf
from tests.yang.models import shipped

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "access.xml"
APPLICATIONS = '<applications xmlns="urn:applianced:yang:applications">{}</applications>'
APPLICATION = (
    "<application><name>{}</name><protocol>tcp</protocol><destination-port>{}</destination-port></application>"
)
SYSTEM = '<system xmlns="urn:applianced:yang:system">{}</system>'
EDIT = "<edit-config><target><candidate/></target><config>{}</config></edit-config>"
GET = "<get-config><source><{}/></source></get-config>"
COMPARE = '<compare xmlns="urn:applianced:yang:history"/>'
USERS = ("admin", "nina", "app-bot", "otto")
Rpc = Callable[[str, str], Awaitable[str]]


def first(key: str) -> bytes:
    """Four users, two applications and a zone."""
    users = [
        {"name": name, "authentication": {"ssh-public-key": [key]}, **({"class": "super-user"} if not number else {})}
        for number, name in enumerate(USERS)
    ]
    application = [
        {"name": name, "protocol": "tcp", "destination-port": port}
        for name, port in (("ftp-backup", "2121"), ("shop", "8080"))
    ]
    data = {
        "applianced-system:system": {"login": {"user": users}},
        "applianced-applications:applications": {"application": application},
        "applianced-security:security": {"zones": {"security-zone": [{"name": "lan"}]}},
    }
    return json.dumps(data).encode()


async def play(directory: Path, scenario: Callable[[Rpc], Awaitable[None]]) -> None:
    """With the example in force; the scenario calls as a user."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    models = shipped()
    configuration = Configuration(models, CommitLog(directory), builder(1), ())
    text = first(key.export_public_key().decode().strip())
    await configuration.start(lambda: Tree.parse(models, text, Form.JSON), source="test")
    users = Users(lambda: configuration.config.system.users)
    listener = await listen("127.0.0.1", 0, Service(configuration, NoDataplane(), users, directory))
    opened: dict[str, tuple[asyncssh.SSHClientConnection, Netconf]] = {}

    async def rpc(user: str, operation: str) -> str:
        if user not in opened:
            connection = await asyncssh.connect(
                "127.0.0.1", listener.port, username=user, client_keys=[key], known_hosts=None, config=None
            )
            opened[user] = connection, await Netconf.over(connection)
        return (await opened[user][1].rpc(operation)).decode()

    try:
        rules = etree.tostring(etree.parse(EXAMPLE).getroot()[0]).decode()
        assert "<ok/>" in await rpc("admin", EDIT.format(rules))
        assert "<ok/>" in await rpc("admin", "<commit/>")
        await scenario(rpc)
    finally:
        for connection, _ in opened.values():
            connection.close()
        await listener.close()
        configuration.close()


def test_each_group_may_do_what_the_page_says(tmp_path: Path) -> None:
    async def scenario(rpc: Rpc) -> None:
        for store in ("running", "candidate"):
            nina, bot, otto = [await rpc(user, GET.format(store)) for user in USERS[1:]]
            assert "ftp-backup" in nina
            assert "security-zone" in nina
            assert not [secret for secret in ("<login>", "<nacm", "ssh-ed25519") if secret in nina]
            assert "<name>shop<" in bot
            assert "ftp-backup" not in bot
            assert not [secret for secret in ("<security", "<nacm", "ssh-ed25519") if secret in bot]
            assert "<login>" in otto
            assert "rule-list" in otto
            assert "ssh-ed25519" not in otto
        change = EDIT.format(APPLICATIONS.format(APPLICATION.format("mail", 25)))
        assert 'rule "no-changes" of rule-list "auditors"' in unescaped(await rpc("otto", change))
        assert "<ok/>" in await rpc("app-bot", change)
        # Nina may commit it: it is hers to change as well. Otto may look, and no more.
        assert "application mail" in await rpc("otto", COMPARE)
        assert 'rule "no-changes" of rule-list "auditors"' in unescaped(await rpc("otto", "<commit/>"))
        assert 'rule "no-locks"' in unescaped(await rpc("otto", "<lock><target><running/></target></lock>"))
        assert "<ok/>" in await rpc("nina", "<commit/>")
        assert "<name>mail<" in await rpc("app-bot", GET.format("running"))

    asyncio.run(play(tmp_path, scenario))


NINA = "<login><user><name>nina</name><class>super-user</class></user></login>"
OFF = '<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>false</enable-nacm></nacm>'


@pytest.mark.parametrize(
    ("user", "edit", "by"),
    [
        ("app-bot", SYSTEM.format("<host-name>h</host-name>"), "write-default"),
        ("app-bot", APPLICATIONS.format(APPLICATION.format("ftp-backup", 1)), 'rule "not-the-ftp-of-others"'),
        ("nina", SYSTEM.format(NINA), 'rule "not-the-logins"'),
        ("nina", OFF, 'rule "not-the-rules"'),
        ("otto", SYSTEM.format("<host-name>h</host-name>"), 'rule "no-changes"'),
    ],
)
def test_nobody_gets_further_than_that(tmp_path: Path, user: str, edit: str, by: str) -> None:
    async def scenario(rpc: Rpc) -> None:
        reply = await rpc(user, EDIT.format(edit))
        assert "<error-tag>access-denied</error-tag>" in reply
        assert by in unescaped(reply)
        assert await rpc("admin", GET.format("running")) == await rpc("admin", GET.format("candidate"))

    asyncio.run(play(tmp_path, scenario))


def test_the_message_of_the_page(tmp_path: Path) -> None:
    page = (EXAMPLE.parents[1] / "netconf-access.md").read_text()

    async def scenario(rpc: Rpc) -> None:
        reply = await rpc("app-bot", EDIT.format(SYSTEM.format("<host-name>h</host-name>")))
        for name in ("error-path", "error-message"):
            start = reply.index(f"<{name}")
            assert reply[start : reply.index(f"</{name}>")] in page

    asyncio.run(play(tmp_path, scenario))


def test_the_way_back_for_whoever_locked_himself_out_of_the_rules(tmp_path: Path) -> None:
    async def scenario(rpc: Rpc) -> None:
        everything = (
            '<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><read-default>deny</read-default></nacm>'
        )
        await rpc("admin", EDIT.format(everything))
        assert "<ok/>" in await rpc("admin", "<commit/>")
        assert "rule-list" in await rpc("admin", GET.format("running"))
        login = SYSTEM.format(
            f'<login><user><name>admin</name><class xmlns:nc="{NC}" nc:operation="delete"/></user></login>'
        )
        assert "<ok/>" in await rpc("admin", EDIT.format(login))
        reply = await rpc("admin", "<commit/>")
        assert "no super-user could log in any more" in reply
        assert "<error-tag>operation-failed</error-tag>" in reply

    asyncio.run(play(tmp_path, scenario))


def unescaped(text: str) -> str:
    return text.replace("&quot;", '"')
