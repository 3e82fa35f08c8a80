"""Whose reply goes when nobody reads, and that nobody's does who does."""

from __future__ import annotations

import pytest

from applianced.netconf.unread import PATIENCE_S, Unread, bounded

LONG = PATIENCE_S + 1


def own(name: str, octets: int, waited_s: float = 0.0) -> Unread:
    """A text that nobody else waits for."""
    return Unread({hash(name): octets}, waited_s)


@pytest.mark.parametrize(
    ("unread", "gone", "room"),
    [
        pytest.param({}, [], True, id="nothing"),
        pytest.param({"a": own("a", 60, LONG), "b": own("b", 40, LONG)}, [], True, id="as much as may be"),
        pytest.param({"a": own("a", 500, LONG)}, [], True, id="one alone"),
        pytest.param({"a": own("a", 500, LONG), "b": Unread({}, LONG)}, [], True, id="one alone that has anything"),
        pytest.param({name: Unread({1: 90}, 0.0) for name in "abcdef"}, [], True, id="one text for many"),
        pytest.param({"a": own("a", 60), "b": own("b", 60)}, [], False, id="both read"),
        pytest.param({"a": own("a", 60), "b": own("b", 60, LONG)}, ["b"], True, id="one does not"),
        pytest.param({"a": own("a", 80, LONG), "b": own("b", 30, 2 * LONG)}, ["a"], True, id="octets and seconds"),
        pytest.param({"a": own("a", 101), "b": own("b", 100)}, ["a"], True, id="no patience left: the largest"),
        pytest.param(
            {"a": own("a", 90), "b": own("b", 90), "c": own("c", 90)}, ["a"], False, id="patience with what is left"
        ),
        pytest.param(
            {"a": Unread({1: 80, 2: 10}, LONG), "b": Unread({1: 80}, 2 * LONG), "c": own("c", 30)},
            ["b", "a"],
            True,
            id="a text goes with the last who waits for it",
        ),
    ],
)
def test_who_goes(unread: dict[str, Unread], gone: list[str], room: bool) -> None:
    assert bounded(unread, 100) == (gone, room)
