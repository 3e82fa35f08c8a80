"""ALG policies through the server with the shipped models: the documented example, and each role by each permission."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from applianced.config.alg_policies import DEFAULT_PERMISSIONS, Permission, Role
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.netconf.server import NetconfServer
from applianced.northbound.building import builder
from applianced.northbound.configuration import Configuration
from applianced.supervisor.operational import DataplaneState, PlanMemory
from tests.support.netconf_session import NC, Client, tags
from tests.support.shop import PASSWORD_HASH
from tests.yang.models import ROOT, Data, example, shipped

DOCUMENT = ROOT / "docs" / "alg-policies.md"
SECURITY = "urn:applianced:yang:security"
ALG = "urn:applianced:yang:alg"
MODULE = "urn:applianced:yang:alg-policies"
ACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
NAME = "guarded"


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[NetconfServer]:
    """A server that has the example's configuration in force and no dataplane; admin is a super-user."""
    memory = PlanMemory()
    configuration = Configuration(shipped(), CommitLog(directory), builder(2), [memory])
    await configuration.start(lambda: Tree.parse(shipped(), json.dumps(_first()).encode(), Form.JSON), source="test")
    server = NetconfServer(configuration, DataplaneState(None, memory))
    try:
        yield server
    finally:
        await server.close()
        configuration.close()


def _first() -> Data:
    admin = {"name": "admin", "class": "super-user", "authentication": {"encrypted-password": PASSWORD_HASH}}
    data = example()
    data["applianced-system:system"]["login"] = {"user": [admin]}
    return data


def play(directory: Path, scenario: Callable[[NetconfServer], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(directory) as server:
            await scenario(server)

    asyncio.run(run())


async def edit(client: Client, config: str) -> list[str]:
    """Edit and commit; the error-tags, with the candidate put back when there are any."""
    found = tags(
        await client.rpc(f"<edit-config><target><candidate/></target><config>{config}</config></edit-config>")
    ) or tags(await client.rpc("<commit/>"))
    if found:
        await client.rpc("<discard-changes/>")
    return found


def of_policy(inner: str, operation: str = "merge") -> str:
    """The policy of this test with something in it."""
    return (
        f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}"><policies xmlns="{MODULE}">'
        f'<policy xmlns:nc="{NC}" nc:operation="{operation}">'
        f"<name>{NAME}</name>{inner}</policy></policies></alg></security>"
    )


def members(role: str) -> str:
    """olga is in the group of the role."""
    group = f"<group><name>{role}</name><user-name>olga</user-name></group>"
    return f'<nacm xmlns="{ACM}"><groups>{group}</groups></nacm>'


def reading(source: str) -> dict[str, str]:
    """Every way to read a configuration."""
    subtree = (
        f'<filter><security xmlns="{SECURITY}"><alg xmlns="{ALG}"><policies xmlns="{MODULE}"><policy>'
        f"<name>{NAME}</name></policy></policies></alg></security></filter>"
    )
    xpath = (
        f'<filter type="xpath" xmlns:s="{SECURITY}" xmlns:a="{ALG}" xmlns:p="{MODULE}" '
        f"select=\"/s:security/a:alg/p:policies/p:policy[p:name='{NAME}']\"/>"
    )
    return {
        "whole": f"<get-config><source><{source}/></source></get-config>",
        "by content": f"<get-config><source><{source}/></source>{subtree}</get-config>",
        "by xpath": f"<get-config><source><{source}/></source>{xpath}</get-config>",
        "get": f"<get>{subtree}</get>",
    }


async def seen(client: Client, source: str = "running") -> set[bool]:
    """Whether each way to read shows the policy."""
    replies = [await client.rpc(rpc) for rpc in reading(source).values()]
    assert all("<data" in reply for reply in replies), replies
    return {f"<name>{NAME}</name>" in reply for reply in replies}


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_each_role_by_each_permission(tmp_path: Path, role: Role, permission: Permission) -> None:
    async def scenario(server: NetconfServer) -> None:
        admin = await Client(server).connected()
        leaf = f"<description>first</description><permissions><{role}>{permission}</{role}></permissions>"
        assert await edit(admin, of_policy(leaf) + members(role)) == []
        user = await Client(server, "olga").connected()

        assert await seen(user) == {permission is not Permission.HIDE}
        changed = await edit(user, of_policy("<description>second</description>"))
        deleted = await edit(user, of_policy("", "delete"))
        if permission is Permission.EDIT:
            assert (changed, deleted) == ([], [])
            assert await seen(admin) == {False}
        else:
            assert (changed, deleted) == (["access-denied"], ["access-denied"])
            assert await seen(admin) == {True}
            assert "<description>first</description>" in await admin.rpc(reading("running")["by content"])

    play(tmp_path, scenario)


def test_the_defaults_are_those_of_the_consoles(tmp_path: Path) -> None:
    """A role that the policy does not name has its default; who has no role has what nacm says: read, not write."""

    async def scenario(server: NetconfServer) -> None:
        admin = await Client(server).connected()
        for role in (*Role, "others"):
            assert await edit(admin, of_policy("") + members(role)) == []
            user = await Client(server, "olga").connected()
            may = DEFAULT_PERMISSIONS.get(role, Permission.READ)
            assert await seen(user) == {True}
            denied = await edit(user, of_policy(f"<description>by {role}</description>"))
            assert denied == ([] if may is Permission.EDIT else ["access-denied"]), role
            gone = f'<nacm xmlns="{ACM}"><groups xmlns:nc="{NC}" nc:operation="delete"/></nacm>'
            assert await edit(admin, gone) == []

    play(tmp_path, scenario)


def test_a_refusal_names_the_role(tmp_path: Path) -> None:
    async def scenario(server: NetconfServer) -> None:
        admin = await Client(server).connected()
        assert await edit(admin, of_policy("") + members("enterprise-operator")) == []
        user = await Client(server, "olga").connected()
        change = of_policy("<description>mine</description>")
        reply = await user.rpc(f"<edit-config><target><candidate/></target><config>{change}</config></edit-config>")
        assert f'rule "no-change" of rule-list "alg-policy {NAME} enterprise-operator"' in reply

    play(tmp_path, scenario)


def documented() -> str:
    """The example of the document: what stands in its <config>."""
    (example,) = re.findall(r"```xml\n<config [^>]*>\n(.*?)</config>\n```", DOCUMENT.read_text(), re.DOTALL)
    return str(example)


def test_the_documented_example_does_what_the_document_says(tmp_path: Path) -> None:
    async def scenario(server: NetconfServer) -> None:
        admin = await Client(server).connected()
        assert await edit(admin, documented()) == []
        status = (
            f'<get><filter><security xmlns="{SECURITY}"><alg xmlns="{ALG}"><status '
            'xmlns="urn:applianced:yang:state"><alg><name>ftp</name></alg></status></alg></security></filter></get>'
        )
        reply = re.sub(r"\s|\sxmlns=\"[^\"]*\"", "", await admin.rpc(status))
        (block,) = re.findall(r"```\n(<alg>.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert re.sub(r"\s", "", block) in reply
        olga, ada = [await Client(server, user).connected() for user in ("olga", "ada")]
        shown = await olga.rpc("<get-config><source><running/></source></get-config>")
        assert "<name>staff</name>" in shown
        assert "<name>closed</name>" not in shown
        assert await edit(ada, of_policy("<alg><name>ftp</name></alg>")) == []
        attach = (
            f'<security xmlns="{SECURITY}"><alg xmlns="{ALG}">'
            f'<device-policy xmlns="{MODULE}">{NAME}</device-policy></alg></security>'
        )
        assert await edit(olga, attach) == ["access-denied"]
        assert await edit(ada, attach) == []

    play(tmp_path, scenario)


def test_what_the_models_cannot_say_is_refused_with_its_place(tmp_path: Path) -> None:
    """A service that does not exist: error-tag, path and what to do; the candidate keeps the edit."""

    async def scenario(server: NetconfServer) -> None:
        admin = await Client(server).connected()
        change = of_policy("<alg><name>ftp</name><service>nonesuch</service></alg>")
        assert "<ok" in await admin.rpc(
            f"<edit-config><target><candidate/></target><config>{change}</config></edit-config>"
        )
        reply = await admin.rpc("<validate><source><candidate/></source></validate>")
        assert tags(reply) == ["data-missing"]
        prefix = "applianced-alg-policies"
        assert f"{prefix}:alg[{prefix}:name='ftp']/{prefix}:service[.='nonesuch']</error-path>" in reply
        assert "there is no application or application-set 'nonesuch'; define it under" in reply
        assert await seen(admin, "candidate") >= {True}

    play(tmp_path, scenario)
