"""The small YANG module `example` and what tests of the datastore do with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from applianced.compiler.plan import Plan
from applianced.config.modules import PROTOCOL, Module
from applianced.config.schema import Config, System, User
from applianced.datastore.edit import EditOptions, edit
from applianced.datastore.models import Models, load_models
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.northbound.inforce import Built

PASSWORD = "correct horse"
PASSWORD_HASH = "$6$applianced$8YSzPHu4/8oN/XUy7SGPnbTNO8toxPgJF7EKDpQ5PtK5x13QkIKLxOE6gzOAIy8af3xT/WXFy1kL8qDG9Sibj."
"""Of PASSWORD."""
YANG = Path(__file__).parents[1] / "netconf" / "yang"
NS = "urn:example:shop"
DECLARED = (
    f'xmlns="{NS}" xmlns:ex="{NS}" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" '
    'xmlns:yang="urn:ietf:params:xml:ns:yang:1"'
)


@lru_cache(maxsize=1)
def shop_models() -> Models:
    """The module, and those of the protocol and of ours that fit any model; loaded once."""
    return load_models(
        YANG, [*PROTOCOL, Module("example"), Module("applianced-history"), Module("applianced-notifications")]
    )


def shop(inner: str) -> list[etree._Element]:
    """What stands in <config>: one <shop> with `inner` in it; the prefixes ex, nc and yang are declared."""
    return [etree.fromstring(f"<shop {DECLARED}>{inner}</shop>")]


def tree_of(inner: str) -> Tree:
    """A tree with one shop."""
    return Tree.parse(shop_models(), f"<shop {DECLARED}>{inner}</shop>".encode(), Form.XML)


def content(tree: Tree) -> str:
    """What stands inside the shop."""
    text = tree.render(Form.XML).decode()
    return text.removeprefix(f'<shop xmlns="{NS}">').removesuffix("</shop>")


def edited(before: str, change: str, options: EditOptions | None = None) -> str:
    """The shop's content after an edit. Raises EditError."""
    with tree_of(before) as tree:
        edit(tree, shop(change), options or EditOptions())
        return content(tree)


def touch(tree: Tree) -> None:
    """Give the shop one more tag: a commit of what is in force already would put nothing in force."""
    edit(tree, shop(f"<tag>{content(tree).count('<tag>')}</tag>"), EditOptions())


def build_shop(data: Mapping[str, Any], in_force: Plan | None) -> Built:
    """A Builder for configurations of the module `example`: the shop's title becomes the host's name."""
    title = data.get("example:shop", {}).get("title", "")
    users = {"admin": User(name="admin", password=PASSWORD_HASH, login_class="super-user")}
    return Built(Config(system=System(host_name=title, users=users)), Plan(ruleset=title, chains={}, queues=1))
