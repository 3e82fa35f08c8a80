"""<compare> of NMDA datastores (RFC 9144), and that of applianced-history, which knows earlier commits as well."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from applianced.courtesy import unhurried
from applianced.datastore import patch, rpc
from applianced.datastore.compare import changes
from applianced.datastore.models import Models
from applianced.datastore.native import Defaults, Form
from applianced.datastore.selective import Options, SelectiveWriter
from applianced.datastore.tree import Tree
from applianced.datastore.writer import Writer
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.filters import Filter
from applianced.netconf.history import version_named
from applianced.netconf.messages import RpcError, bad
from applianced.netconf.parameters import NMDA_STORES, Parameters, datastore_named
from applianced.netconf.reading import Reading
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration
from applianced.northbound.operational import ORIGIN_NS, OperationalDatastore
from applianced.northbound.readers import closing_aside
from applianced.northbound.threads import in_thread
from applianced.northbound.versions import CANDIDATE, RUNNING

_NS = "urn:ietf:params:xml:ns:yang:ietf-nmda-compare"
_HISTORY_NS = "urn:applianced:yang:history"
_HISTORY = "applianced-history:compare"
_ORIGIN = re.compile(rb'(<[^<>]*) or:origin="')
"""Text has no "<", so what looks like a start tag is one."""
_OPERATIONAL = "operational"
_NO_MATCHES = f'<no-matches xmlns="{_NS}"/>'.encode()


class Comparing:
    """The operations. All they read is what <get-data> would show to the same caller."""

    def __init__(self, configuration: Configuration, reading: Reading) -> None:
        self._configuration = configuration
        self._models = configuration.models
        self._reading = reading

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {"ietf-nmda-compare:compare": self._compare, _HISTORY: self._compare_versions}

    async def _compare(self, caller: Caller, operation: Element) -> bytes:
        filters = ("subtree-filter", "xpath-filter")
        given = Parameters(operation, "source", "target", "all", "report-origin", *filters, namespace=_NS)
        names = [datastore_named(given.require(name), name) for name in ("source", "target")]
        wanted = self._filter(given)
        everything, origin = given.flag("all"), given.flag("report-origin")
        if origin and _OPERATIONAL not in names:
            message = "neither datastore knows origins: ask <report-origin> of a comparison with operational"
            raise RpcError("invalid-value", message, info=bad("element", "report-origin"))
        # What can be in one of the two alone is not compared (RFC 9144 section 4).
        only_config = not everything and _OPERATIONAL in names and names[0] != names[1]
        options = Options(config=True if only_config else None, with_origin=origin, each_origin=origin)
        async with AsyncExitStack() as stack:
            opened = [self._opened(caller, name, wanted, options) for name in names]
            source, target = [await stack.enter_async_context(each) for each in opened]
            if wanted is not None and not (source.first or target.first):
                return _NO_MATCHES
            text = await in_thread(_differences, source, target)
        return _wrapped(_NS, f"{names[0]} to {names[1]}", text)

    async def _compare_versions(self, caller: Caller, operation: Element) -> bytes:
        arguments = rpc.arguments(self._models, _HISTORY, operation)
        source = version_named(arguments.get("source", {}), RUNNING)
        target = version_named(arguments.get("target", {}), CANDIDATE)
        access = self._configuration.access.of(caller.author.user)
        compare = partial(self._configuration.contents.compare, source, target, access, caller.number)
        if arguments.get("format") == "yang-patch":
            return _wrapped(_HISTORY_NS, f"{source} to {target}", await compare(_differences))
        lines = await compare(_lines)
        return rpc.output(self._models, _HISTORY, {"changes": lines})

    def _filter(self, given: Parameters) -> Filter | None:
        """None when everything is compared. Raises RpcError."""
        subtree, xpath = given.get("subtree-filter"), given.get("xpath-filter")
        if subtree is not None and xpath is not None:
            message = "<subtree-filter> and <xpath-filter> exclude each other: send one of them"
            raise RpcError("bad-element", message, info=bad("element", "xpath-filter"))
        if xpath is not None:
            return Filter.xpath(self._models, xpath.text or "", xpath, bad("element", "xpath-filter"))
        return None if subtree is None else Filter.subtree(subtree)

    @asynccontextmanager
    async def _opened(self, caller: Caller, name: str, wanted: Filter | None, options: Options) -> AsyncIterator[Tree]:
        """A datastore, or of it what a filter selects. options: of what is shown of operational."""
        if name != _OPERATIONAL:
            async with self._reading.shown(caller, NMDA_STORES[name], Defaults.EXPLICIT, lasting=True) as tree:
                if wanted is None:
                    yield tree
                    return
                with closing_aside(await self._selected(tree, wanted, Writer())) as part:
                    yield part
            return
        with OperationalDatastore(self._models) as operational:
            await self._reading.build(caller, operational, wanted or Filter())
            writer = SelectiveWriter(Defaults.EXPLICIT, options, operational.origin)
            with closing_aside(await self._selected(operational.tree, wanted or Filter(), writer)) as part:
                yield part

    async def _selected(self, tree: Tree, wanted: Filter, writer: Writer) -> Tree:
        if wanted.expression:
            text = await wanted.evaluate(tree, writer)
        else:
            text = await in_thread(wanted.select, self._models, list(tree.roots()), writer)
        return await in_thread(_parsed, self._models, text)


def _lines(source: Tree, target: Tree) -> str:
    return "".join(f"{line}\n" for line in unhurried(changes(source, target)))


def _wrapped(namespace: str, name: str, edits: bytes) -> bytes:
    head = f'<differences xmlns="{namespace}"><yang-patch><patch-id>{name}</patch-id>'
    return head.encode() + edits + b"</yang-patch></differences>"


def _parsed(models: Models, text: bytes) -> Tree:
    # A writer leaves the declaration of the prefix to what is around its text, and here nothing is.
    text = _ORIGIN.sub(rb'\1 xmlns:or="' + ORIGIN_NS.encode() + rb'" or:origin="', text)
    return Tree.parse(models, text, Form.XML, state=True)


def _differences(source: Tree, target: Tree) -> bytes:
    return patch.render(unhurried(patch.edits(source, target)), Writer(), Writer())
