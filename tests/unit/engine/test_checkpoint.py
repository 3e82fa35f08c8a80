"""Slots of shared memory: whole or not there, never torn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.engine.checkpoint import (
    ALG_OCTETS,
    LIVE,
    LOST,
    NEAR_ALG_OCTETS,
    NEAR_SESSION_OCTETS,
    SESSION_OCTETS,
    Checkpoint,
    Saved,
)

SLOTS = 3


@pytest.fixture
def memory() -> memoryview:
    return memoryview(bytearray(Checkpoint.octets(SLOTS)))


@pytest.fixture
def checkpoint(memory: memoryview) -> Checkpoint:
    return Checkpoint(memory, SLOTS)


def found(memory: memoryview) -> dict[int, Saved]:
    """What a successor finds."""
    return Checkpoint(memory, SLOTS).load()


def store(checkpoint: Checkpoint, slot: int, text: str, first: int = 1, second: int = 2) -> None:
    checkpoint.save_alg(slot, (text,))
    checkpoint.save_session(slot, (text, text))
    checkpoint.publish(slot, first, second)


def test_nothing_at_first(memory: memoryview) -> None:
    assert found(memory) == {}


def test_whole_slots_are_found(memory: memoryview, checkpoint: Checkpoint) -> None:
    store(checkpoint, 1, "one", 10, -1)
    store(checkpoint, SLOTS, "last", -1, 2**32 - 2)
    assert found(memory) == {
        1: Saved(("one", "one"), ("one",), (10, -1)),
        SLOTS: Saved(("last", "last"), ("last",), (-1, 2**32 - 2)),
    }


def test_what_is_not_published_is_not_there(memory: memoryview, checkpoint: Checkpoint) -> None:
    checkpoint.save_alg(1, ("new",))
    checkpoint.save_session(1, ("new",))
    assert found(memory) == {}


def test_a_torn_write_leaves_the_older_values(memory: memoryview, checkpoint: Checkpoint) -> None:
    """The ALG's state, the session's and the next octets belong together: all old or all new."""
    store(checkpoint, 1, "old", 10, 20)
    old = found(memory)
    checkpoint.save_alg(1, ("new",))
    assert found(memory) == old
    checkpoint.save_session(1, ("new", "new"))
    assert found(memory) == old
    checkpoint.publish(1, 11, 21)
    assert found(memory) == {1: Saved(("new", "new"), ("new",), (11, 21))}


def test_parts_are_written_apart(memory: memoryview, checkpoint: Checkpoint) -> None:
    store(checkpoint, 1, "old", 10, 20)
    checkpoint.publish(1, 30, 40)
    assert found(memory)[1] == Saved(("old", "old"), ("old",), (30, 40))
    checkpoint.save_alg(1, ("new",))
    checkpoint.publish(1, 31, 41)
    assert found(memory)[1] == Saved(("old", "old"), ("new",), (31, 41))


@pytest.mark.parametrize("octets", [0, NEAR_ALG_OCTETS - 10, NEAR_ALG_OCTETS, NEAR_SESSION_OCTETS - 7, 1000])
def test_a_part_may_grow_and_shrink(memory: memoryview, checkpoint: Checkpoint, octets: int) -> None:
    """Whether it is near or far, the one before it stays whole until it is published."""
    store(checkpoint, 1, "small")
    for value in (bytes(octets), b"s", bytes(octets + 1), bytes(octets)):
        old = found(memory)
        checkpoint.save_alg(1, (bytes(octets + 5),))
        checkpoint.save_alg(1, (value,))
        checkpoint.save_session(1, (value, value))
        assert found(memory) == old
        checkpoint.publish(1, 3, 4)
        assert found(memory) == {1: Saved((value, value), (value,), (3, 4))}


def test_both_at_once(memory: memoryview, checkpoint: Checkpoint) -> None:
    checkpoint.save_whole(1, ("one", 1), ("alg",))
    assert found(memory) == {1: Saved(("one", 1), ("alg",), (-1, -1))}
    checkpoint.save_whole(1, ("two", 2), ("alg", 2))
    assert found(memory) == {1: Saved(("two", 2), ("alg", 2), (-1, -1))}


def test_both_at_once_grow_and_shrink(memory: memoryview, checkpoint: Checkpoint) -> None:
    for value in (b"small", bytes(NEAR_SESSION_OCTETS), bytes(1500), b"small"):
        checkpoint.save_whole(1, (value,), (value,))
        assert found(memory) == {1: Saved((value,), (value,), (-1, -1))}
    checkpoint.save_whole(1, (bytes(SESSION_OCTETS),), ())
    assert state_of(memory, 1) == LOST
    checkpoint.save_whole(1, ("fits",), ())
    assert found(memory) == {1: Saved(("fits",), (), (-1, -1))}


def test_a_slot_that_held_both_at_once_takes_parts(memory: memoryview, checkpoint: Checkpoint) -> None:
    checkpoint.save_whole(1, ("datagrams",), ("alg",))
    checkpoint.clear(1)
    checkpoint.save_alg(1, ("stream",))
    assert found(memory) == {}
    checkpoint.save_session(1, ("stream", "stream"))
    checkpoint.publish(1, 5, 6)
    assert found(memory) == {1: Saved(("stream", "stream"), ("stream",), (5, 6))}


def test_the_last_of_several_writes_counts(memory: memoryview, checkpoint: Checkpoint) -> None:
    store(checkpoint, 1, "old")
    checkpoint.save_alg(1, ("first",))
    checkpoint.save_alg(1, ("second",))
    assert found(memory)[1].alg == ("old",)
    checkpoint.publish(1, 1, 2)
    assert found(memory)[1].alg == ("second",)


def test_cleared_slots_are_gone(memory: memoryview, checkpoint: Checkpoint) -> None:
    store(checkpoint, 1, "one")
    store(checkpoint, 2, "two")
    checkpoint.clear(1)
    assert found(memory).keys() == {2}


@pytest.mark.parametrize(("room", "alg"), [(ALG_OCTETS, True), (SESSION_OCTETS, False)])
def test_what_does_not_fit_loses_the_slot(memory: memoryview, checkpoint: Checkpoint, room: int, alg: bool) -> None:
    save = checkpoint.save_alg if alg else checkpoint.save_session
    overhead = (5 if alg else 2) + 5  # marshal's tuple; marshal's octets
    store(checkpoint, 1, "x")
    save(1, (bytes(room - overhead),))
    checkpoint.publish(1, 1, 2)
    assert found(memory).keys() == {1}, "it just fits"

    save(1, (bytes(room - overhead + 1),))
    checkpoint.publish(1, 1, 2)

    assert state_of(memory, 1) == LOST
    assert found(memory) == {}
    assert state_of(memory, 1) == 0, "cleared for the next session"


def state_of(memory: memoryview, slot: int) -> int:
    return int.from_bytes(memory[slot * 32 : slot * 32 + 4], "little")


@pytest.mark.parametrize(("room", "alg"), [(ALG_OCTETS, True), (SESSION_OCTETS, False)])
def test_a_lost_slot_is_of_use_again_when_all_of_it_fits(
    memory: memoryview, checkpoint: Checkpoint, room: int, alg: bool
) -> None:
    store(checkpoint, 1, "before")
    grown, other = checkpoint.save_alg, checkpoint.save_session
    if not alg:
        grown, other = other, grown
    grown(1, (bytes(room),))
    checkpoint.publish(1, 3, 4)
    other(1, ("other",))
    checkpoint.publish(1, 5, 6)
    assert state_of(memory, 1) == LOST, "the part that does not fit is not there"

    grown(1, ("fits",))
    assert state_of(memory, 1) == LOST
    checkpoint.publish(1, 7, 8)

    session, alg_state = (("other",), ("fits",)) if alg else (("fits",), ("other",))
    assert found(memory) == {1: Saved(session, alg_state, (7, 8))}


def test_a_lost_slot_holds_what_was_not_written_again(memory: memoryview, checkpoint: Checkpoint) -> None:
    """The part that did not change while the other was lost is the one before it."""
    store(checkpoint, 1, "before")
    checkpoint.save_alg(1, (bytes(ALG_OCTETS),))
    checkpoint.publish(1, 3, 4)
    checkpoint.save_alg(1, ("fits",))
    checkpoint.publish(1, 5, 6)
    assert found(memory) == {1: Saved(("before", "before"), ("fits",), (5, 6))}


def test_a_lost_slot_is_of_use_again_after_its_session(memory: memoryview, checkpoint: Checkpoint) -> None:
    checkpoint.save_alg(1, (bytes(ALG_OCTETS),))
    checkpoint.publish(1, 1, 2)
    assert state_of(memory, 1) == LOST
    checkpoint.clear(1)
    store(checkpoint, 1, "next")
    assert found(memory)[1].alg == ("next",)


def test_a_successor_writes_on(memory: memoryview, checkpoint: Checkpoint) -> None:
    """Its first write does not go into the half that is in force."""
    store(checkpoint, 1, "old")
    successor = Checkpoint(memory, SLOTS)
    successor.save_alg(1, ("new",))
    assert found(memory)[1].alg == ("old",)
    successor.publish(1, 5, 6)
    assert found(memory)[1] == Saved(("old", "old"), ("new",), (5, 6))


@settings(deadline=None)  # Octets may say that a hundred million values follow, for which memory is made first.
@given(st.binary(min_size=60, max_size=200), st.integers(0, 13000))
def test_garbage_is_cleared_or_read_but_never_raises(garbage: bytes, place: int) -> None:
    """Whatever a dying worker left behind, its successor starts."""
    memory = memoryview(bytearray(Checkpoint.octets(1)))
    checkpoint = Checkpoint(memory, 1)
    store(checkpoint, 1, "good")
    end = min(place + len(garbage), len(memory))
    memory[place:end] = garbage[: end - place]
    memory[32:36] = (LIVE | garbage[0] & 1).to_bytes(4, "little")
    for saved in Checkpoint(memory, 1).load().values():
        assert isinstance(saved.session, tuple)
        assert isinstance(saved.alg, tuple)


def test_slot_0_is_never_used(memory: memoryview, checkpoint: Checkpoint) -> None:
    store(checkpoint, 0, "zero")
    assert found(memory) == {}
