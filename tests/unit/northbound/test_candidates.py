"""Sessions with a candidate each, and one that shares, against a model made of dicts; and who holds which tree."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import Store
from applianced.datastore.persist import CommitLog
from applianced.datastore.rebase import Resolution
from applianced.datastore.tree import Tree
from applianced.errors import ConfigError
from applianced.northbound.candidates import Candidates
from applianced.northbound.configuration import Configuration
from applianced.northbound.conflicts import REPORTED_MAX, VALUE_MAX, ConflictError
from applianced.northbound.readers import Readers
from applianced.northbound.recording import Author
from tests.support.shop import build_shop, content, shop, shop_models, tree_of

ME = Author("admin", "192.0.2.1:4711")
SHARING, PRIVATE = 1, (2, 3, 4)
LEAVES = {"title": "abc", "size": "123", "paint": ("red", "blue")}
Shop = dict[str, str]


class Step(NamedTuple):
    """What a session does: edit (leaf, value; "" deletes), commit, discard, update."""

    session: int
    what: str
    leaf: str = ""
    value: str = ""


@dataclass
class Model:
    """What there should be."""

    running: Shop = field(default_factory=dict)
    base: dict[int, Shop] = field(default_factory=dict)
    candidate: dict[int, Shop] = field(default_factory=dict)
    modified: set[int] = field(default_factory=set)
    stale: set[int] = field(default_factory=set)

    def use(self, session: int) -> Shop:
        """The candidate, made when it is first used; the shared one follows running while it is as its base."""
        if session not in self.candidate or (session == SHARING and session not in self.modified):
            self.follow(session, self.running)
        return self.candidate[session]

    def follow(self, session: int, content: Shop) -> None:
        """Running is the base, and this the content."""
        self.base[session], self.candidate[session] = dict(self.running), dict(content)
        self.stale.discard(session)
        self.modified.discard(session)
        if content != self.running:
            self.modified.add(session)

    def discard(self, session: int) -> None:
        self.modified.discard(session)
        self.candidate[session] = dict(self.base[session])
        self.use(session)

    def conflicts(self, session: int) -> set[str]:
        base, ours, theirs = self.base[session], self.use(session), self.running
        return {
            leaf
            for leaf in LEAVES
            if ours.get(leaf) != base.get(leaf)
            and theirs.get(leaf) != base.get(leaf)
            and ours.get(leaf) != theirs.get(leaf)
        }

    def update(self, session: int, resolution: Resolution) -> set[str]:
        """The leaves in conflict; with any, REVERT changes nothing."""
        ours, base = self.use(session), self.base[session]
        if session not in self.stale:
            return set()
        conflicts = self.conflicts(session)
        if conflicts and resolution is Resolution.REVERT:
            return conflicts
        merged = dict(self.running)
        for leaf in LEAVES:
            kept = resolution is Resolution.PREFER_CANDIDATE or leaf not in conflicts
            if ours.get(leaf) != base.get(leaf) and kept:
                merged.pop(leaf, None)
                merged |= {leaf: ours[leaf]} if leaf in ours else {}
        self.follow(session, merged)
        return set()

    def commit(self, session: int) -> set[str]:
        conflicts = self.update(session, Resolution.REVERT)
        if not conflicts:
            if self.running != self.candidate[session]:
                self.running = dict(self.candidate[session])
                self.stale = set(self.candidate) - {session}
            self.follow(session, self.running)
        return conflicts


async def take(configuration: Configuration, model: Model, step: Step) -> None:
    """One step of both, which must agree on what is in conflict."""
    ours = model.use(step.session)
    if step.what == "edit":
        await edit(configuration, ours, step)
        if ours != model.base[step.session]:
            model.modified.add(step.session)
    elif step.what == "discard":
        await configuration.discard(step.session)
        model.discard(step.session)
    elif step.what == "commit":
        wanted = model.commit(step.session)
        assert await conflicting(configuration.commit(step.session, ME)) == wanted
    else:
        resolution = Resolution(step.what)
        wanted = model.update(step.session, resolution)
        assert await conflicting(configuration.update(step.session, resolution)) == wanted
    await agrees(configuration, model)


async def conflicting(asked: Awaitable[object]) -> set[str]:
    """The leaves whose conflict an operation is refused for."""
    try:
        await asked
    except ConflictError as error:
        return {each.path.rpartition("/")[2] for each in error.errors}
    return set()


async def edit(configuration: Configuration, ours: Shop, step: Step) -> None:
    namespace = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'
    inner = (
        f"<{step.leaf}>{step.value}</{step.leaf}>"
        if step.value
        else f'<{step.leaf} {namespace} nc:operation="remove"/>'
    )
    await configuration.edit(step.session, shop(inner), EditOptions())
    ours.pop(step.leaf, None)
    if step.value:
        ours[step.leaf] = step.value


async def agrees(configuration: Configuration, model: Model) -> None:
    async with configuration.contents.reading(Store.RUNNING, None) as tree:
        assert shown(tree) == model.running
    for session in model.candidate:
        ours = model.use(session)
        async with configuration.contents.reading(Store.CANDIDATE, None, session) as tree:
            assert shown(tree) == ours, session


def shown(tree: Tree) -> Shop:
    data: Mapping[str, object] = tree.data().get("example:shop", {})
    explicit = content(tree)
    return {leaf: str(data[leaf]).rpartition(":")[2] for leaf in LEAVES if f"<{leaf}" in explicit}


STEPS = st.one_of(
    st.tuples(st.sampled_from((SHARING, *PRIVATE)), st.sampled_from(sorted(LEAVES))).flatmap(
        lambda pair: st.sampled_from(["", *LEAVES[pair[1]]]).map(lambda value: Step(pair[0], "edit", pair[1], value))
    ),
    st.builds(
        Step,
        st.sampled_from((SHARING, *PRIVATE)),
        st.sampled_from(["commit", "commit", "discard", *(resolution.value for resolution in Resolution)]),
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_any_steps_of_four_sessions(steps: Sequence[Step]) -> None:
    async def play(directory: Path) -> None:
        configuration = Configuration(shop_models(), CommitLog(directory), build_shop, [])
        try:
            await configuration.start(lambda: tree_of(""), source="test")
            for session in PRIVATE:
                configuration.make_private(session)
            model = Model()
            for step in steps:
                await take(configuration, model, step)
            for session in (SHARING, *PRIVATE):
                await configuration.session_forgotten(session)
            assert configuration.candidates.count == 0
        finally:
            configuration.close()

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(play(Path(name)))


def test_a_base_lives_as_long_as_a_candidate_has_it() -> None:
    readers = Readers()
    candidates = Candidates(shop_models(), readers)
    candidates.make_private(2)
    private = candidates.of(2, 1)
    first = candidates.running
    candidates.shared.replace(tree_of("<title>a</title>"))
    candidates.publish(candidates.shared, 1)
    assert private.base is first
    assert candidates.stale(private)
    assert content(candidates.running) == "<title>a</title>"
    private.edit(shop("<size>5</size>"), EditOptions())
    candidates.rebased(private, None)
    assert private.base is candidates.running
    candidates.make_private(3)
    with pytest.raises(ConfigError, match="private-candidate-limit"):
        candidates.of(3, 1)
    second = candidates.running
    candidates.shared.replace(tree_of("<title>b</title>"))
    candidates.publish(candidates.shared, 2)
    assert content(second) == "<title>a</title>"
    candidates.drop_private(2)
    assert not second.first
    assert candidates.of(3, 1).tree is candidates.running
    candidates.close()


def test_a_report_is_bounded(tmp_path: Path) -> None:
    entries = [
        f"<item><name>n{at}</name><kind>small</kind><price>{{}}</price></item>" for at in range(REPORTED_MAX + 5)
    ]

    async def play() -> None:
        configuration = Configuration(shop_models(), CommitLog(tmp_path), build_shop, [])
        try:
            await configuration.start(lambda: tree_of(""), source="test")
            for session in (2, 3):
                configuration.make_private(session)
                inner = (
                    "".join(entry.format(session) for entry in entries) + f"<tag>{'x' * 2 * VALUE_MAX}{session}</tag>"
                )
                await configuration.edit(session, shop(inner), EditOptions())
            await configuration.commit(2, ME)
            with pytest.raises(ConflictError) as caught:
                await configuration.commit(3, ME)
            assert len(caught.value.errors) == REPORTED_MAX
            assert "(and 6 nodes more)" in caught.value.errors[-1].message
            assert all(len(error.message) < 3 * VALUE_MAX for error in caught.value.errors)
        finally:
            configuration.close()

    asyncio.run(play())
