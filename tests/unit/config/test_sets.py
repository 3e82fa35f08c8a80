"""Sets that contain sets."""

from __future__ import annotations

import pytest

from applianced.config import sets
from applianced.config.sets import Members, flatten
from applianced.errors import ConfigError


def _set(name: str, names: str = "", inner: str = "") -> Members:
    return Members(tuple(names.split()), tuple(inner.split()), f"/s[name='{name}']", "set")


def test_members_of_members_once_and_in_order() -> None:
    found = flatten({"a": _set("a", "x", "b c"), "b": _set("b", "y x"), "c": _set("c", "z", "b k")}, {"k": ("k1",)}, [])
    assert found == {"a": ("x", "y", "z", "k1"), "b": ("y", "x"), "c": ("z", "y", "x", "k1")}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"a": _set("a", "", "a")}, "/s[name='a']/set[name='a']"),
        ({"a": _set("a", "", "b"), "b": _set("b", "", "c"), "c": _set("c", "", "a")}, "/s[name='c']/set[name='a']"),
        ({"a": _set("a", "", "none")}, "/s[name='a']/set[name='none']"),
    ],
)
def test_cycles_and_missing_sets_are_refused(given: dict[str, Members], path: str) -> None:
    faults: list[ConfigError] = []
    flatten(given, {}, faults)
    assert [fault.path for fault in faults] == [path]


def test_every_cycle_and_missing_set_is_told_once() -> None:
    given = {"a": _set("a", "x", "none a b"), "b": _set("b", "y", "a gone"), "c": _set("c", "", "b a")}
    faults: list[ConfigError] = []
    assert flatten(given, {}, faults)["c"] == ("y", "x")
    assert [fault.path for fault in faults] == [
        "/s[name='a']/set[name='none']",
        "/s[name='a']/set[name='a']",
        "/s[name='b']/set[name='a']",
        "/s[name='b']/set[name='gone']",
    ]


def test_depth_is_no_limit() -> None:
    chain = {f"s{n}": _set(f"s{n}", "x", f"s{n + 1}") for n in range(5000)} | {"s5000": _set("s5000", "y")}
    assert flatten(chain, {}, [])["s0"] == ("x", "y")


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "LARGEST", 5)
    with pytest.raises(ConfigError, match="5 members"):
        flatten({"a": _set("a", "1 2 3"), "b": _set("b", "", "a")}, {}, [])
