"""Commits on disk: torn, altered, full, crowded."""

from __future__ import annotations

import errno
import resource
import signal
from pathlib import Path

import pytest

from applianced.datastore import persist
from applianced.datastore.persist import HISTORY_MAX, KEPT_MAX, Commit, CommitLog, CorruptCommitError
from applianced.datastore.sealed import StorageError


def record(log: CommitLog, body: bytes, user: str = "admin") -> Commit:
    staged = log.stage(time_s=1.5, user=user, source="192.0.2.1:4711", comment="", body=body)
    staged.publish()
    return staged.commit


def reopened(log: CommitLog, directory: Path) -> CommitLog:
    log.close()
    return CommitLog(directory)


def test_a_commit_survives_with_who_when_and_whence(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    assert log.empty
    made = record(log, b'{"a":1}')
    log = reopened(log, tmp_path)
    assert log.history() == [made]
    assert log.read(made.number) == (made, b'{"a":1}')
    assert (made.user, made.source, made.time_s) == ("admin", "192.0.2.1:4711", 1.5)


def test_what_was_staged_and_not_published_is_gone_after_a_crash(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    record(log, b"1")
    log.stage(time_s=2, user="u", source="s", comment="", body=b"2")
    log = reopened(log, tmp_path)
    assert len(log.numbers()) == 1
    assert not list(log.directory.glob("*.tmp"))


def test_withdraw_makes_the_one_before_the_newest(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    first = record(log, b"1")
    staged = log.stage(time_s=2, user="u", source="s", comment="", body=b"2")
    staged.publish()
    staged.withdraw()
    assert log.history() == [first]
    assert record(log, b"3").number > staged.commit.number


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_torn_file_is_found_out(tmp_path: Path, kept: int) -> None:
    log = CommitLog(tmp_path)
    number = record(log, b'{"some":"configuration"}').number
    file = log.file(number)
    file.write_bytes(file.read_bytes()[:kept])
    log = reopened(log, tmp_path)
    with pytest.raises(CorruptCommitError):
        log.read(number)
    assert not log.empty


def test_an_altered_file_is_found_out(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    number = record(log, b'{"port":21}').number
    file = log.file(number)
    file.write_bytes(file.read_bytes().replace(b"21", b"22"))
    with pytest.raises(CorruptCommitError, match="checksum"):
        log.read(number)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null\n", b"\xff\xfe", b'{"number":1}\n'])
def test_any_bytes_in_the_place_of_a_commit_are_survived(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "commits").mkdir()
    (tmp_path / "commits" / "commit-0000000001.json").write_bytes(text)
    log = CommitLog(tmp_path)
    with pytest.raises(CorruptCommitError):
        log.read(1)
    assert log.history() == []
    assert record(log, b"ok").number == 2


def test_history_is_pruned(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    for number in range(HISTORY_MAX + 3):
        record(log, b"%d" % number)
    log.prune()
    for found in (log, reopened(log, tmp_path)):
        assert [commit.number for commit in found.history()] == list(range(HISTORY_MAX + 3, 3, -1))
        assert (
            [commit.number for commit in found.comparable()] == found.numbers() == list(range(HISTORY_MAX + 3, 2, -1))
        )
        assert found.read(found.numbers()[0])[1] == b"%d" % (HISTORY_MAX + 2)


def test_a_short_history_has_nothing_before_it(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    for number in range(HISTORY_MAX):
        record(log, b"%d" % number)
    log.prune()
    assert len(log.history()) == HISTORY_MAX
    assert log.comparable() == log.history()


def test_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    first = record(log, b"1")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StorageError, match="free space"):
            log.stage(time_s=2, user="u", source="s", comment="", body=b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(path.name for path in log.directory.iterdir()) == [log.file(first.number).name]


def test_a_directory_has_one_user(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    with pytest.raises(StorageError, match="in use"):
        CommitLog(tmp_path)
    log.close()
    CommitLog(tmp_path).close()


def stage(log: CommitLog, body: bytes, base: int) -> Commit:
    staged = log.stage(time_s=1.5, user="admin", source="x", comment="", body=body, base=base)
    staged.publish()
    return staged.commit


def test_what_cannot_be_published_is_not_found_by_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CommitLog(tmp_path)
    base = record(log, b"1").number
    staged = log.stage(time_s=2, user="u", source="s", comment="", body=b"2")
    with monkeypatch.context() as broken:
        broken.setattr(persist, "sync_directory", fail)
        with pytest.raises(StorageError):
            staged.publish()
    staged.discard()
    assert log.newest == base
    assert reopened(log, tmp_path).numbers() == [base]


def test_what_cannot_be_confirmed_still_waits_after_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = CommitLog(tmp_path)
    made = stage(log, b"2", record(log, b"1").number)
    with monkeypatch.context() as broken:
        broken.setattr(persist, "sync_directory", fail)
        with pytest.raises(StorageError):
            log.confirm()
    assert reopened(log, tmp_path).unconfirmed() == made


def fail(_: Path) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_an_unconfirmed_commit_is_known_after_a_crash_and_trusted_least(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    base = record(log, b"1").number
    first, second = stage(log, b"2", base), stage(log, b"3", base)
    log = reopened(log, tmp_path)
    assert log.unconfirmed() == second
    assert log.by_trust(None) == [base, second.number, first.number]
    log.forsake_unconfirmed()
    assert [commit.number for commit in log.history()] == [base]


def test_a_confirmed_commit_needs_no_confirmation_after_a_crash(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    base = record(log, b"1").number
    made = stage(log, b"2", base)
    log.confirm()
    log = reopened(log, tmp_path)
    assert log.unconfirmed() is None
    assert log.by_trust(None) == [made.number, base]
    log.confirm()


def test_the_commit_to_go_back_to_is_not_pruned(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    base = record(log, b"1").number
    for _ in range(HISTORY_MAX + 3):
        stage(log, b"2", base)
    log.prune()
    assert base in log.numbers()
    log = reopened(log, tmp_path)
    assert base not in [commit.number for commit in log.comparable()], "it is not the one before the oldest"
    log.confirm()
    record(log, b"3")
    log.prune()
    assert base not in log.numbers()


def test_marks_of_confirmed_commits_go_with_them(tmp_path: Path) -> None:
    log = CommitLog(tmp_path)
    stage(log, b"2", record(log, b"1").number)
    log.confirm()
    for _ in range(KEPT_MAX):
        record(log, b"3")
    log.prune()
    assert not list(log.directory.glob("*.confirmed"))
