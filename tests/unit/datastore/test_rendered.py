"""What is read of a configuration that follows another is what would be read of it alone."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore.rendered import common_end, common_start, distinct, follow, fragment, read

LISTS = {("a:x", "l"), ("a:x", "c", "m"), ("z", "q")}
VALUES = st.sampled_from([1, "x", "]},{", 'quo"te\\', [None], [1, 2], {"k": "é"}, "名"])
ENTRIES = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcdefgh,]}")}, optional={"v": VALUES, "w": VALUES}),
    min_size=1, max_size=6, unique_by=lambda entry: entry["name"],
)  # fmt: skip
DATA = st.fixed_dictionaries(
    {},
    optional={
        "first": st.fixed_dictionaries({"q": VALUES}),
        "a:x": st.fixed_dictionaries(
            {}, optional={"l": ENTRIES, "d": VALUES, "c": st.fixed_dictionaries({}, optional={"m": ENTRIES})}
        ),
        "z": st.fixed_dictionaries({}, optional={"q": ENTRIES}),
        "none": st.just({}),
    },
)


def text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def entries(data: dict[str, Any], members: tuple[str, ...]) -> list[Any]:
    for member in members:
        data = data[member]
    assert isinstance(data, list)
    return data


@given(DATA, DATA)
def test_reading_is_json(before: dict[str, Any], after: dict[str, Any]) -> None:
    known = read(text(before), LISTS)
    assert known.data == before
    following = read(text(after), LISTS, known)
    assert following.data == after
    for members, found in following.lists.items():
        assert [following.text[at:end] for at, end in zip(found.begins, found.ends, strict=True)] == [
            text(entry) for entry in entries(after, members)
        ]
        old = known.lists.get(members)
        for value in found.values:
            assert not old or any(value is one for one in old.values) or text(value) not in map(text, old.values)


@given(DATA, st.sampled_from(sorted(LISTS)), ENTRIES, st.data())
def test_following_is_reading(before: dict[str, Any], members: tuple[str, ...], new: list[Any], draw: Any) -> None:
    after = json.loads(text(before))
    try:
        changed = entries(after, members)
    except KeyError:
        changed = []
    changed[draw.draw(st.integers(0, len(changed))) :] = new if draw.draw(st.booleans()) else []
    if draw.draw(st.booleans()):
        after["elsewhere"] = 1
    known = read(text(before), LISTS)
    step = follow(known, text(after))
    if step is None:
        assert before == after or "elsewhere" in after or not changed or members not in known.lists
        return
    assert step.rendered == read(text(after), LISTS)
    old, now = known.lists[step.members].values, step.rendered.lists[step.members].values
    assert step.fresh == [text(entry) for entry in now if not any(entry is other for other in old)]
    assert step.gone == [text(entry) for entry in old if not any(entry is other for other in now)]
    made: Any = json.loads(fragment(step.members, step.fresh))
    assert (entries(made, step.members) if step.fresh else []) == [json.loads(piece) for piece in step.fresh]


def test_entries_with_the_same_keys_are_found() -> None:
    assert distinct([{"a": 1, "b": 1}, {"a": 1, "b": 2}], ["a", "b"])
    assert not distinct([{"a": 1, "b": 1}, {"a": 1, "b": 2}], ["a"])
    assert not distinct([{"a": 1, "b": 1, "c": 3}, {"a": 1, "b": 1}], ["a", "b"])


@given(st.text("ab", max_size=9), st.text("ab", max_size=9))
def test_what_two_texts_have_in_common(one: str, other: str) -> None:
    length = min(len(one), len(other))
    start = next((at for at in range(length) if one[at] != other[at]), length)
    assert common_start(one, other) == common_start(one.encode(), other.encode()) == start
    left = length - start
    end = next((at for at in range(left) if one[-1 - at] != other[-1 - at]), left)
    assert common_end(one, other, start) == end
