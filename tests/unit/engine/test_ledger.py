"""What outlives a worker beside its sessions' slots."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.engine.ledger import Ledger

SHARE = 256


def made(memory: bytearray) -> Ledger:
    return Ledger(memoryview(memory), SHARE)


def fresh() -> bytearray:
    return bytearray(Ledger.octets(SHARE))


STEPS = st.lists(
    st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 3000))), min_size=1, max_size=80
)  # fmt: skip


@given(STEPS)
@settings(deadline=None, max_examples=60)
def test_a_successor_finds_what_was_written_last(steps: list[tuple[int, int | None]]) -> None:
    """Whatever was written, replaced and forgotten, in whatever size."""
    memory = fresh()
    ledger, expected = made(memory), {}
    for number, (key, size) in enumerate(steps):
        if size is None:
            ledger.drop(("key", key))
            expected.pop(("key", key), None)
        elif ledger.put(("key", key), (number, b"x" * size)):
            expected[("key", key)] = (number, b"x" * size)
        else:
            expected.pop(("key", key), None)
    assert made(memory).load() == expected


def test_it_goes_on_where_the_one_before_it_ended() -> None:
    memory = fresh()
    made(memory).put(("a",), (1,))
    second = made(memory)
    second.load()
    second.put(("a",), (2,))
    second.put(("b",), (3,))
    assert made(memory).load() == {("a",): (2,), ("b",): (3,)}


def test_of_two_writings_the_later_one_counts() -> None:
    """The worker died after it had put a value in force and before it gave the cell of the old one back."""
    memory = fresh()
    ledger = made(memory)
    ledger.put(("a",), (1,))
    before = bytes(memory)
    ledger.put(("a",), (2,))
    words = memoryview(memory)[:8].cast("Q"), memoryview(bytearray(before))[:8].cast("Q")
    assert words[0][0] == 0
    memory[:8] = before[:8]
    third = made(memory)
    assert third.load() == {("a",): (2,)}
    third.drop(("a",))
    assert made(memory).load() == {}


def test_where_there_is_no_room_the_old_is_forgotten_too() -> None:
    memory = fresh()
    ledger = made(memory)
    assert ledger.put(("a",), (1,))
    assert not ledger.put(("a",), (b"x" * 20000,))
    assert ledger.refused == 1
    assert made(memory).load() == {}
    for number in range(5000):
        ledger.put(("n", number), (number,))
    assert ledger.refused > 1
    assert len(made(memory).load()) == 5001 - ledger.refused


def test_small_values_take_larger_cells_when_their_own_are_used_up() -> None:
    ledger = made(fresh())
    assert all(ledger.put(("n", number), (number,)) for number in range(300)), "256 small cells"


def test_a_ledger_without_room() -> None:
    ledger = Ledger.none()
    assert not ledger.put(("a",), (1,))
    ledger.drop(("a",))
    assert ledger.load() == {}


def test_memory_that_makes_no_sense_is_empty() -> None:
    chance = random.Random(4)
    for _ in range(20):
        memory = fresh()
        memory[: 8 * 64] = chance.randbytes(8 * 64)
        memory[8 * 500 : 8 * 500 + 4000] = chance.randbytes(4000)
        ledger = made(memory)
        ledger.load()
        assert ledger.put(("a",), (1,))
        assert made(memory).load()[("a",)] == (1,)
