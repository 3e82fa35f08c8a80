"""yang:insert against a plain list, and how the work grows with the entries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from applianced.datastore import native
from applianced.datastore.edit import EditError, EditOptions, edit
from applianced.datastore.tree import Tree
from tests.support.shop import content, shop, tree_of
from tests.support.work import Work


@dataclass(frozen=True)
class Kind:
    """How a list is written. entry: of name and attributes; beside: the attribute that names an entry."""

    entry: str
    beside: str


KINDS = {
    "queue": Kind("<queue{1}>{0}</queue>", ' yang:value="{}"'),
    "shelf": Kind("<shelf{1}><row>1</row><column>{0}</column></shelf>", " yang:key=\"[ex:column='{}'][ex:row='1']\""),
}
"""The keys of an anchor may come in any order."""
NAMES = ["a", "b", "c", "d", "it's", ""]
Step = tuple[str, str, str, str]
"""Operation, insert, name of the entry, name of the anchor."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "replace", "create", "remove"]),
        st.sampled_from(["", "first", "last", "before", "after"]),
        st.sampled_from(NAMES),
        st.sampled_from(["a", "b", "c", "d", "z", ""]),
    ),
    max_size=8,
)


def written(kind: Kind, step: Step) -> str:
    operation, insert, name, anchor = step
    said = f' nc:operation="{operation}"' + (f' yang:insert="{insert}"' if insert else "")
    if insert in ("before", "after"):
        said += kind.beside.format(anchor)
    return kind.entry.format(name, said)


def done(entries: list[str], step: Step) -> list[str] | None:
    """What the list is afterwards; None for an edit that is refused."""
    operation, insert, name, anchor = step
    there = name in entries
    if operation == "remove":
        return [each for each in entries if each != name]
    if operation == "create" and there:
        return None
    entries = entries if there else [*entries, name]
    if not insert or (insert in ("before", "after") and anchor == name and there):
        return entries
    others = [each for each in entries if each != name]
    if insert in ("first", "last"):
        return [name, *others] if insert == "first" else [*others, name]
    if anchor not in others:
        return None
    at = others.index(anchor) + (insert == "after")
    return [*others[:at], name, *others[at:]]


def everything(kind: Kind, entries: list[str]) -> str:
    """With something before and something behind the list."""
    text = "".join(kind.entry.format(name, "") for name in entries)
    with tree_of(f"<size>1</size>{text}<tag>t</tag>") as tree:
        return content(tree)


def require_first(tree: Tree, kind: str) -> None:
    """libyang's own idea of which entry comes first, by which the next one is put, is right."""
    children = list(native.children(tree.first))
    entries = [node for node in children if native.name(native.schema_of(node)) == kind]
    if entries:
        assert native.find(children[0], native.schema_of(entries[0])) == entries[0]


@pytest.mark.parametrize("name", KINDS)
@given(before=st.lists(st.sampled_from(NAMES), unique=True), steps=STEPS)
def test_as_in_a_plain_list(name: str, before: list[str], steps: list[Step]) -> None:
    kind = KINDS[name]
    with tree_of(everything(kind, before)) as tree:
        entries = before
        for step in steps:
            after = done(entries, step)
            if after is None:
                with pytest.raises(EditError):
                    edit(tree, shop(written(kind, step)), EditOptions())
            else:
                edit(tree, shop(written(kind, step)), EditOptions())
                entries = after
            assert content(tree) == everything(kind, entries)
            require_first(tree, name)


@pytest.mark.parametrize("name", KINDS)
@given(before=st.lists(st.sampled_from(NAMES), unique=True), steps=STEPS)
def test_what_is_taken_back_stands_where_it_stood(name: str, before: list[str], steps: list[Step]) -> None:
    kind = KINDS[name]
    possible, entries, named = [], before, set()
    for step in steps:
        after = done(entries, step)
        if after is not None and step[2] not in named:
            possible.append(step)
            entries, named = after, named | {step[2]}
    with tree_of(everything(kind, before)) as tree:
        change = "".join(written(kind, step) for step in possible)
        with pytest.raises(EditError, match="bogus"):
            edit(tree, shop(change + "<bogus/>"), EditOptions())
        assert content(tree) == everything(kind, before)
        require_first(tree, name)
        edit(tree, shop(change), EditOptions())
        assert content(tree) == everything(kind, entries)


@pytest.mark.parametrize("key", ["[ex:row='1']", "[ex:row='x'][ex:column='a']", "[ex:row='1'][ex:frob='a']", ""])
def test_a_key_that_names_no_entry(key: str) -> None:
    text = everything(KINDS["shelf"], ["a", "b"])
    with tree_of(text) as tree:
        change = f'<shelf yang:insert="after" yang:key="{key}"><row>1</row><column>b</column></shelf><size>900</size>'
        with pytest.raises(EditError, match="to insert beside") as caught:
            edit(tree, shop(change), EditOptions())
        assert caught.value.app_tag == "missing-instance"
        assert content(tree) == text


@pytest.mark.parametrize("there", [False, True], ids=["made", "moved"])
@pytest.mark.parametrize("insert", ["first", "last", "before", "after"])
@pytest.mark.parametrize("name", KINDS)
def test_the_work_grows_as_the_entries_do(name: str, insert: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, work = KINDS[name], Work(monkeypatch)

    def of(count: int) -> int:
        names = [str(number) for number in range(count)]
        steps: list[Step] = [("merge", insert, each, str(int(each) - 1)) for each in names[1:]]
        change = shop("".join(written(kind, step) for step in steps))
        with tree_of(everything(kind, names if there else names[:1])) as tree:
            return work.of(partial(edit, tree, change, EditOptions()))

    assert of(200) < 2.1 * of(100)
