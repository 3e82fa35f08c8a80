"""<get> and <get-config> (RFC 6241 7.1 and 7.7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from applianced.access.schema import ACM
from applianced.datastore import native
from applianced.datastore.jsontext import written
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults, Form
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.errors import ApplianceError, ConfigError
from applianced.netconf import monitoring
from applianced.netconf.caller import Body, Caller, Offered
from applianced.netconf.filters import Filter
from applianced.netconf.monitoring import Monitoring
from applianced.netconf.notifications import streams as event_streams
from applianced.netconf.notifications.streams import Streams
from applianced.netconf.parameters import Parameters
from applianced.netconf.txid import Asked
from applianced.netconf.xmltext import Element
from applianced.northbound.access import UserAccess
from applianced.northbound.bundles import BundleFolder
from applianced.northbound.configuration import Configuration
from applianced.northbound.library import yang_library
from applianced.northbound.operational import OperationalDatastore
from applianced.northbound.readers import closing_aside
from applianced.northbound.state import (
    NetconfCounters,
    Operational,
    StateProvider,
    access_state,
    bundle_state,
    management_state,
)
from applianced.northbound.threads import in_thread
from applianced.northbound.views import Shown

_LOG = logging.getLogger(__name__)
_BUNDLES = "applianced-system:system/applianced-state:support-bundles"
LONG_AT_ONCE = 2
"""Long texts that are made at once."""
_SLICE = 500
"""Entries of a list that are written in one go. Parts with longer lists are read off the event loop."""


class Reading:
    """Operations that change nothing."""

    def __init__(
        self,
        configuration: Configuration,
        state: StateProvider,
        counters: NetconfCounters,
        monitoring: Monitoring,
        streams: Streams,
        room: Callable[[], Awaitable[None]],
    ) -> None:
        """room: returns when there is room for a long reply; it is asked when the text is about to be made, and never
        in turn with edits."""
        self._room = room
        self._making = asyncio.Semaphore(LONG_AT_ONCE)
        self._monitoring = monitoring
        self.configuration = configuration
        self._streams = streams
        self._counters = counters
        self._configuration = configuration
        self._models = configuration.models
        self._state = state
        self._bundles = BundleFolder(configuration.state_dir)
        self.library, self.content_id = yang_library(configuration.models)

    @property
    def offered(self) -> Offered:
        return {"get": self._get, "get-config": self._get_config}

    async def _get_config(self, caller: Caller, operation: Element) -> Body:
        given = Parameters(operation, "source", "filter", "with-defaults")
        store, wanted = given.datastore("source"), Filter.read(self._models, given.get("filter"))
        asked, writer = Asked.take(operation, given.get("filter")), Writer(given.defaults())
        if asked:
            return (await asked.answer(self, caller, store, wanted, writer.defaults)).wrapped("<data")
        if not wanted.expression:
            async with self.roots_shown(caller, store, writer.defaults) as (roots, writer.texts):
                return _data(await self.select(wanted, roots, writer, in_turn=store is not Store.RUNNING))
        async with self.shown(caller, store, writer.defaults, lasting=True) as tree:
            return _data(await wanted.evaluate(tree, writer))

    async def _get(self, caller: Caller, operation: Element) -> Body:
        given = Parameters(operation, "filter", "with-defaults")
        wanted, writer = Filter.read(self._models, given.get("filter")), Writer(given.defaults())
        if asked := Asked.take(operation, given.get("filter")):
            raise asked.refused("<get>, which shows state as well,")
        access = self._configuration.access.of(caller.author.user)
        state, lengthy = await self._state_of(wanted, access)
        async with self._configuration.contents.showing(access) as (roots, _), self._library_for(access) as library:
            operational = Operational(self._models, roots, state)
            try:
                if writer.defaults in (Defaults.ALL, Defaults.TAGGED):
                    operational.complete()
                if not access.unrestricted:
                    await in_thread(operational.restrict, access.prune)
                if not wanted.expression:
                    shown = [*operational.roots, *library.roots()]
                    return _data(await self.select(wanted, shown, writer, lengthy=lengthy))
                with closing_aside(await in_thread(operational.one_tree, library)) as whole:
                    return _data(await wanted.evaluate(whole, writer))
            finally:
                if lengthy:
                    await in_thread(operational.close)
                else:
                    operational.close()

    async def select(
        self,
        wanted: Filter,
        roots: Sequence[native.Node],
        writer: Writer,
        *,
        lengthy: bool = False,
        in_turn: bool = False,
    ) -> bytes:
        """What a filter that is no XPath selects, off the event loop where it may be much; lengthy: it is. in_turn:
        edits wait for the end of it."""
        aside = lengthy or (self._configuration.large and wanted.broad)
        if aside and in_turn:
            return await in_thread(wanted.select, self._models, roots, writer)
        if not aside:
            if not in_turn:
                await self._room()
            return await wanted.found(self._models, roots, writer)
        # Each is sent before a further one is begun: what nobody has read yet is known then.
        async with self._making:
            await self._room()
            return await in_thread(wanted.select, self._models, roots, writer)

    @asynccontextmanager
    async def _library_for(self, access: UserAccess) -> AsyncIterator[Tree]:
        """The YANG library as a user may see it."""
        if access.sees_all(self.library):
            yield self.library
            return
        with await in_thread(access.seen, self.library) as seen:
            yield seen

    @asynccontextmanager
    async def roots_shown(self, caller: Caller, store: Store, defaults: Defaults) -> AsyncIterator[Shown]:
        """The top-level nodes of `shown`, for a short read that goes from each of them downwards."""
        if store is Store.RUNNING:
            async with self._configuration.contents.showing(self._configuration.access.of(caller.author.user)) as shown:
                yield shown
            return
        await self._room()
        async with self.shown(caller, store, defaults, lasting=False) as tree:
            yield Shown(list(tree.roots()), tree.texts)

    @asynccontextmanager
    async def shown(self, caller: Caller, store: Store, defaults: Defaults, *, lasting: bool) -> AsyncIterator[Tree]:
        """A configuration datastore as the caller may see it, with all the defaults in use when they are to be shown.

        lasting: it may be read for long; nobody's edit waits for that.
        """
        if lasting:
            await self._room()
        access = self._configuration.access.of(caller.author.user)
        lacking = defaults in (Defaults.ALL, Defaults.TAGGED)
        if store is Store.RUNNING or not (lasting or lacking):
            async with self._configuration.contents.reading(store, access, caller.number) as tree:
                yield tree
            return
        # What was edited since its validation lacks defaults, and is read in turns with edits and commits. What may not
        # be read is taken out last, or a default would stand for it again.
        async with self._configuration.contents.reading(store, None, caller.number) as tree:
            copy = await in_thread(tree.duplicate)
        with closing_aside(copy):
            if lacking:
                await in_thread(copy.complete)
            await in_thread(access.prune, copy)
            yield copy

    async def build(self, caller: Caller, operational: OperationalDatastore, wanted: Filter) -> None:
        """Fill the operational datastore as the caller may see it. wanted: state that it cannot select may be left
        out."""
        access = self._configuration.access.of(caller.author.user)
        state, _ = await self._state_of(wanted, access)
        async with self._configuration.contents.reading(Store.RUNNING, None) as running:
            await in_thread(operational.build, running, state, self.library)
        # Last of all, so that no default of something hidden is added again.
        await in_thread(access.prune, operational.tree)

    async def _state_of(self, wanted: Filter, access: UserAccess) -> tuple[Tree, bool]:
        """What the state provider and management itself know, not pruned yet, and whether there is a long list in it,
        over which nobody else should be kept waiting. A part that does not fit the model is left out."""
        tree, lengthy = Tree(self._models), False
        for part in await self.state_parts(wanted, access):
            long = _long(part)
            lengthy = lengthy or long
            try:
                tree.merge(await in_thread(self._parse, part) if long else self._parse(part))
            except ConfigError as error:
                _LOG.error("state left out, it does not fit the model: %s", error)
        return tree, lengthy

    def _parse(self, part: Mapping[str, Any]) -> Tree:
        return Tree.parse(self._models, "".join(_encoded(part)).encode(), Form.JSON, state=True)

    async def state_parts(self, wanted: Filter, access: UserAccess | None = None) -> Iterable[Mapping[str, Any]]:
        """The state as RFC 7951 JSON values, in parts that add up. access: of who will be shown it; what names a node
        that he may not read is left out already."""
        parts = []
        try:
            parts.append(await self._state.state(lambda path: wanted.reaches(self._models, path)))
        except ApplianceError as error:
            _LOG.error("state of the dataplane is not to be had: %s", error)
        if "applianced-state" in self._configuration.models.names:
            configuration = self._configuration
            commits, pending, rescue = configuration.history(), configuration.pending, configuration.rescue.saved
            standing, unchanged = configuration.alarms.standing(), configuration.unchanged
            parts.append(management_state(commits, pending, rescue, unchanged, standing, self._counters))
            if wanted.reaches(self._models, _BUNDLES):
                parts.append(bundle_state(await in_thread(self._bundles.kept)))
        if self._configuration.access.known and wanted.may_select(self._models.names[ACM]):
            parts.append(access_state(self._configuration.access.denied))
        if "ietf-netconf-monitoring" in self._models.names and wanted.may_select(monitoring.NAMESPACE):
            parts.append(self._monitoring.state(access))
        if wanted.may_select(event_streams.NAMESPACE):
            parts.append(self._streams.shown())
        return parts


def _long(value: Any) -> bool:
    """Whether there is a long list in a part of the state."""
    if isinstance(value, Mapping):
        return any(_long(each) for each in value.values())
    return isinstance(value, list) and len(value) > _SLICE


def _encoded(value: Any) -> Iterator[str]:
    """JSON in pieces: the encoder, which keeps every other thread waiting, is called for a little at a time."""
    if isinstance(value, Mapping):
        for place, (name, each) in enumerate(value.items()):
            yield ("," if place else "{") + written(name) + ":"
            yield from _encoded(each)
        yield "}" if value else "{}"
    elif isinstance(value, list) and len(value) > _SLICE:
        for start in range(0, len(value), _SLICE):
            yield ("," if start else "[") + written(value[start : start + _SLICE])[1:-1]
        yield "]"
    else:
        yield written(value)


def _data(inner: bytes) -> Body:
    return (b"<data>", inner, b"</data>") if inner else b"<data/>"
