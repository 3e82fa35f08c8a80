"""Transaction ids in requests and replies (draft-ietf-netconf-transaction-id): the attributes etag and last-modified,
and <with-etag>, <with-last-modified>."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from applianced.datastore import ids_writer, txids
from applianced.datastore.conditions import Given, marked, take
from applianced.datastore.ids_writer import IdsWriter
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults
from applianced.datastore.tree import Tree
from applianced.datastore.txids import UNKNOWN, Mechanism, State, Table
from applianced.netconf.caller import Caller
from applianced.netconf.filters import Filter
from applianced.netconf.messages import OK, TXID_MODULE_NS, RpcError, bad
from applianced.netconf.parameters import Parameters
from applianced.netconf.xmltext import Element, escape_attribute
from applianced.northbound.configuration import Configuration
from applianced.northbound.threads import in_thread
from applianced.northbound.txids import of_candidate

_WITH = {mechanism: f"{{{TXID_MODULE_NS}}}with-{mechanism.value}" for mechanism in Mechanism}
WITH_IDS = tuple(_WITH.values())
"""Parameters that ask for ids in the reply to a change."""
_DECLARED = f' xmlns:txid="{txids.NAMESPACE}"'


# --- changes ----------------------------------------------------------------------------------------------------


def wanted_ids(given: Parameters) -> tuple[Mechanism, ...]:
    """Which ids the reply is to carry. Raises RpcError."""
    wanted = []
    for mechanism, name in _WITH.items():
        element = given.get(name)
        if element is None:
            continue
        text, local = (element.text or "").strip(), f"with-{mechanism.value}"
        holds_elements = next(iter(element), None) is not None
        if text not in ("true", "false") or holds_elements:
            fault = (
                f"<{local}> holds a value and no elements" if holds_elements else f'"{text}" is no value of <{local}>'
            )
            message = f"{fault}: send <{local}>true</{local}> for the id, or leave it out"
            raise RpcError("invalid-value", message, info=bad("element", local))
        if text == "true":
            wanted.append(mechanism)
    return tuple(wanted)


def ok(state: State | None, wanted: tuple[Mechanism, ...]) -> bytes:
    """<ok/> with ids, if there are any to tell."""
    if state is None:
        return OK
    said = "".join(f' txid:{mechanism.value}="{escape_attribute(state.text(mechanism))}"' for mechanism in wanted)
    return f"<ok{_DECLARED}{said}/>".encode()


async def edited(configuration: Configuration, caller: Caller, wanted: tuple[Mechanism, ...]) -> bytes:
    """The reply to an edit of the candidate: the root's id is not known as long as it differs from running."""
    if not wanted:
        return OK
    if configuration.candidate_of(caller.number).modified:
        return ok(State(UNKNOWN, UNKNOWN), wanted)
    return ok(await configuration.txids.newest(), wanted)


# --- reads ------------------------------------------------------------------------------------------------------


class Reader(Protocol):
    """Who shows datastores."""

    configuration: Configuration

    def shown(
        self, caller: Caller, store: Store, defaults: Defaults, *, lasting: bool
    ) -> AbstractAsyncContextManager[Tree]: ...


class Answer(NamedTuple):
    """attribute: of <data>, with the space before it."""

    attribute: str
    inner: bytes

    def wrapped(self, start: str) -> bytes:
        """start: of the tag, as "<data"."""
        return f"{start}{_DECLARED}{self.attribute}>".encode() + self.inner + b"</data>"


@dataclass(frozen=True, slots=True)
class Asked:
    """The ids that a read carries. everywhere: on the operation, or on a filter as a whole; parts: on elements of a
    subtree filter, of which they have been taken off."""

    everywhere: Given | None
    parts: Mapping[Element, Given]

    @classmethod
    def take(cls, operation: Element, *filters: Element | None) -> Asked | None:
        """None when a read carries none. Raises NamedFaultError."""
        everywhere, parts = take(operation), {}
        for element in filters:
            for node in marked(element) if element is not None else []:
                if given := take(node):
                    parts[node] = given
            if element is not None:
                everywhere = parts.pop(element, everywhere)
        if not (everywhere or parts):
            return None
        if len({given.mechanism for given in (everywhere, *parts.values()) if given}) > 1:
            message = "the request has etag and last-modified attributes: send one of the two kinds"
            raise RpcError("bad-attribute", message, info=bad("attribute", "last-modified") + _element(operation))
        return cls(everywhere, parts)

    def refused(self, what: str) -> RpcError:
        message = f"{what} has no transaction ids: leave the attributes of {txids.NAMESPACE} out"
        return RpcError("operation-not-supported", message, type="application")

    async def answer(self, reader: Reader, caller: Caller, store: Store, wanted: Filter, defaults: Defaults) -> Answer:
        """What a read of a datastore answers. Raises RpcError, ApplianceError."""
        # The table first: a commit between makes nodes newer than their ids, never ids newer than their nodes.
        table = await reader.configuration.txids.table()
        if store is Store.RUNNING:
            writer = IdsWriter(defaults, table, self.everywhere)
            if writer.knows_all():
                return Answer(writer.root(), b"")
        async with self._opened(reader, caller, store, table, defaults) as (tree, shown):
            writer = IdsWriter(defaults, shown, self.everywhere)
            if writer.knows_all():
                return Answer(writer.root(), b"")
            if wanted.expression:
                return Answer(writer.root(), await wanted.evaluate(tree, writer))
            return Answer(writer.root(), await in_thread(self._selected, tree, wanted, writer))

    def _selected(self, tree: Tree, wanted: Filter, writer: IdsWriter) -> bytes:
        if wanted.elements is None:
            return writer.all_of(tree.roots())
        return ids_writer.select(tree.models, list(tree.roots()), wanted.elements, writer, self.parts)

    @asynccontextmanager
    async def _opened(
        self, reader: Reader, caller: Caller, store: Store, table: Table, defaults: Defaults
    ) -> AsyncIterator[tuple[Tree, Table]]:
        async with reader.shown(caller, store, defaults, lasting=True) as tree:
            if store is Store.RUNNING:
                yield tree, table
                return
            async with reader.shown(caller, Store.RUNNING, defaults, lasting=True) as running:
                yield tree, await in_thread(of_candidate, table, running, tree)


def _element(operation: Element) -> str:
    return bad("element", str(operation.tag).rpartition("}")[2])
