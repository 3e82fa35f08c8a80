"""Both forms of the ALG under any split, any octets, and any order of messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from applianced.alg.actions import Pass
from applianced.alg.sip import DESCRIPTOR
from applianced.model.tuples import ORIGINAL, REPLY
from tests.fuzz import sip
from tests.support.dialog import Case, Meanwhile, Step
from tests.support.soak import rounds

CASES = Path(__file__).parents[3] / "alg" / "sip"
STREAMS = [
    Case.load(CASES / name) for name in ("tcp-call", "tcp-routed", "tcp-refused", "tcp-bodies", "tcp-bodies-refused")
]
SEEDS = [
    Case.load(CASES / name).steps()
    for name in ("call-through-nat", "hold", "forked", "reliable", "registration", "msrp", "transfer", "early-media",
                 "hosted-registration", "several-ports", "ice-remote")
]  # fmt: skip


@settings(max_examples=rounds(60), deadline=None)
@given(case=st.sampled_from(STREAMS), cuts=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_any_split_is_alike(case: Case, cuts: list[int]) -> None:
    whole, player = case.play(DESCRIPTOR), case.player(DESCRIPTOR)
    number = 0
    for direction, data in case.steps():
        while data:
            size = cuts[number % len(cuts)]
            number += 1
            player.feed(direction, data[:size])
            data = data[size:]
    player.finish()
    for direction in (ORIGINAL, REPLY):
        assert player.sent(direction) == whole.sent(direction)
    asked = [[entry for entry in each.log if not isinstance(entry[1], Pass)] for each in (player, whole)]
    assert asked[0] == asked[1]


@settings(max_examples=rounds(60), deadline=None)
@given(octets=st.binary(max_size=400))
def test_any_octets_do_nothing_worse_than_be_refused(octets: bytes) -> None:
    sip.run(octets)


@settings(max_examples=rounds(60), deadline=None)
@given(
    choice=st.integers(0, 15),
    steps=st.lists(st.sampled_from([step for seed in SEEDS for step in seed]), max_size=24),
    turned=st.booleans(),
)
def test_what_is_opened_is_closed(choice: int, steps: list[Step], turned: bool) -> None:
    """Messages of several calls in any order, and from either side: `sip.run` looks at the end that nothing is left."""
    pieces = [bytes((choice,))]
    for direction, data in steps:
        head = len(data) | (direction ^ turned) << 15 | isinstance(data, Meanwhile) << 14
        pieces += head.to_bytes(2), data
    players = sip.run(b"".join(pieces))
    assert all(not player.alg.context.books.belongings.owners for player in players)


@pytest.mark.parametrize("octets", [b"\r\n\r\n", b"\r\n", b"\0", b""])
def test_keep_alives_are_plain(octets: bytes) -> None:
    player = Case.load(CASES / "call-through-nat").player(DESCRIPTOR)
    assert player.alg.plain(ORIGINAL, octets) is True
    assert player.alg.plain(ORIGINAL, b"BYE ") is False
