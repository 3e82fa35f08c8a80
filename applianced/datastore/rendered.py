"""A configuration's RFC 7951 JSON, read so that the next one costs only what differs.

Two configurations that follow one another differ in a few entries of a list. Where the list is separable, the text
outside the entries that differ is that of the former one, and so are the values: the very same objects, which tells
whoever decodes them that they were decoded before.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_value = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one list in the text. begins, ends: of each; the text is opaque to everybody else."""

    values: list[Any] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def after(self, number: int, shift: int) -> Entries:
        """All but the first so many, in a text where they stand so much further on."""
        begins, ends = self.begins[number:], self.ends[number:]
        if shift:
            begins, ends = [at + shift for at in begins], [at + shift for at in ends]
        return Entries(self.values[number:], begins, ends)

    def by_text(self, text: str) -> dict[str, Any]:
        """The entries by what they are in the text."""
        return {text[at:end]: value for at, end, value in zip(self.begins, self.ends, self.values, strict=True)}


class Rendered(NamedTuple):
    """data: what json.loads makes of the text; nobody changes it. lists: the separable ones that are there."""

    text: str
    data: Mapping[str, Any]
    lists: Mapping[tuple[str, ...], Entries]


class Step(NamedTuple):
    """What leads from one configuration to another, when that is no more than entries of one separable list.

    fresh: the text of each entry that the former one did not have. gone: of each that it had alone. begin, amount: the
    entries of the following one among which all differences are, in their order as well.
    """

    rendered: Rendered
    members: tuple[str, ...]
    fresh: list[str]
    gone: list[str]
    begin: int
    amount: int


def read(text: str, lists: Collection[tuple[str, ...]], before: Rendered | None = None) -> Rendered:
    """All of it. text: an object without insignificant space. before: entries that stand in it are taken from there."""
    reader = _Reader(text, lists, before)
    data, _ = reader.container(0, ())
    return Rendered(text, data, reader.found)


def follow(before: Rendered, text: str) -> Step | None:
    """What leads from `before` to the text; None when it is not entries of one list alone, or nothing."""
    start = common_start(before.text, text)
    if start == len(before.text) == len(text):
        return None
    end = common_end(before.text, text, start)
    for members, entries in before.lists.items():
        if entries.begins[0] <= start and len(before.text) - end <= entries.ends[-1]:
            return _followed(before, text, members, start, end)
    return None


def fragment(members: Sequence[str], entries: Sequence[str]) -> bytes:
    """A configuration of these entries of one list alone, or of nothing."""
    if not entries:
        return b"{}"
    opened = "".join(f"{json.dumps(member)}:{{" for member in members[:-1])
    return f"{{{opened}{json.dumps(members[-1])}:[{','.join(entries)}]{'}' * len(members)}".encode()


def distinct(values: Sequence[Any], keys: Sequence[str]) -> bool:
    """Whether no two entries of a list have the same keys."""
    if len(keys) == 1:
        return len({value[keys[0]] for value in values}) == len(values)
    return len({tuple(value[key] for key in keys) for value in values}) == len(values)


def _followed(before: Rendered, text: str, members: tuple[str, ...], start: int, end: int) -> Step | None:
    """start, end: how much of both texts is alike, with which they begin and end."""
    old = before.lists[members]
    shift = len(text) - len(before.text)
    # An entry is as before when the mark behind it, or the one in front of it, is as well.
    first = bisect_left(old.ends, start)
    last = max(first, bisect_left(old.begins, len(before.text) - end + 1))
    known = Entries(old.values[first:last], old.begins[first:last], old.ends[first:last]).by_text(before.text)
    at = old.ends[first - 1] + 1 if first else old.begins[0]
    stop = (old.begins[last] - 1 if last < len(old.values) else old.ends[-1]) + shift
    between, fresh = _entries(text, at, stop, known)
    if between.ends and between.ends[-1] != stop:
        return None
    rest = old.after(last, shift)
    entries = Entries(
        old.values[:first] + between.values + rest.values,
        old.begins[:first] + between.begins + rest.begins,
        old.ends[:first] + between.ends + rest.ends,
    )
    if not entries.values:
        return None
    lists = {
        name: each.after(0, shift) if each.begins[0] > old.begins[0] else each for name, each in before.lists.items()
    }
    following = Rendered(text, _replaced(before.data, members, entries.values), {**lists, members: entries})
    stayed = set(map(id, between.values))
    gone = [piece for piece, value in known.items() if id(value) not in stayed]
    return Step(following, members, fresh, gone, first, len(between.values))


def _entries(text: str, at: int, stop: int, known: Mapping[str, Any]) -> tuple[Entries, list[str]]:
    """Entries with commas between them up to the end of the list, and the texts of those that are not known."""
    entries, fresh = Entries(), []
    while at < stop and (not entries.ends or text[at - 1] == ","):
        value, end = _value(text, at)
        piece = text[at:end]
        kept = known.get(piece)
        if kept is None:
            fresh.append(piece)
        entries.values.append(value if kept is None else kept)
        entries.begins.append(at)
        entries.ends.append(end)
        at = end + 1
    return entries, fresh


def _replaced(data: Mapping[str, Any], members: Sequence[str], values: list[Any]) -> dict[str, Any]:
    """The data with other entries in one list; what is not around it is shared."""
    name, *below = members
    return {**data, name: _replaced(data[name], below, values) if below else values}


class _Reader:
    """json.loads that notes where the entries of some lists are."""

    def __init__(self, text: str, lists: Collection[tuple[str, ...]], before: Rendered | None) -> None:
        self.found: dict[tuple[str, ...], Entries] = {}
        self._text = text
        self._lists = lists
        self._around = {members[:length] for members in lists for length in range(len(members))}
        self._before = before

    def container(self, at: int, members: tuple[str, ...]) -> tuple[dict[str, Any], int]:
        """The object whose brace is here, and where it ends."""
        text, data = self._text, {}
        while text[at + 1] != "}" or text[at] == ",":
            name, at = _value(text, at + 1)
            data[name], at = self._value(at + 1, (*members, name))
            if text[at] == "}":
                return data, at + 1
        return data, at + 2

    def _value(self, at: int, members: tuple[str, ...]) -> tuple[Any, int]:
        opening = self._text[at : at + 2]
        if members in self._lists and opening == "[{":
            return self._list(at, members)
        if members in self._around and opening[0] == "{":
            return self.container(at, members)
        return _value(self._text, at)

    def _list(self, at: int, members: tuple[str, ...]) -> tuple[list[Any], int]:
        old = self._before.lists.get(members) if self._before else None
        known = old.by_text(self._before.text) if old and self._before else {}
        text, at = self._text, at + 1
        entries = Entries()
        while text[at - 1] != "]":
            value, end = _value(text, at)
            entries.values.append(known.get(text[at:end], value) if known else value)
            entries.begins.append(at)
            entries.ends.append(end)
            at = end + 1
        self.found[members] = entries
        return entries.values, at


def common_start(one: str | bytes, other: str | bytes) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_end(one: str, other: str, start: int) -> int:
    """How many characters two texts end with alike, beyond those that they begin with."""
    low, high = 0, min(len(one), len(other)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
