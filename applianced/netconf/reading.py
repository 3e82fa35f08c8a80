"""<get> and <get-config> (RFC 6241 7.1 and 7.7)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from applianced.datastore import native
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults, Form
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.errors import ApplianceError, ConfigError
from applianced.netconf import monitoring
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.filters import Filter
from applianced.netconf.monitoring import Monitoring
from applianced.netconf.parameters import Parameters
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration
from applianced.northbound.library import yang_library
from applianced.northbound.state import NetconfCounters, Operational, StateProvider, management_state

_LOG = logging.getLogger(__name__)


class Reading:
    """Operations that change nothing."""

    def __init__(
        self, configuration: Configuration, state: StateProvider, counters: NetconfCounters, monitoring: Monitoring
    ) -> None:
        self._monitoring = monitoring
        self._counters = counters
        self._configuration = configuration
        self._models = configuration.models
        self._state = state
        self.library, self.content_id = yang_library(configuration.models)

    @property
    def offered(self) -> Offered:
        return {"get": self._get, "get-config": self._get_config}

    async def _get_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "source", "filter", "with-defaults")
        store = given.datastore("source")
        wanted, writer = Filter.read(self._models, given.get("filter")), Writer(given.defaults())
        async with self.shown(store, writer.defaults, lasting=wanted.expression is not None) as tree:
            if wanted.expression:
                return _data(await wanted.evaluate(tree, writer))
            writer.texts = tree.texts
            return _data(await self._select(wanted, list(tree.roots()), writer))

    async def _get(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "filter", "with-defaults")
        wanted, writer = Filter.read(self._models, given.get("filter")), Writer(given.defaults())
        state = await self.state_tree(wanted)
        async with self._configuration.reading(Store.RUNNING) as tree:
            operational = Operational(tree, state)
            try:
                if writer.defaults in (Defaults.ALL, Defaults.TAGGED):
                    operational.complete()
                if not wanted.expression:
                    return _data(await self._select(wanted, [*operational.roots, *self.library.roots()], writer))
                with await asyncio.to_thread(operational.one_tree, self.library) as whole:
                    return _data(await wanted.evaluate(whole, writer))
            finally:
                operational.close()

    async def _select(self, wanted: Filter, roots: Sequence[native.Node], writer: Writer) -> bytes:
        """What a filter that is no XPath selects, off the event loop where it may be much."""
        if self._configuration.large and wanted.broad:
            return await asyncio.to_thread(wanted.select, self._models, roots, writer)
        return wanted.select(self._models, roots, writer)

    @asynccontextmanager
    async def shown(self, store: Store, defaults: Defaults, *, lasting: bool) -> AsyncIterator[Tree]:
        """A configuration datastore, with all the defaults in use when they are to be shown.

        lasting: it may be read for long; nobody's edit waits for that.
        """
        lacking = defaults in (Defaults.ALL, Defaults.TAGGED)
        if store is Store.RUNNING or not (lasting or lacking):
            async with self._configuration.reading(store) as tree:
                yield tree
            return
        # What was edited since its validation lacks defaults, and is read in turns with edits and commits.
        async with self._configuration.reading(store) as tree:
            copy = tree.duplicate()
        with copy:
            if lacking:
                await asyncio.to_thread(copy.complete)
            yield copy

    async def state_tree(self, wanted: Filter) -> Tree:
        """What the state provider and management itself know. A part that does not fit the model is left out."""
        models = self._configuration.models
        tree = Tree(models)
        for part in await self._state_parts(wanted):
            try:
                tree.merge(Tree.parse(models, json.dumps(part).encode(), Form.JSON, state=True))
            except ConfigError as error:
                _LOG.error("state left out, it does not fit the model: %s", error)
        return tree

    async def _state_parts(self, wanted: Filter) -> Iterable[Mapping[str, Any]]:
        parts = []
        try:
            parts.append(await self._state.state())
        except ApplianceError as error:
            _LOG.error("state of the dataplane is not to be had: %s", error)
        if "applianced-state" in self._configuration.models.names:
            configuration = self._configuration
            commits, pending, rescue = configuration.history(), configuration.pending, configuration.rescue
            standing = configuration.alarms.standing()
            parts.append(management_state(commits, pending, rescue, standing, self._counters))
        if "ietf-netconf-monitoring" in self._models.names and wanted.may_select(monitoring.NAMESPACE):
            parts.append(self._monitoring.state())
        return parts


def _data(inner: bytes) -> bytes:
    return b"<data>" + inner + b"</data>" if inner else b"<data/>"
