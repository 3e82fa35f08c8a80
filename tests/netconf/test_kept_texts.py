"""What was printed once and is shown again is what is running, whatever was committed in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from applianced.datastore import writer
from applianced.datastore.spare import Spare
from applianced.datastore.tree import Tree
from tests.support.netconf_session import Client, serving
from tests.support.shop import DECLARED, shop_models

GET = "<get-config><source><running/></source>{}</get-config>"
ALL = "<with-defaults xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults'>report-all</with-defaults>"
EDIT = "<edit-config><target><candidate/></target><config><shop " + DECLARED + ">{}</shop></config></edit-config>"
OK = "<ok/>"


def shelves(labels: list[str]) -> str:
    return "".join(
        f"<shelf><row>{at}</row><column>c</column><label>{label}</label></shelf>" for at, label in enumerate(labels)
    )


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each candidate was a spare; small texts are kept as well."""
    monkeypatch.setattr(writer, "KEPT_FROM", 1)
    seen: list[bool] = []
    copy = Spare.copy

    def watched(self: Spare, running: Tree) -> Tree:
        kept = self._kept
        made = copy(self, running)
        seen.append(kept is not None and made is kept.tree)
        return made

    monkeypatch.setattr(Spare, "copy", watched)
    return seen


def test_every_commit_is_shown(tmp_path: Path, copies: list[bool]) -> None:
    async def play() -> None:
        labels = ["a"] * 5
        async with serving(tmp_path, shelves(labels)) as server:
            one, two = await Client(server).connected(), await Client(server).connected()
            for number in range(40):
                labels[number % 5] = f"l{number}"
                if number % 7 == 0:
                    labels.append("new")
                assert await one.rpc(EDIT.format(shelves(labels))) == OK
                shown = await two.rpc(GET.format(""))
                assert shown == await two.rpc(GET.format(""))
                assert f"l{number}<" not in shown
                assert await one.rpc("<commit/>") == OK
                # Whoever tells of the commit looks at the former tree as well.
                await server.configuration.told()
                for _ in range(2):
                    assert await two.rpc(GET.format("")) == f"<data><shop>{shelves(labels)}</shop></data>"
                    assert "<size>10</size>" in await two.rpc(GET.format(ALL))

    asyncio.run(play())
    assert copies.count(True) > 30, "the former tree becomes the next candidate"


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "KEPT_FROM", 3)
    monkeypatch.setattr(writer, "KEPT_MAX", 8)
    texts = writer.Texts()
    with Tree.parse(shop_models(), f"<shop {DECLARED}><tag>a</tag></shop>".encode(), writer.Form.XML) as tree:
        kept = [b"ab", b"abcd", b"abcde", b"abc"]
        for above, text in enumerate(kept):
            texts.keep(tree.first, writer.Defaults.EXPLICIT, str(above), text)
        found = [texts.get(tree.first, writer.Defaults.EXPLICIT, str(above)) for above in range(len(kept))]
    assert found == [None, b"abcd", None, b"abc"]
