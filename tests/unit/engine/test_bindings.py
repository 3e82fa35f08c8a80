"""Held bindings, and what other workers see of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.engine.bindings import Bindings, Board, Held
from applianced.engine.ledger import Ledger
from applianced.model.tuples import UDP, Endpoint, packed
from tests.support.engine import FakePorts

OUTSIDE = packed("203.0.113.1")
OUTSIDE_V6 = packed("2001:db8::1")
OWN = Endpoint(packed("10.0.0.1"), 4000)


def held(port: int, address: bytes = OUTSIDE, inside: Endpoint = OWN) -> Held:
    return Held(UDP, Endpoint(address, port), inside, False, 1)


def test_a_board_shows_what_was_shown() -> None:
    board = Board(memoryview(bytearray(Board.octets(64))))
    v6 = held(50000, OUTSIDE_V6, Endpoint(packed("fd00::1"), 7))
    assert board.show(held(50000))
    assert board.show(v6)
    assert board.look(UDP, Endpoint(OUTSIDE, 50000)) == OWN
    assert board.look(UDP, v6.outside) == v6.inside
    assert board.look(6, Endpoint(OUTSIDE, 50000)) is None
    assert board.look(UDP, Endpoint(OUTSIDE, 50001)) is None
    board.hide(UDP, Endpoint(OUTSIDE, 50000))
    board.hide(UDP, Endpoint(OUTSIDE, 50000))
    assert board.look(UDP, Endpoint(OUTSIDE, 50000)) is None
    board.clear()
    assert board.look(UDP, v6.outside) is None


def test_a_board_that_is_full_shows_no_more() -> None:
    board = Board(memoryview(bytearray(Board.octets(8))))
    assert [board.show(held(port)) for port in range(9)] == [True] * 8 + [False]
    assert not Board(memoryview(b"")).show(held(1))
    assert Board(memoryview(b"")).look(UDP, OWN) is None


def test_a_cell_that_is_being_written_is_not_believed() -> None:
    memory = bytearray(Board.octets(8))
    board = Board(memoryview(memory))
    board.show(held(50000))
    memory[20] ^= 1  # of the inside address
    assert board.look(UDP, Endpoint(OUTSIDE, 50000)) is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "pair", "use", "unuse", "release"]), st.integers(0, 5)), max_size=60
)


@given(STEPS)
@settings(deadline=None, max_examples=150)
def test_no_port_is_lost_or_given_twice(steps: list[tuple[str, int]]) -> None:
    """Whatever is bound, used and given back in whatever order."""
    ports = FakePorts()
    board = Board(memoryview(bytearray(Board.octets(512))))
    bindings = Bindings(ports, Ledger.none(), board)
    made: list[Held] = []
    uses: list[Endpoint] = []
    for step, place in steps:
        if step in ("take", "pair"):
            found = bindings.take(OUTSIDE, UDP, OWN, pair=step == "pair", session=1)
            assert found is not None
            made.append(found)
        elif step == "use" and place < len(made):
            end = made[place].ends[-1].outside
            if board.look(UDP, end):
                bindings.used(UDP, end)
                uses.append(end)
        elif step == "unuse" and uses:
            bindings.unused(UDP, uses.pop(place % len(uses)))
        elif step == "release" and place < len(made):
            bindings.release(made[place].outside, UDP)
    for end in uses:
        bindings.unused(UDP, end)
    for each in made:
        bindings.release(each.outside, UDP)
    bindings.settle()
    assert not ports.held
    assert not len(bindings)
    assert len({port for port, _ in ports.given}) == len(ports.given), "each is given back once"
    assert not any(board.look(UDP, end.outside) for each in made for end in each.ends)
