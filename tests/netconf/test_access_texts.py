"""What was printed once is kept for those whom rules hold back, too, and shows each of them no more than he may see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lxml import etree

from applianced.datastore import native, writer
from tests.netconf.test_access import EDIT, GET_CONFIG, OK, shop_filter
from tests.support.guarded import ACM, guarding, path, rule
from tests.support.netconf_session import Client

ITEMS = ("gold", "tin", "iron")
GROUPS = {
    "sue": (rule("gold", "deny", path("/ex:shop/ex:item[ex:name='gold']")),),
    "tom": (rule("price", "deny", path("/ex:shop/ex:item/ex:price")),),
    "uma": (),
    "max": (rule("shop", "deny", path("/ex:shop")),),
}
"""User -> rules. Nobody of them sees `nacm`."""


def items(prices: dict[str, int]) -> str:
    return "".join(
        f"<item><name>{name}</name><price>{price}</price><kind>small</kind></item>" for name, price in prices.items()
    )


def acm() -> str:
    groups = "".join(f"<group><name>{user}</name><user-name>{user}</user-name></group>" for user in GROUPS)
    lists = "".join(
        f"<rule-list><name>{user}</name><group>{user}</group>{''.join(rules)}</rule-list>"
        for user, rules in GROUPS.items()
    )
    return f'<nacm xmlns="{ACM}"><groups>{groups}</groups>{lists}</nacm>'


def seen_by(user: str, prices: dict[str, int]) -> dict[str, str | None]:
    """Name -> price, as a user is to see it; None where he sees none."""
    if user == "max":
        return {}
    return {
        name: None if user == "tom" else str(price)
        for name, price in prices.items()
        if not (user == "sue" and name == "gold")
    }


def shown(reply: str) -> dict[str, str | None]:
    return {str(item.findtext("name")): item.findtext("price") for item in etree.fromstring(reply).iter("item")}


@pytest.mark.parametrize("filter_", ["", shop_filter("")])
def test_each_commit_is_shown_to_each_as_far_as_he_may_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filter_: str
) -> None:
    monkeypatch.setattr(writer, "KEPT_FROM", 1)
    asked = GET_CONFIG.format("running", filter_)

    async def play() -> None:
        prices = dict.fromkeys(ITEMS, 1)
        async with guarding(tmp_path, items(prices), acm()) as server:
            admin = await Client(server).connected()
            clients = {user: await Client(server, user).connected() for user in GROUPS}
            for number in range(2, 20):
                for _ in range(2):
                    replies = await asyncio.gather(admin.rpc(asked), *(each.rpc(asked) for each in clients.values()))
                    assert [shown(reply) for reply in replies] == [
                        {name: str(price) for name, price in prices.items()},
                        *(seen_by(user, prices) for user in clients),
                    ]
                    assert all("<nacm" not in reply for reply in replies[1:])
                prices[ITEMS[number % 3]] = number
                assert await admin.rpc(EDIT.format("", items(prices))) == OK
                assert await admin.rpc("<commit/>") == OK

    asyncio.run(play())


def test_nothing_is_printed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or rules would cost many times what a get-config without them costs."""
    monkeypatch.setattr(writer, "KEPT_FROM", 1)
    printed: list[str] = []
    print_ = writer.Writer._printed

    def watched(self: writer.Writer, node: native.Node, above: str) -> bytes:
        printed.append(native.name(native.schema_of(node)))
        return print_(self, node, above)

    monkeypatch.setattr(writer.Writer, "_printed", watched)
    asked = GET_CONFIG.format("running", "")

    async def play() -> None:
        async with guarding(tmp_path, items(dict.fromkeys(ITEMS, 1)), acm()) as server:
            clients = {user: await Client(server, user).connected() for user in ("admin", *GROUPS)}
            times = {}
            for user, client in clients.items():
                printed.clear()
                await client.rpc(asked)
                first = printed.count("shop")
                await client.rpc(asked)
                times[user] = (first, printed.count("shop") - first)
            # uma sees the shop as admin does.
            assert times == {"admin": (1, 0), "sue": (1, 0), "tom": (1, 0), "uma": (0, 0), "max": (0, 0)}

    asyncio.run(play())
