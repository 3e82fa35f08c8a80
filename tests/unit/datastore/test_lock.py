"""Locks of datastores."""

from __future__ import annotations

import pytest

from applianced.datastore.lock import LockDeniedError, LockError, Locks, Store


def test_one_holder_at_a_time() -> None:
    locks = Locks()
    locks.take(Store.CANDIDATE, 7)
    for session in (7, 8):
        with pytest.raises(LockDeniedError) as caught:
            locks.take(Store.CANDIDATE, session)
        assert caught.value.session == 7
    locks.require(Store.CANDIDATE, 7)
    locks.require(Store.RUNNING, 8)
    with pytest.raises(LockDeniedError):
        locks.require(Store.CANDIDATE, 8)


def test_only_the_holder_unlocks() -> None:
    locks = Locks()
    with pytest.raises(LockError, match="not locked"):
        locks.release(Store.RUNNING, 1)
    locks.take(Store.RUNNING, 1)
    with pytest.raises(LockDeniedError):
        locks.release(Store.RUNNING, 2)
    locks.release(Store.RUNNING, 1)
    assert locks.holder(Store.RUNNING) == 0


def test_a_session_leaves_no_lock_behind() -> None:
    locks = Locks()
    locks.take(Store.RUNNING, 1)
    locks.take(Store.CANDIDATE, 1)
    assert set(locks.release_all(1)) == {Store.RUNNING, Store.CANDIDATE}
    assert locks.release_all(1) == []


def test_a_lock_is_taken_away_from_another_only() -> None:
    locks = Locks()
    with pytest.raises(LockError, match="running is not locked"):
        locks.take_away(Store.RUNNING, 1)
    locks.take(Store.RUNNING, 1)
    with pytest.raises(LockError, match="this session holds the lock"):
        locks.take_away(Store.RUNNING, 1)
    assert locks.holder(Store.RUNNING) == 1
    held = locks.take_away(Store.RUNNING, 2)
    assert held.session == 1
    assert locks.held(Store.RUNNING) is None
    locks.take(Store.RUNNING, 3)
