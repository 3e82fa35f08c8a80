"""Edits, commits, locks and restarts, with the real datastore and disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from applianced.compiler.plan import Change
from applianced.config.schema import Config
from applianced.datastore.edit import EditOptions
from applianced.datastore.lock import LockDeniedError, Store
from applianced.datastore.persist import CommitLog
from applianced.errors import ApplianceError, ConfigError, DataplaneError
from applianced.northbound.configuration import Configuration
from applianced.northbound.faults import said
from applianced.northbound.recording import Author
from applianced.northbound.transaction import CommitError, Participant
from tests.support.shop import build_shop, content, shop, shop_models, tree_of
from tests.support.until import eventually

ME = Author("admin", "192.0.2.1:4711")


class Kernel:
    """A participant with a state, that can be told to fail."""

    name = "kernel"

    def __init__(self) -> None:
        self.ruleset = ""
        self.fails = ""
        self.before = ""
        self.wanted = ""

    def _may(self, step: str) -> None:
        if step == self.fails:
            raise DataplaneError("nft", "refused")

    async def prepare(self, change: Change) -> Kernel:
        self._may("prepare")
        self.before, self.wanted = self.ruleset, change.new_plan.ruleset
        return self

    async def apply(self) -> None:
        self._may("apply")
        self.ruleset = self.wanted

    async def verify(self) -> None:
        self._may("verify")

    async def revert(self) -> None:
        self.ruleset = self.before

    async def abort(self) -> None: ...
    async def finish(self) -> None: ...


Scenario = Callable[[Configuration], Awaitable[None]]


def run(directory: Path, scenario: Scenario, participants: Sequence[Participant] = (), first: str = "") -> None:
    """Start an appliance on a state directory, let the scenario play, stop it."""

    async def play() -> None:
        configuration = Configuration(shop_models(), CommitLog(directory), build_shop, participants)
        try:
            await configuration.start(lambda: tree_of(first), source="test")
            await scenario(configuration)
        finally:
            configuration.close()

    asyncio.run(play())


async def edit(configuration: Configuration, inner: str, session: int = 1) -> None:
    await configuration.edit(session, shop(inner), EditOptions())


async def seen(configuration: Configuration, store: Store = Store.RUNNING) -> str:
    async with configuration.contents.reading(store, None) as tree:
        return content(tree)


def test_a_commit_outlives_a_restart(tmp_path: Path) -> None:
    async def change(configuration: Configuration) -> None:
        await edit(configuration, "<title>new</title>")
        assert await seen(configuration) == "<title>old</title>"
        assert await seen(configuration, Store.CANDIDATE) == "<title>new</title>"
        await configuration.commit(1, ME, "why")
        assert configuration.config.system.host_name == "new"

    async def look(configuration: Configuration) -> None:
        assert await seen(configuration) == "<title>new</title>"
        newest = configuration.history()[0]
        assert (newest.user, newest.source, newest.comment) == ("admin", "192.0.2.1:4711", "why")
        assert len(configuration.history()) == 2

    run(tmp_path, change, first="<title>old</title>")
    run(tmp_path, look, first="<title>not this</title>")


def test_a_commit_without_a_change_makes_no_record(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await configuration.commit(1, ME)
        assert len(configuration.history()) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize("phase", ["prepare", "apply", "verify"])
def test_a_failing_hook_leaves_all_as_it_was(tmp_path: Path, phase: str) -> None:
    kernel = Kernel()

    async def scenario(configuration: Configuration) -> None:
        kernel.fails = phase
        await edit(configuration, "<title>new</title>")
        with pytest.raises(CommitError, match=f"kernel refused the commit in {phase}"):
            await configuration.commit(1, ME)
        assert kernel.ruleset == configuration.config.system.host_name == "old"
        assert await seen(configuration) == "<title>old</title>"
        assert len(configuration.history()) == 1
        kernel.fails = ""
        await configuration.commit(1, ME)
        assert kernel.ruleset == "new"

    run(tmp_path, scenario, [kernel], "<title>old</title>")


def test_the_node_that_the_dataplane_refused_is_named(tmp_path: Path) -> None:
    class Refusing(Kernel):
        async def prepare(self, change: Change) -> Kernel:
            if change.new.system.host_name == "new":
                raise DataplaneError("interfaces", "there is no interface e9", path="/example:shop/title")
            return await super().prepare(change)

    async def scenario(configuration: Configuration) -> None:
        await edit(configuration, "<title>new</title>")
        with pytest.raises(CommitError) as caught:
            await configuration.commit(1, ME)
        (error,) = said(caught.value)
        assert (error.tag, error.path) == ("operation-failed", "/example:shop/title")
        assert "there is no interface e9" in error.message

    run(tmp_path, scenario, [Refusing()])


def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path) -> None:
    kernel = Kernel()

    async def scenario(configuration: Configuration) -> None:
        # A directory in the place of the next commit's file cannot be written, for root either.
        blocked = tmp_path / "commits" / "commit-0000000002.tmp"
        blocked.mkdir()
        await edit(configuration, "<title>new</title>")
        with pytest.raises(CommitError) as caught:
            await configuration.commit(1, ME)
        assert [error.tag for error in said(caught.value)] == ["resource-denied"]
        assert kernel.ruleset == configuration.config.system.host_name == "old"

    run(tmp_path, scenario, [kernel], "<title>old</title>")


def test_start_falls_back_to_the_newest_good_commit_with_an_alarm(tmp_path: Path) -> None:
    async def change(configuration: Configuration) -> None:
        await edit(configuration, "<title>new</title>")
        await configuration.commit(1, ME)

    async def look(configuration: Configuration) -> None:
        assert await seen(configuration) == "<title>old</title>"
        assert [alarm.id for alarm in configuration.alarms.standing()] == ["commit-2"]
        assert [commit.number for commit in configuration.history()] == [1]
        await edit(configuration, "<title>newer</title>")
        await configuration.commit(1, ME)
        assert configuration.history()[0].number == 3

    run(tmp_path, change, first="<title>old</title>")
    file = tmp_path / "commits" / "commit-0000000002.json"
    file.write_bytes(file.read_bytes()[:-3])
    run(tmp_path, look)


def test_nothing_but_broken_commits_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "commits").mkdir()
    (tmp_path / "commits" / "commit-0000000001.json").write_bytes(b"")

    async def never(configuration: Configuration) -> None:
        raise AssertionError

    with pytest.raises(ConfigError, match="mend or move"):
        run(tmp_path, never)


def test_a_first_configuration_that_is_not_accepted_is_not_recorded(tmp_path: Path) -> None:
    def refuse(config: Config) -> None:
        raise ConfigError("", "nobody could log in")

    async def play() -> None:
        configuration = Configuration(shop_models(), CommitLog(tmp_path), build_shop, [])
        with pytest.raises(ConfigError):
            await configuration.start(lambda: tree_of(""), source="test", accept=refuse)
        configuration.close()

    asyncio.run(play())
    assert CommitLog(tmp_path).empty


def test_an_invalid_candidate_is_refused_and_can_be_mended(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await edit(configuration, "<open/>")
        for attempt in (configuration.validate(Store.CANDIDATE), configuration.commit(1, ME)):
            with pytest.raises(ApplianceError) as caught:
                await attempt
            assert [error.path for error in said(caught.value)] == ["/example:shop/open/hours"]
        await edit(configuration, "<open><hours>9-5</hours></open>")
        await configuration.validate(Store.CANDIDATE)
        await configuration.commit(1, ME)
        assert await seen(configuration) == "<open><hours>9-5</hours></open>"

    run(tmp_path, scenario)


def test_locks_and_the_candidate(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await edit(configuration, "<title>x</title>", session=2)
        with pytest.raises(LockDeniedError) as caught:
            await configuration.locking.lock(1, Store.CANDIDATE)
        assert caught.value.session == 0
        await configuration.discard(2)
        await configuration.locking.lock(1, Store.CANDIDATE)
        for refused in (
            edit(configuration, "<title>x</title>", 2),
            configuration.commit(2, ME),
            configuration.discard(2),
        ):
            with pytest.raises(LockDeniedError) as caught:
                await refused
            assert caught.value.session == 1
        await edit(configuration, "<title>mine</title>", session=1)
        await configuration.session_ended(1)
        assert await seen(configuration, Store.CANDIDATE) == ""
        await edit(configuration, "<title>x</title>", session=2)

    run(tmp_path, scenario)


def test_what_a_session_that_has_ended_still_asks_for_is_not_done(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await configuration.locking.lock(1, Store.CANDIDATE)
        await edit(configuration, "<title>mine</title>")
        await configuration.session_ended(1)
        for late in (
            edit(configuration, "<title>late</title>"),
            configuration.replace_candidate(1, tree_of("<title>late</title>")),
            configuration.replace_candidate(1, Store.RUNNING),
            configuration.commit(1, ME),
            configuration.locking.lock(1, Store.CANDIDATE),
            configuration.locking.unlock(1, Store.CANDIDATE),
            configuration.discard(1),
        ):
            with pytest.raises(ConfigError, match="session 1 has ended"):
                await late
        assert await seen(configuration, Store.CANDIDATE) == "<title>old</title>"
        await configuration.locking.lock(2, Store.CANDIDATE)
        await configuration.session_forgotten(1)
        await edit(configuration, "<title>x</title>", session=2)

    run(tmp_path, scenario, first="<title>old</title>")


def test_unlock_discards_and_a_locked_running_refuses_commits(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await configuration.locking.lock(1, Store.CANDIDATE)
        await edit(configuration, "<title>x</title>")
        await configuration.locking.unlock(1, Store.CANDIDATE)
        assert await seen(configuration, Store.CANDIDATE) == ""
        await configuration.locking.lock(2, Store.RUNNING)
        await edit(configuration, "<title>x</title>")
        with pytest.raises(LockDeniedError):
            await configuration.commit(1, ME)

    run(tmp_path, scenario)


def test_a_reader_keeps_the_tree_that_it_reads(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        async with configuration.contents.reading(Store.RUNNING, None) as tree:
            await edit(configuration, "<title>new</title>")
            await configuration.commit(1, ME)
            assert content(tree) == "<title>old</title>"
        await eventually(lambda: not tree.first, what="the end of the former tree")
        assert await seen(configuration) == "<title>new</title>"

    run(tmp_path, scenario, first="<title>old</title>")


def test_copy_config_replaces_the_candidate(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await configuration.replace_candidate(1, tree_of("<size>5</size>"))
        assert await seen(configuration, Store.CANDIDATE) == "<size>5</size>"
        await configuration.replace_candidate(1, Store.RUNNING)
        assert await seen(configuration, Store.CANDIDATE) == "<title>old</title>"

    run(tmp_path, scenario, first="<title>old</title>")


def test_what_is_stored_is_json_without_defaults(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        assert configuration.config.system.host_name == "old"

    run(tmp_path, scenario, first="<title>old</title>")
    log = CommitLog(tmp_path)
    assert log.read(1)[1] == b'{"example:shop":{"title":"old"}}'
    log.close()
