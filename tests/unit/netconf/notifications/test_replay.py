"""The replay log: bounded whatever happens, and there again after a restart, however the last one ended."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.config.notifications import NotificationSettings
from applianced.netconf.notifications.keeping import Keeping
from applianced.netconf.notifications.notification import Notification, made
from applianced.netconf.notifications.replay import ReplayLog
from applianced.netconf.notifications.replay_file import NAME, Entry, ReplayFile
from tests.support.shop import shop_models

LOST = "applianced-notifications:notifications-lost"


def notification(time_s: float) -> Notification:
    return made(shop_models(), LOST, {"count": "1"}, time_s)


SIZE = notification(1.0).octets
TIMES = st.lists(st.integers(1, 1000), max_size=40)


@given(TIMES, st.integers(0, 10), st.integers(0, 10), st.tuples(st.integers(1, 1000), st.integers(1, 1000)))
def test_the_newest_are_kept_within_both_bounds(
    times: list[int], count: int, sizes: int, span: tuple[int, int]
) -> None:
    log = ReplayLog(created_s=0.5)
    log.resize(count, sizes * SIZE)
    for time_s in times:
        log.add(notification(time_s))
    most = min(count, sizes)
    kept = times[len(times) - most :] if most < len(times) else times
    assert [each.time_s for each in log.everything()] == kept
    assert log.octets == len(log) * SIZE
    assert [each.time_s for each in log.between(*span)] == [each for each in kept if span[0] <= each <= span[1]]
    gone = times[: len(times) - len(kept)]
    assert log.aged_s == max(gone, default=0)
    log.resize(0, 0)
    assert (len(log), log.octets, log.aged_s, log.on) == (0, 0, max(times, default=0), False)


def entries(times: Sequence[float]) -> list[Entry]:
    return [Entry(float(time_s), LOST, "<x/>") for time_s in times]


def write(file: ReplayFile, times: Sequence[float], count_max: int = 100, size_max: int = 1 << 20) -> None:
    file.append(entries(times), created_s=5.0, aged_s=6.0, count_max=count_max, size_max=size_max)


@settings(deadline=None)
@given(st.integers(0, 400), st.binary(max_size=30))
def test_a_torn_or_damaged_end_costs_itself_alone(cut: int, rubbish: bytes) -> None:
    with TemporaryDirectory() as name:
        path = Path(name) / NAME
        write(ReplayFile(Path(name)), range(1, 6))
        whole = path.read_bytes()
        path.write_bytes(whole[:cut] + rubbish)
        again = ReplayFile(Path(name))
        found = again.load().entries
        lines = whole[:cut].split(b"\n")
        assert len(found) >= len([line for line in lines[1:-1] if line]), "a whole line is lost"
        # What is written behind it is found.
        write(again, [7.0, 8.0])
        assert ReplayFile(Path(name)).load().entries[-2:] == tuple(entries([7.0, 8.0]))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 8))
def test_two_files_hold_at_least_the_newest(batches: list[int], most: int) -> None:
    with TemporaryDirectory() as name:
        file, told = ReplayFile(Path(name)), 0
        for batch in batches:
            write(file, range(told + 1, told + batch + 1), count_max=most)
            told += batch
        found = [int(each.time_s) for each in ReplayFile(Path(name)).load().entries]
        assert found == list(range(told - len(found) + 1, told + 1))
        assert min(told, most) <= len(found) <= 2 * most


@pytest.mark.parametrize(
    "line",
    ["{}", '{"created": "x", "aged": []}', "[]", "[1]", '[1, 2, "x", 0]', '["1", "a", "", 0]', '[NaN, "a", "", 0]',
     "[" * 99999, '[1e99, "a", "", 0]', "\xff", '{"created": -1}', '[2, "a", "b", 1]', '[2, "a", "\\ud800", 0]'],
)  # fmt: skip
def test_a_file_with_nonsense_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / NAME).write_bytes(line.encode("latin-1") + b'\n[2, "a", "", 0]\n')
    found = ReplayFile(tmp_path).load()
    assert (found.created_s, found.aged_s, found.entries) == (0, 0, (Entry(2.0, "a", ""),))


def test_nobody_else_reads_the_files(tmp_path: Path) -> None:
    write(ReplayFile(tmp_path), [1, 2, 3], count_max=1)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_takes_nothing_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = ReplayFile(tmp_path / "missing")
    write(file, [1])
    write(file, [2])
    assert caplog.text.count("not kept for a replay") == 1
    (tmp_path / "missing").mkdir()
    write(file, [3])
    assert ReplayFile(tmp_path / "missing").load().entries == tuple(entries([3]))


def keeping(directory: Path, **settings: int) -> Keeping:
    return Keeping(shop_models(), directory, NotificationSettings(**settings))


def test_a_restart_finds_what_was_told_when_it_began_and_what_is_gone(tmp_path: Path) -> None:
    async def play() -> None:
        first = keeping(tmp_path, replay_log_count=3)
        created_s = first.log.created_s
        for time_s in range(1, 10):
            first.add(notification(time_s))
        await first.close()
        second = keeping(tmp_path, replay_log_count=3)
        assert [each.time_s for each in second.log.everything()] == [7, 8, 9]
        assert [each.message for each in second.log.everything()] == [notification(at).message for at in (7, 8, 9)]
        assert (second.log.created_s, second.log.aged_s) == (created_s, 6)
        await second.close()

    asyncio.run(play())


def test_switched_off_nothing_is_kept_and_on_again_it_begins_anew(tmp_path: Path) -> None:
    async def play() -> None:
        kept = keeping(tmp_path)
        kept.add(notification(1))
        kept.follow(NotificationSettings(replay_log_count=0))
        kept.add(notification(2))
        assert not kept.log.on
        kept.follow(NotificationSettings())
        kept.add(notification(3))
        await kept.close()
        assert [each.time_s for each in keeping(tmp_path).log.everything()] == [3]
        lines = (tmp_path / NAME).read_text().splitlines()
        assert json.loads(lines[0])["created"] == kept.log.created_s

    asyncio.run(play())
