"""Two sessions do whatever they like; a dictionary says what the server must answer and hold."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from lxml import etree

from applianced.netconf.xmltext import escape
from tests.support.netconf_session import SHOP, Client, serving, tags
from tests.support.shop import DECLARED
from tests.support.soak import LONG

OK = "<ok/>"
WHO = st.integers(0, 1)
STORES = st.sampled_from(["candidate", "running"])
ORDERED = ("queue", "shelf")
CARD = ("issuer", "limit")


class Refused(Exception):
    """The model's error-tag."""


class Change(NamedTuple):
    """One element of an edit. kind: which node; key: of the instance; operation: "" for none given."""

    kind: str
    key: str
    operation: str
    values: dict[str, str]
    insert: str = ""
    anchor: str | None = None


@dataclass
class Shop:
    """The content of a datastore."""

    leaves: dict[str, str] = field(default_factory=dict)
    item: dict[str, dict[str, str]] = field(default_factory=dict)
    tag: dict[str, dict[str, str]] = field(default_factory=dict)
    queue: dict[str, dict[str, str]] = field(default_factory=dict)
    shelf: dict[str, dict[str, str]] = field(default_factory=dict)

    def shown(self) -> Any:
        """As two contents are compared: the order counts in lists that the user orders."""
        return self.leaves, self.item, set(self.tag), list(self.queue), list(self.shelf.items())

    def valid(self) -> bool:
        return all(
            "kind" in one and int(one.get("price", 0)) <= 1000 and one.get("twin", name) in self.item
            for name, one in self.item.items()
        )

    def apply(self, change: Change) -> None:
        """Raises Refused."""
        held = self.leaves if change.kind == "leaf" else getattr(self, change.kind)
        there = change.key in held
        if change.operation in ("delete", "remove"):
            if not there and change.operation == "delete":
                raise Refused("data-missing")
            held.pop(change.key, None)
            return
        if change.operation == "create" and there:
            raise Refused("data-exists")
        if change.kind == "leaf":
            for other in ("cash",) if change.key in CARD else CARD if change.key == "cash" else ():
                held.pop(other, None)
            held[change.key] = change.values[""]
            return
        if change.insert in ("before", "after") and change.anchor not in held:
            raise Refused("bad-attribute")
        held[change.key] = ({} if change.operation == "replace" else held.get(change.key, {})) | change.values
        if change.insert:
            self._move(held, change)

    def _move(self, held: dict[str, dict[str, str]], change: Change) -> None:
        order = list(held)
        if change.anchor != change.key or change.insert in ("first", "last"):
            order.remove(change.key)
            ends = {"first": 0, "last": len(order)}
            at = ends[change.insert] if change.insert in ends else order.index(change.anchor)
            order.insert(at + (change.insert == "after"), change.key)
        entries = dict(held)
        held.clear()
        held.update((key, entries[key]) for key in order)


def xml(change: Change) -> str:
    name = change.key if change.kind == "leaf" else change.kind
    attributes = f' nc:operation="{change.operation}"' if change.operation else ""
    if change.insert:
        attributes += f' yang:insert="{change.insert}"'
    gone = change.operation in ("delete", "remove")
    inner = "".join(f"<{leaf}>{value}</{leaf}>" for leaf, value in change.values.items() if leaf and not gone)
    match change.kind:
        case "leaf":
            inner = "" if gone else escape(change.values[""])
        case "item":
            inner = f"<name>{change.key}</name>{inner}"
        case "shelf":
            inner = f"<row>1</row><column>{change.key}</column>{inner}"
            if change.anchor is not None:
                attributes += f""" yang:key="[ex:row='1'][ex:column='{change.anchor}']\""""
        case _:
            inner = change.key
            if change.anchor is not None:
                attributes += f' yang:value="{change.anchor}"'
    return f"<{name}{attributes}>{inner}</{name}>"


def read(reply: str) -> Shop:
    """What <get-config> shows."""
    shop = Shop()
    root = etree.fromstring(f'<r xmlns="{SHOP}">{reply}</r>')
    for node in root.iterfind(f".//{{{SHOP}}}shop/*"):
        name = etree.QName(node).localname
        inner = {etree.QName(child).localname: child.text or "" for child in node}
        match name:
            case "item":
                shop.item[inner.pop("name")] = inner
            case "shelf":
                del inner["row"]
                shop.shelf[inner.pop("column")] = inner
            case "tag" | "queue":
                getattr(shop, name)[node.text or ""] = {}
            case _:
                shop.leaves[name] = node.text or ""
    return shop


NAMES = st.sampled_from("abcd")
KEYS = st.sampled_from(["a", "b", "c", "d", ""])
OPERATIONS = st.sampled_from(["", "merge", "replace", "create", "delete", "remove"])
LEAVES = st.one_of(
    st.tuples(st.just("title"), st.sampled_from(["x", "é & <y>"])),
    st.tuples(st.just("size"), st.sampled_from(["10", "11"])),
    st.tuples(st.just("cash"), st.just("")),
    st.tuples(st.just("issuer"), st.sampled_from(["v", "m"])),
    st.tuples(st.just("limit"), st.sampled_from(["0", "7"])),
)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["small", "large"]),
        "price": st.sampled_from(["1", "1000", "1001"]),
        "twin": NAMES,
    },
)
SHELVES = st.fixed_dictionaries({}, optional={"label": NAMES})


@st.composite
def changes(draw: st.DrawFn) -> Change:
    operation = draw(OPERATIONS)
    kind = draw(st.sampled_from(["leaf", "item", "item", "tag", "queue", "shelf"]))
    if kind == "leaf":
        name, value = draw(LEAVES)
        return Change(kind, name, operation, {"": value})
    key = draw(KEYS)
    values = (
        draw(ITEMS) if kind == "item" else {"label": draw(NAMES)} if kind == "shelf" and draw(st.booleans()) else {}
    )
    insert, anchor = "", None
    if kind in ORDERED and operation not in ("delete", "remove"):
        insert = draw(st.sampled_from(["", "first", "last", "before", "after"]))
        anchor = draw(KEYS) if insert in ("before", "after") else None
    return Change(kind, key, operation, values, insert, anchor)


EDITS = st.lists(changes(), min_size=1, max_size=3, unique_by=lambda one: "leaf" if one.kind == "leaf" else one[:2])
CONTENT = EDITS.filter(lambda edit: all(one.operation not in ("delete", "remove") and not one.insert for one in edit))


class Sessions(RuleBasedStateMachine):
    """The server, and what it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.context = serving(Path(self.directory.name))
        self.server = self.runner.run(self.context.__aenter__())
        self.clients = [self.runner.run(self.arrival()) for _ in range(2)]
        self.running = Shop()
        self.candidate: Shop | None = None
        self.locks: dict[str, int] = {}
        self.pending: tuple[int, Shop] | None = None

    async def arrival(self) -> Client:
        return await Client(self.server).connected()

    def teardown(self) -> None:
        self.runner.run(self.context.__aexit__(None, None, None))
        self.runner.close()
        self.directory.cleanup()

    # --- the model ---------------------------------------------------------------------------------------------

    @property
    def edited(self) -> Shop:
        return self.candidate or self.running

    def require(self, store: str, who: int) -> None:
        if self.locks.get(store, who) != who:
            raise Refused("in-use")

    def do(self, who: int, operation: str) -> str:
        return self.runner.run(self.clients[who].rpc(operation))

    def expect(self, who: int, operation: str, model: Iterator[None]) -> None:
        """The server does it or refuses it as the model does, which raises Refused before it changes anything."""
        wanted = None
        try:
            next(model, None)
        except Refused as refused:
            wanted = str(refused)
        reply = self.do(who, operation)
        if wanted is None:
            assert reply == OK, operation
        else:
            assert tags(reply), operation
            assert wanted in ("", tags(reply)[0]), (operation, reply)

    # --- what sessions do --------------------------------------------------------------------------------------

    @rule(
        who=WHO,
        edit=EDITS,
        default=st.sampled_from(["", "", "merge", "replace"]),
        test=st.sampled_from(["", "", "set", "test-then-set", "test-only"]),
    )
    def edit_config(self, who: int, edit: list[Change], default: str, test: str) -> None:
        def model() -> Iterator[None]:
            self.require("candidate", who)
            result = Shop() if default == "replace" else deepcopy(self.edited)
            for change in edit:
                result.apply(change)
            if test.startswith("test") and not result.valid():
                raise Refused("")
            if test != "test-only" and (self.candidate or result.shown() != self.running.shown()):
                self.candidate = result
            yield

        options = f"<default-operation>{default}</default-operation>" if default else ""
        options += f"<test-option>{test}</test-option>" if test else ""
        config = f"<config><shop {DECLARED}>{''.join(map(xml, edit))}</shop></config>"
        operation = f"<edit-config><target><candidate/></target>{options}{config}</edit-config>"
        self.expect(who, operation, model())

    @rule(who=WHO, content=CONTENT)
    def copy_config(self, who: int, content: list[Change]) -> None:
        def model() -> Iterator[None]:
            self.require("candidate", who)
            self.candidate = Shop()
            for change in content:
                self.candidate.apply(change._replace(operation=""))
            yield

        inner = "".join(xml(change._replace(operation="")) for change in content)
        source = f"<source><config><shop {DECLARED}>{inner}</shop></config></source>"
        self.expect(who, f"<copy-config><target><candidate/></target>{source}</copy-config>", model())

    @rule(who=WHO, copied=st.booleans())
    def discard(self, who: int, copied: bool) -> None:
        def model() -> Iterator[None]:
            self.require("candidate", who)
            self.candidate = None
            yield

        copy = "<copy-config><target><candidate/></target><source><running/></source></copy-config>"
        self.expect(who, copy if copied else "<discard-changes/>", model())

    @rule(who=WHO)
    def validate(self, who: int) -> None:
        def model() -> Iterator[None]:
            if not self.edited.valid():
                raise Refused("")
            yield

        self.expect(who, "<validate><source><candidate/></source></validate>", model())

    @rule(who=WHO, confirmed=st.booleans())
    def commit(self, who: int, confirmed: bool) -> None:
        def model() -> Iterator[None]:
            self.require("candidate", who)
            self.require("running", who)
            if self.pending and self.pending[0] != who:
                raise Refused("in-use")
            if not self.edited.valid():
                raise Refused("")
            base = self.pending[1] if self.pending else self.running
            self.running, self.candidate = self.edited, None
            self.pending = (who, base) if confirmed else None
            yield

        self.expect(who, "<commit><confirmed/></commit>" if confirmed else "<commit/>", model())

    @rule(who=WHO)
    def cancel_commit(self, who: int) -> None:
        def model() -> Iterator[None]:
            self.require("running", who)
            if not self.pending or self.pending[0] != who:
                raise Refused("")
            self.running, self.pending = self.pending[1], None
            yield

        self.expect(who, "<cancel-commit/>", model())

    @rule(who=WHO, store=STORES)
    def lock(self, who: int, store: str) -> None:
        operation = f"<lock><target><{store}/></target></lock>"
        if store == "candidate" and not self.locks and self.candidate and self.same():
            # Whether an edit that came to nothing counts is up to the server.
            if self.do(who, operation) == OK:
                self.locks[store] = who
            return

        def model() -> Iterator[None]:
            if store in self.locks or (store == "candidate" and self.candidate):
                raise Refused("lock-denied")
            if store == "running" and self.pending and self.pending[0] != who:
                raise Refused("lock-denied")
            self.locks[store] = who
            yield

        self.expect(who, operation, model())

    def same(self) -> bool:
        return self.edited.shown() == self.running.shown()

    @rule(who=WHO, store=STORES)
    def unlock(self, who: int, store: str) -> None:
        def model() -> Iterator[None]:
            if self.locks.get(store) != who:
                raise Refused("")
            del self.locks[store]
            if store == "candidate":
                self.candidate = None
            yield

        self.expect(who, f"<unlock><target><{store}/></target></unlock>", model())

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        """A session closes, and another takes its place."""
        assert self.do(who, "<close-session/>") == OK
        self.runner.run(self.clients[who].closed())
        if self.locks.get("candidate") == who:
            self.candidate = None
        self.locks = {store: holder for store, holder in self.locks.items() if holder != who}
        if self.pending and self.pending[0] == who:
            self.running, self.pending = self.pending[1], None
        self.clients[who] = self.runner.run(self.arrival())

    # --- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def the_server_holds_what_the_model_holds(self) -> None:
        for who, store, wanted in ((0, "running", self.running), (1, "candidate", self.edited)):
            shown = read(self.do(who, f"<get-config><source><{store}/></source></get-config>"))
            assert shown.shown() == wanted.shown(), store


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=2000 if LONG else 25,
    stateful_step_count=60 if LONG else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
