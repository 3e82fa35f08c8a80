"""Confirmed commits (RFC 6241 8.4): confirmed, prolonged, cancelled, timed out, orphaned, interrupted by a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from applianced.compiler.plan import Change, Plan
from applianced.config.schema import Config
from applianced.datastore import awaited
from applianced.datastore.lock import LockDeniedError, LockError, Store
from applianced.datastore.persist import CommitLog
from applianced.errors import ApplianceError
from applianced.northbound import confirming
from applianced.northbound.configuration import Configuration
from applianced.northbound.confirming import Confirmation
from applianced.northbound.faults import said
from applianced.northbound.inforce import Built
from applianced.northbound.transaction import CommitError
from applianced.northbound.versions import RUNNING
from tests.support.shop import build_shop, shop_models, tree_of
from tests.support.until import eventually
from tests.unit.northbound.test_configuration import ME, Kernel, edit, run, seen

SOON_S = 0.05
LATER_S = 1.0
TITLE = "<title>{}</title>"


async def commit(
    configuration: Configuration,
    title: str = "",
    session: int = 1,
    confirmation: Confirmation | None = None,
    persist_id: str | None = None,
) -> None:
    if title:
        await edit(configuration, TITLE.format(title), session)
    await configuration.commit(session, ME, confirmation=confirmation, persist_id=persist_id)


def title(configuration: Configuration) -> str:
    return configuration.config.system.host_name


async def refused(attempt: Awaitable[None]) -> str:
    with pytest.raises(ApplianceError) as caught:
        await attempt
    return said(caught.value)[0].tag


def test_what_nobody_confirms_is_rolled_back_and_recorded(tmp_path: Path) -> None:
    kernel = Kernel()

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S))
        assert kernel.ruleset == title(configuration) == "new"
        await eventually(lambda: configuration.pending is None)
        assert kernel.ruleset == title(configuration) == "old"
        assert await seen(configuration) == "<title>old</title>"
        newest = configuration.history()[0]
        assert (newest.number, newest.comment) == (3, "not confirmed in time: back to commit 1")

    run(tmp_path, scenario, [kernel], TITLE.format("old"))
    run(tmp_path, _runs("old"))


def test_who_follows_hears_of_the_rollback_once_it_is_in_force(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        told: list[str] = []

        def hear(config: Config) -> None:
            assert config is configuration.config
            told.append(config.system.host_name)

        configuration.follow(hear)
        await commit(configuration, "new", confirmation=Confirmation(60))
        await configuration.cancel_commit(1, ME)
        assert told == ["new", "old"]
        await commit(configuration)
        assert told == ["new", "old"]

    run(tmp_path, scenario, first=TITLE.format("old"))


def test_a_session_that_ended_changes_nothing_any_more(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        await configuration.session_ended(1)
        for attempt in (
            configuration.cancel_commit(1, ME, "token"),
            configuration.rollback(1, RUNNING),
            configuration.rescue.save(1, ME),
            configuration.rescue.delete(1),
        ):
            assert await refused(attempt) == "operation-failed"
        assert (title(configuration), configuration.rescue.saved) == ("new", None)

    run(tmp_path, scenario, first=TITLE.format("old"))


def test_a_confirmed_one_stays(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        await commit(configuration)
        assert configuration.pending is None
        assert len(configuration.history()) == 2
        await configuration.session_ended(1)
        assert title(configuration) == "new"

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("new"))


def test_confirming_compiles_nothing(tmp_path: Path) -> None:
    built: list[object] = []

    def build(data: object, in_force: Plan | None) -> Built:
        built.append(data)
        return build_shop(data, in_force)  # type: ignore[arg-type]

    async def play() -> None:
        configuration = Configuration(shop_models(), CommitLog(tmp_path), build, [])
        await configuration.start(lambda: tree_of(""), source="test")
        await commit(configuration, "new", confirmation=Confirmation(60))
        compiled = len(built)
        await commit(configuration)
        assert (len(built), configuration.pending) == (compiled, None)
        configuration.close()

    asyncio.run(play())


def test_confirming_may_change_more(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        await commit(configuration, "newer")
        assert configuration.pending is None

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("newer"))


def test_a_follow_up_restarts_the_time_and_keeps_the_way_back(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        first = configuration.pending
        await commit(configuration, "newer", confirmation=Confirmation(600))
        assert first
        assert configuration.pending
        assert configuration.pending.deadline_s > first.deadline_s + 500
        assert configuration.pending.base == first.base == 1
        await commit(configuration, confirmation=Confirmation(SOON_S))
        await eventually(lambda: configuration.pending is None)
        assert title(configuration) == "old"

    run(tmp_path, scenario, first=TITLE.format("old"))


@pytest.mark.parametrize("number", [1, 2])
def test_a_session_that_ends_takes_its_own_commit_back(tmp_path: Path, number: int) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        await configuration.session_ended(number)
        assert title(configuration) == {1: "old", 2: "new"}[number]

    run(tmp_path, scenario, first=TITLE.format("old"))


def test_a_persistent_one_outlives_its_session(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        await configuration.session_ended(1)
        for wrong in (None, "", "Token"):
            assert await refused(commit(configuration, session=2, persist_id=wrong)) == "invalid-value"
            assert await refused(configuration.cancel_commit(2, ME, wrong)) == "invalid-value"
        await commit(configuration, "newer", 2, Confirmation(60, "other"), "token")
        assert await refused(commit(configuration, session=3, persist_id="token")) == "invalid-value"
        await commit(configuration, session=3, persist_id="other")
        assert (title(configuration), configuration.pending) == ("newer", None)

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("newer"))


def test_a_follow_up_without_persist_belongs_to_its_session(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        await commit(configuration, session=2, confirmation=Confirmation(60), persist_id="token")
        await configuration.session_ended(2)
        assert title(configuration) == "old"

    run(tmp_path, scenario, first=TITLE.format("old"))


def test_other_sessions_wait(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        await edit(configuration, "<size>2</size>", 2)
        for attempt in (commit(configuration, session=2), configuration.cancel_commit(2, ME)):
            with pytest.raises(LockDeniedError, match="session 1") as caught:
                await attempt
            assert (caught.value.tag, caught.value.session) == ("in-use", 1)
        with pytest.raises(LockDeniedError) as caught:
            await configuration.locking.lock(2, Store.RUNNING)
        assert (caught.value.tag, caught.value.session) == ("lock-denied", 1)
        await configuration.locking.lock(1, Store.RUNNING)
        assert await refused(commit(configuration, persist_id="x")) == "invalid-value"

    run(tmp_path, scenario)


def test_cancelling(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        assert await refused(configuration.cancel_commit(1, ME)) == "operation-failed"
        assert await refused(configuration.cancel_commit(1, ME, "x")) == "invalid-value"
        await commit(configuration, "new", confirmation=Confirmation(60))
        await edit(configuration, "<size>2</size>")
        await configuration.cancel_commit(1, ME)
        assert (title(configuration), configuration.pending) == ("old", None)
        assert await seen(configuration, Store.CANDIDATE) == "<title>old</title><size>2</size>"
        assert configuration.history()[0].user == "admin"
        await configuration.discard(1)
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        await configuration.locking.lock(1, Store.RUNNING)
        assert await refused(configuration.cancel_commit(2, ME, "token")) == "in-use"
        await configuration.locking.unlock(1, Store.RUNNING)
        await configuration.cancel_commit(2, ME, "token")
        assert title(configuration) == "old"

    run(tmp_path, scenario, first=TITLE.format("old"))


@pytest.mark.parametrize("ending", ["cancelled", "in vain"])
def test_what_is_taken_back_does_not_come_back_with_another_commit(tmp_path: Path, ending: str) -> None:
    """Session 2 edits the candidate that it shares while what session 1 committed runs."""

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "bad", confirmation=Confirmation(60 if ending == "cancelled" else SOON_S))
        await configuration.locking.lock(2, Store.CANDIDATE)
        await edit(configuration, "<size>2</size>", session=2)
        if ending == "cancelled":
            await configuration.cancel_commit(1, ME)
        await eventually(lambda: configuration.pending is None)
        assert await seen(configuration, Store.CANDIDATE) == "<title>good</title><size>2</size>"
        await configuration.commit(2, ME)
        assert await seen(configuration, Store.RUNNING) == "<title>good</title><size>2</size>"

    run(tmp_path, scenario, first=TITLE.format("good"))


def test_a_confirmed_commit_that_changes_nothing_has_nothing_to_take_back(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, confirmation=Confirmation(SOON_S))
        await eventually(lambda: configuration.pending is None)
        assert len(configuration.history()) == 1

    run(tmp_path, scenario)


@pytest.mark.parametrize(("persist", "boot"), [(None, "first"), ("token", "second"), ("token", "")])
def test_a_restart_is_no_confirmation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, persist: str | None, boot: str
) -> None:
    """Nor is one of the machine, or one that may be of the machine."""
    kernel = Kernel()
    monkeypatch.setattr(awaited, "_BOOT", tmp_path / "boot")
    (tmp_path / "boot").write_text("first\n" if boot else "")

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, persist))
        await commit(configuration, "newer", confirmation=Confirmation(60, persist), persist_id=persist)

    async def look(configuration: Configuration) -> None:
        assert kernel.ruleset == title(configuration) == "old"
        assert configuration.history()[0].comment == "commit 3 was not confirmed before a restart: back to commit 1"
        assert not configuration.alarms.standing()

    run(tmp_path, scenario, first=TITLE.format("old"))
    (tmp_path / "boot").write_text(boot)
    run(tmp_path, look, [kernel])
    run(tmp_path, _runs("old"))


@pytest.mark.parametrize("ending", ["confirmed", "cancelled"])
def test_a_persistent_one_outlives_a_restart_of_the_daemon(tmp_path: Path, ending: str) -> None:
    kernel = Kernel()

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "former"))
        await commit(configuration, "newer", confirmation=Confirmation(60, "token"), persist_id="former")

    async def look(configuration: Configuration) -> None:
        assert kernel.ruleset == title(configuration) == "newer"
        assert configuration.pending
        assert (configuration.pending.base, configuration.pending.session) == (1, 0)
        assert 0 < configuration.pending.deadline_s - time.time() <= 60
        assert len(configuration.history()) == 3
        for wrong in (None, "former"):
            assert await refused(commit(configuration, persist_id=wrong)) == "invalid-value"

    async def end(configuration: Configuration) -> None:
        await look(configuration)
        if ending == "confirmed":
            await commit(configuration, persist_id="token")
        else:
            await configuration.cancel_commit(7, ME, "token")
        assert configuration.pending is None

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, look, [kernel])
    run(tmp_path, end, [kernel])
    run(tmp_path, _runs("newer" if ending == "confirmed" else "old"))


def test_its_time_goes_on_over_a_restart(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(LATER_S, "token"))

    async def look(configuration: Configuration) -> None:
        assert title(configuration) == "new"
        await eventually(lambda: configuration.pending is None)
        assert title(configuration) == "old"
        assert configuration.history()[0].comment == "not confirmed in time: back to commit 1"

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, look)
    run(tmp_path, _runs("old"))


def test_its_time_may_be_over_at_the_start(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S, "token"))

    async def look(configuration: Configuration) -> None:
        assert (title(configuration), configuration.pending) == ("old", None)

    run(tmp_path, scenario, first=TITLE.format("old"))
    time.sleep(SOON_S)
    run(tmp_path, look)


def test_one_that_a_session_took_over_ends_with_it(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        await commit(configuration, confirmation=Confirmation(60), persist_id="token")

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("old"))


@pytest.mark.parametrize("number", ["0000000001", "0000000002"])
def test_one_that_cannot_be_read_or_taken_back_is_not_under_way(tmp_path: Path, number: str) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))

    async def look(configuration: Configuration) -> None:
        assert configuration.pending is None
        assert title(configuration) == ("old" if number == "0000000002" else "new")

    run(tmp_path, scenario, first=TITLE.format("old"))
    path = tmp_path / "commits" / f"commit-{number}.json"
    path.write_bytes(path.read_bytes()[:-1])
    run(tmp_path, look)


def test_a_record_that_cannot_be_written_costs_the_restart_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(configuration: Configuration) -> None:
        (tmp_path / "commits" / "awaited.tmp").mkdir()
        await commit(configuration, "new", confirmation=Confirmation(60, "token"))
        assert configuration.pending
        assert "will not outlive a restart" in caplog.text

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("old"))


def test_a_restart_without_room_for_the_record_goes_back_all_the_same(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))

    async def look(configuration: Configuration) -> None:
        assert title(configuration) == "old"
        assert [commit.number for commit in configuration.history()] == [1]

    run(tmp_path, scenario, first=TITLE.format("old"))
    (tmp_path / "commits" / "commit-0000000003.tmp").mkdir()
    run(tmp_path, look)


def test_an_unconfirmed_commit_is_better_than_none(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))

    async def look(configuration: Configuration) -> None:
        assert title(configuration) == "new"
        assert [alarm.id for alarm in configuration.alarms.standing()] == ["commit-1"]

    run(tmp_path, scenario, first=TITLE.format("old"))
    (tmp_path / "commits" / "commit-0000000001.json").write_bytes(b"")
    run(tmp_path, look)


def test_a_rollback_that_fails_raises_an_alarm_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel()
    monkeypatch.setattr(confirming, "RETRY_S", SOON_S)

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S))
        kernel.fails = "apply"
        await eventually(lambda: configuration.alarms.stands("confirmed-commit"))
        assert title(configuration) == "new"
        # Too late to confirm, and nobody's to keep.
        with pytest.raises(LockError, match="cancel-commit"):
            await commit(configuration)
        with pytest.raises(CommitError):
            await configuration.cancel_commit(2, ME)
        kernel.fails = ""
        await eventually(lambda: configuration.pending is None)
        assert kernel.ruleset == title(configuration) == "old"
        assert not configuration.alarms.standing()

    run(tmp_path, scenario, [kernel], TITLE.format("old"))


def test_a_confirmed_commit_that_fails_changes_nothing_of_the_one_before(tmp_path: Path) -> None:
    kernel = Kernel()

    async def scenario(configuration: Configuration) -> None:
        kernel.fails = "apply"
        with pytest.raises(CommitError):
            await commit(configuration, "newer", confirmation=Confirmation(60))
        assert configuration.pending is None
        kernel.fails = ""
        await commit(configuration, confirmation=Confirmation(60))
        before = configuration.pending
        kernel.fails = "verify"
        with pytest.raises(CommitError):
            await commit(configuration, "newest")
        assert configuration.pending == before

    run(tmp_path, scenario, [kernel], TITLE.format("old"))


def test_a_confirmation_that_cannot_be_stored_is_none(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(60))
        blocked = tmp_path / "commits" / "commit-0000000002.confirmed"
        blocked.symlink_to("nowhere/at/all")
        assert await refused(commit(configuration)) == "resource-denied"
        assert configuration.pending
        await commit(configuration)
        assert configuration.pending is None

    run(tmp_path, scenario)


class SlowKernel(Kernel):
    """A kernel that prepares when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_prepare = asyncio.Event()
        self.may_prepare.set()

    async def prepare(self, change: Change) -> Kernel:
        await self.may_prepare.wait()
        return await super().prepare(change)


@pytest.mark.parametrize("follow_up", [None, Confirmation(60)])
def test_a_confirmation_that_came_in_time_counts_however_long_it_takes(
    tmp_path: Path, follow_up: Confirmation | None
) -> None:
    kernel = SlowKernel()

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S))
        kernel.may_prepare.clear()
        confirming_commit = asyncio.create_task(commit(configuration, "newer", confirmation=follow_up))
        await eventually(lambda: configuration.pending and configuration.pending.overdue)
        kernel.may_prepare.set()
        await confirming_commit
        # The task that the timer started has its turn before this one.
        await configuration.discard(1)
        assert title(configuration) == "newer"
        assert (configuration.pending is None) is (follow_up is None)

    run(tmp_path, scenario, [kernel], TITLE.format("old"))


def test_a_commit_that_comes_too_late_does_not_confirm(tmp_path: Path) -> None:
    kernel = SlowKernel()

    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S))
        kernel.may_prepare.clear()
        await eventually(lambda: configuration.pending and configuration.pending.overdue)
        late = asyncio.create_task(commit(configuration))
        await asyncio.sleep(0)
        kernel.may_prepare.set()
        await late
        assert title(configuration) == "old"

    run(tmp_path, scenario, [kernel], TITLE.format("old"))


def test_after_stop_no_timer_runs(tmp_path: Path) -> None:
    async def scenario(configuration: Configuration) -> None:
        await commit(configuration, "new", confirmation=Confirmation(SOON_S))
        await configuration.stop()
        await asyncio.sleep(0)
        assert title(configuration) == "new"

    run(tmp_path, scenario, first=TITLE.format("old"))
    run(tmp_path, _runs("old"))


def _runs(expected: str) -> Callable[[Configuration], Awaitable[None]]:
    async def look(configuration: Configuration) -> None:
        assert title(configuration) == expected

    return look
