"""A shop with access control: admin is a super-user, everybody else may do what the rules say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from applianced.access.decider import Decider
from applianced.access.schema import SchemaIndex
from applianced.compiler.plan import Plan
from applianced.config.decode.nacm import decode_nacm
from applianced.config.modules import NACM, PROTOCOL, Module
from applianced.config.nacm import Nacm, Rule, RuleList
from applianced.config.schema import Config, System, User
from applianced.datastore import whole
from applianced.datastore.models import Models, load_models
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.netconf.server import NetconfServer
from applianced.northbound.configuration import Configuration
from applianced.northbound.inforce import Built
from tests.support.netconf_session import Client, ShopState
from tests.support.shop import DECLARED, PASSWORD_HASH, YANG

ACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
SHOP_PATH = "/example:shop"


@lru_cache(maxsize=1)
def guarded_models() -> Models:
    """The shop's, with ietf-netconf-acm."""
    return load_models(YANG, [*PROTOCOL, *NACM, Module("example"), Module("applianced-history")])


@lru_cache(maxsize=1)
def guarded_index() -> SchemaIndex:
    return SchemaIndex(guarded_models())


def decider(*rules: Rule, groups: tuple[str, ...] = ("staff",), **defaults: bool) -> Decider:
    """For a member of `staff`, with one list of rules for `groups`."""
    nacm = Nacm(
        groups={"staff": frozenset(("sue",))}, rule_lists=(RuleList(name="l", groups=groups, rules=rules),), **defaults
    )
    return Decider(guarded_index(), nacm, frozenset(("staff",)))


def guarded_tree(inner: str) -> Tree:
    """A tree with one shop."""
    return Tree.parse(guarded_models(), f"<shop {DECLARED}>{inner}</shop>".encode(), Form.XML)


def rule(name: str, action: str, *parts: str) -> str:
    """A <rule>; parts: its other leaves as XML."""
    return f"<rule><name>{name}</name>{''.join(parts)}<action>{action}</action></rule>"


def path(text: str) -> str:
    return f'<path xmlns:ex="urn:example:shop">{text}</path>'


def nacm(*rules: str, leaves: str = "", users: str = "<user-name>sue</user-name>") -> str:
    """The container, with `rules` for the group `staff`."""
    group = f"<groups><group><name>staff</name>{users}</group></groups>"
    listed = f"<rule-list><name>l</name><group>staff</group>{''.join(rules)}</rule-list>"
    return f'<nacm xmlns="{ACM}">{leaves}{group}{listed}</nacm>'


def build_guarded(data: Mapping[str, Any], in_force: Plan | None) -> Built:
    """A Builder that reads `nacm`."""
    users = {"admin": User(name="admin", password=PASSWORD_HASH, login_class="super-user"), "sue": User(name="sue")}
    title = data.get("example:shop", {}).get("title", "")
    config = Config(system=System(host_name=title, users=users), nacm=decode_nacm(data))
    return Built(config, Plan(ruleset=title, chains={}, queues=1))


@asynccontextmanager
async def guarding(directory: Path, shop: str, acm: str) -> AsyncIterator[NetconfServer]:
    """A server with a shop and rules."""
    models = guarded_models()
    configuration = Configuration(models, CommitLog(directory), build_guarded, ())
    config = etree.fromstring(f"<config><shop {DECLARED}>{shop}</shop>{acm}</config>")
    await configuration.start(lambda: whole.from_elements(models, list(config)), source="test")
    server = NetconfServer(configuration, ShopState(), directory=directory)
    try:
        yield server
    finally:
        await server.close()
        configuration.close()


def run(directory: Path, scenario: Callable[[Client, Client], Awaitable[None]], shop: str, acm: str) -> None:
    """A session of admin and one of sue."""

    async def play() -> None:
        async with guarding(directory, shop, acm) as server:
            await scenario(await Client(server).connected(), await Client(server, "sue").connected())

    asyncio.run(play())
