"""What is compared, and who waits for it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from applianced.datastore.compare import changes
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Store
from applianced.datastore.native import Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.northbound.configuration import Configuration
from applianced.northbound.recording import Author
from applianced.northbound.versions import CANDIDATE, RUNNING, Version
from tests.support.guarded import build_guarded, guarded_models, nacm, path, rule
from tests.support.shop import DECLARED, content, shop

BOTH = [(RUNNING, CANDIDATE), (CANDIDATE, RUNNING)]
HIDDEN = nacm(rule("r", "deny", path("/ex:shop/ex:size")))
FIRST = f"<shop {DECLARED}><title>old</title><size>42</size></shop>{HIDDEN}".encode()


async def started(directory: Path) -> Configuration:
    configuration = Configuration(guarded_models(), CommitLog(directory), build_guarded, ())
    await configuration.start(lambda: Tree.parse(guarded_models(), FIRST, Form.XML), source="test")
    return configuration


@pytest.mark.parametrize("user", [None, "sue"])
@pytest.mark.parametrize(("source", "target"), BOTH)
def test_nobody_waits_for_a_comparison(tmp_path: Path, source: Version, target: Version, user: str | None) -> None:
    """However long it takes, others edit and commit meanwhile, and what is compared stays as it was."""
    begun, goes_on = threading.Event(), threading.Event()

    def lines(one: Tree, other: Tree) -> list[str]:
        begun.set()
        assert goes_on.wait(30)
        return sorted(changes(one, other))

    async def scenario() -> None:
        configuration = await started(tmp_path)
        access = configuration.access.of(user) if user else None
        await configuration.edit(1, shop("<title>new</title><size>43</size>"), EditOptions())
        comparing = asyncio.create_task(configuration.contents.compare(source, target, access, 1, lines))
        try:
            await asyncio.to_thread(begun.wait, 30)
            async with asyncio.timeout(30):
                await configuration.edit(2, shop("<title>newest</title>"), EditOptions())
                await configuration.commit(2, Author("admin", "test"))
        finally:
            goes_on.set()
        newer, value = ("new", 43) if target is CANDIDATE else ("old", 42)
        seen = [] if user else [f"set shop size {value}"]
        assert await comparing == [*seen, f"set shop title {newer}"]
        configuration.close()

    asyncio.run(scenario())


def test_a_copy_only_for_what_lasts(tmp_path: Path) -> None:
    async def scenario() -> None:
        configuration = await started(tmp_path)
        await configuration.edit(1, shop("<title>new</title>"), EditOptions())
        candidate = configuration.candidate_of(1).tree
        async with configuration.contents.reading(Store.CANDIDATE, None) as tree:
            assert tree is candidate
        async with configuration.contents.reading(Store.CANDIDATE, None, lasting=True) as tree:
            assert tree is not candidate
            assert content(tree) == content(candidate)
        configuration.close()

    asyncio.run(scenario())
