"""Copies of the running datastore for those who may not see all of it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from applianced.access.decider import Decider
from applianced.config.nacm import Rule
from applianced.datastore import freeing, native
from applianced.datastore.compare import changes
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults, Form
from applianced.datastore.persist import CommitLog
from applianced.datastore.tree import Tree
from applianced.datastore.writer import KEPT_FROM
from applianced.northbound.configuration import Configuration
from applianced.northbound.readers import Readers
from applianced.northbound.recording import Author
from applianced.northbound.versions import CANDIDATE, Name, Version
from applianced.northbound.views import VIEWS_MAX, Views
from tests.support.guarded import build_guarded, decider, guarded_models, guarded_tree, nacm, path, rule
from tests.support.shop import DECLARED, shop, touch
from tests.support.until import eventually

LARGE = b"x" * KEPT_FROM
SECRET = "<title>t</title><size>42</size>"


def veil() -> Decider:
    return decider(Rule(name="r", permit=False, path="/example:shop/size"))


def text(tree: Tree) -> str:
    return tree.render(Form.XML).decode()


def test_one_copy_for_all_who_see_the_same() -> None:
    async def scenario() -> None:
        views, made = Views(Readers()), veil()
        with guarded_tree(SECRET) as tree:

            async def see() -> Tree:
                async with views.holding(tree, made, whole=True) as view:
                    assert "42" not in text(view)
                    await asyncio.sleep(0)
                    return view

            seen = await asyncio.gather(*(see() for _ in range(5)))
            assert len(set(map(id, seen))) == 1
            views.forget()
            assert not seen[0].first

    asyncio.run(scenario())


def test_a_copy_lives_until_its_last_reader_has_gone() -> None:
    async def scenario() -> None:
        views, made = Views(Readers()), veil()
        with guarded_tree(SECRET) as tree:
            async with views.holding(tree, made, whole=True) as view:
                views.forget()
                assert "<title>" in text(view)
            assert not view.first

    asyncio.run(scenario())


def test_a_copy_of_what_was_replaced_meanwhile_is_not_kept() -> None:
    async def scenario() -> None:
        views, made = Views(Readers()), veil()
        with guarded_tree(SECRET) as old, guarded_tree("<title>new</title>") as new:

            async def see(tree: Tree) -> str:
                async with views.holding(tree, made, whole=True) as view:
                    return text(view)

            # The second waits for the first, and both ask before the datastore is another one.
            asked = [asyncio.create_task(see(old)) for _ in range(2)]
            await asyncio.sleep(0)
            views.forget()
            assert "<title>new" in await see(new)
            assert all("<title>t<" in each for each in await asyncio.gather(*asked))
            assert "<title>new" in await see(new)
            views.forget()

    asyncio.run(scenario())


def test_so_many_are_kept() -> None:
    async def scenario() -> None:
        views, seen = Views(Readers()), []
        with guarded_tree(SECRET) as tree:
            for made in [veil() for _ in range(VIEWS_MAX + 2)]:
                async with views.holding(tree, made, whole=True) as view:
                    seen.append(view)
            assert [bool(view.first) for view in seen] == [False, False, *[True] * VIEWS_MAX]
            views.forget()

    asyncio.run(scenario())


def test_what_is_shown_whole_is_shared(tmp_path: Path) -> None:
    async def scenario() -> None:
        configuration = Configuration(guarded_models(), CommitLog(tmp_path), build_guarded, ())
        hidden = nacm(rule("r", "deny", path("/ex:shop/ex:size")))
        first = f"<shop {DECLARED}>{SECRET}</shop>{hidden}".encode()
        await configuration.start(lambda: Tree.parse(guarded_models(), first, Form.XML), source="test")
        sue, other, admin = (configuration.access.of(user) for user in ("sue", "nobody", "admin"))
        async with configuration.contents.reading(Store.RUNNING, None) as running:
            roots = {str(root) for root in running.roots()}
            async with configuration.contents.showing(admin) as shown:
                assert {str(root) for root in shown.roots} == roots
                assert shown.texts is running.texts is not None
            # Of nacm nobody else sees anything; the shop is there as it is, or as a copy.
            async with configuration.contents.showing(other) as shown:
                assert len(shown.roots) == 1
                assert str(shown.roots[0]) in roots
                # A text of what is shared serves all, one of a copy those who see the copy.
                assert shown.texts is not None
                assert running.texts is not None
                shown.texts.keep(shown.roots[0], Defaults.EXPLICIT, "", LARGE)
                assert running.texts.get(shown.roots[0], Defaults.EXPLICIT, "") == LARGE
            async with configuration.contents.showing(sue) as shown:
                assert len(shown.roots) == 1
                assert str(shown.roots[0]) not in roots
                assert shown.texts is not None
                assert running.texts is not None
                shown.texts.keep(shown.roots[0], Defaults.EXPLICIT, "", LARGE)
                assert running.texts.get(shown.roots[0], Defaults.EXPLICIT, "") is None
            async with configuration.contents.showing(sue) as shown:
                assert shown.texts is not None
                assert shown.texts.get(shown.roots[0], Defaults.EXPLICIT, "") == LARGE
            async with configuration.contents.reading(Store.RUNNING, other) as view:
                assert "42" in text(view)
                assert "rule-list" not in text(view)
        await configuration.amend(touch, Author("test", "test"), "")
        async with configuration.contents.reading(Store.RUNNING, sue) as view:
            assert "<tag>" in text(view)
            assert "42" not in text(view)
        configuration.close()

    asyncio.run(scenario())


def test_the_event_loop_frees_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 entries it would take 20 ms, in which nobody else is answered."""
    freed: list[bool] = []
    free = freeing.free

    def noted(first: native.Node) -> None:
        freed.append(threading.current_thread() is threading.main_thread())
        free(first)

    async def scenario() -> None:
        configuration = Configuration(guarded_models(), CommitLog(tmp_path), build_guarded, ())
        hidden = nacm(rule("r", "deny", path("/ex:shop/ex:size")))
        first = f"<shop {DECLARED}>{SECRET}</shop>{hidden}".encode()
        await configuration.start(lambda: Tree.parse(guarded_models(), first, Form.XML), source="test")
        await configuration.edit(1, shop("<title>edited</title>"), EditOptions())
        contents, sue = configuration.contents, configuration.access.of("sue")
        with monkeypatch.context() as watched:
            watched.setattr(freeing, "free", noted)
            async with contents.reading(Store.CANDIDATE, sue) as seen:
                assert "edited" in text(seen)
                assert "42" not in text(seen)
            await eventually(lambda: len(freed) == 1, what="the end of what was read")
            lines = await contents.compare(Version(Name.NUMBER, "0"), CANDIDATE, sue, 1, lambda *two: [*changes(*two)])
            assert lines == ["set shop title edited"]
            await eventually(lambda: len(freed) == 3, what="the end of what was compared")
        assert not any(freed)
        configuration.close()

    asyncio.run(scenario())


def test_rules_that_stay_are_compiled_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        configuration = Configuration(guarded_models(), CommitLog(tmp_path), build_guarded, ())
        await configuration.start(lambda: guarded_tree(SECRET), source="test")
        before = configuration.access.of("sue").decider
        assert before is configuration.access.of("nobody").decider
        await configuration.amend(touch, Author("test", "test"), "")
        assert configuration.access.of("sue").decider is before
        assert configuration.access.of("admin").decider is None
        configuration.close()

    asyncio.run(scenario())
