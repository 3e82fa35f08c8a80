"""<get-data> and <edit-data> (RFC 8526)."""

from __future__ import annotations

from applianced.datastore.edit import EditOptions, ErrorOption, Operation
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults
from applianced.datastore.selective import Options, SelectiveWriter
from applianced.netconf.caller import Body, Caller, Offered
from applianced.netconf.changing import DefaultOperation
from applianced.netconf.editing import edit
from applianced.netconf.filters import Filter
from applianced.netconf.messages import RpcError, bad
from applianced.netconf.parameters import NMDA_NS, NMDA_STORES, Parameters, datastore_name, identity
from applianced.netconf.reading import Reading
from applianced.netconf.txid import WITH_IDS, Asked
from applianced.netconf.urls.contents import UrlContents
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration
from applianced.northbound.operational import ORIGIN_NS, ORIGINS, OperationalDatastore
from applianced.northbound.threads import in_thread

_ORIGIN_FILTERS = ("origin-filter", "negated-origin-filter")
_DEPTH_MAX = 65535


class DatastoreOperations:
    """Operations that name their datastore."""

    def __init__(self, configuration: Configuration, reading: Reading, urls: UrlContents) -> None:
        self._urls = urls
        self._configuration = configuration
        self._models = configuration.models
        self._reading = reading

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {"ietf-netconf-nmda:get-data": self._get_data, "ietf-netconf-nmda:edit-data": self._edit_data}

    async def _edit_data(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "datastore", "default-operation", "config", "url", *WITH_IDS, namespace=NMDA_NS)
        name = datastore_name(given.require("datastore"))
        if name != "candidate":
            message = f"{name} cannot be written: edit the candidate and commit"
            raise RpcError("invalid-value", message, info=bad("element", "datastore"))
        default = given.choice("default-operation", DefaultOperation, DefaultOperation.MERGE)
        options = EditOptions(default_operation=Operation(default.value), error_option=ErrorOption.ROLLBACK)
        return await edit(self._configuration, self._urls, caller, given, options)

    async def _get_data(self, caller: Caller, operation: Element) -> Body:
        given = Parameters(
            operation,
            *("datastore", "subtree-filter", "xpath-filter", "config-filter", *_ORIGIN_FILTERS),
            *("max-depth", "with-origin", "with-defaults"),
            namespace=NMDA_NS,
            repeated=_ORIGIN_FILTERS,
        )
        name = datastore_name(given.require("datastore"))
        wanted, options, defaults = self._filter(given), _options(given, name), given.defaults()
        asked = Asked.take(operation, given.get("subtree-filter"), given.get("xpath-filter"))
        if asked:
            if name == "operational" or not options.plain:
                raise asked.refused(f"{name} with these parameters" if name != "operational" else name)
            answer = await asked.answer(self._reading, caller, NMDA_STORES[name], wanted, defaults)
            return answer.wrapped(f'<data xmlns="{NMDA_NS}"')
        if name == "operational":
            return await self._operational(caller, wanted, options, defaults)
        store = NMDA_STORES[name]
        writer = SelectiveWriter(defaults, options, lambda _: "unknown")
        if options.plain and not wanted.expression:
            async with self._reading.roots_shown(caller, store, defaults) as (roots, writer.texts):
                selected = await self._reading.select(wanted, roots, writer, in_turn=store is not Store.RUNNING)
                return _data(selected, options)
        async with self._reading.shown(caller, store, defaults, lasting=True) as tree:
            if wanted.expression:
                return _data(await wanted.evaluate(tree, writer), options)
            roots = list(tree.roots())
            return _data(await in_thread(wanted.select, self._models, roots, writer), options)

    async def _operational(self, caller: Caller, wanted: Filter, options: Options, defaults: Defaults) -> Body:
        # All values in use are shown, also when the basic mode hides them elsewhere (RFC 8342 5.3).
        defaults = Defaults.ALL if defaults is Defaults.EXPLICIT else defaults
        with OperationalDatastore(self._models) as operational:
            await self._reading.build(caller, operational, wanted)
            writer, tree = SelectiveWriter(defaults, options, operational.origin), operational.tree
            if wanted.expression:
                return _data(await wanted.evaluate(tree, writer), options)
            return _data(await in_thread(wanted.select, self._models, list(tree.roots()), writer), options)

    def _filter(self, given: Parameters) -> Filter:
        subtree, xpath = given.get("subtree-filter"), given.get("xpath-filter")
        if subtree is not None and xpath is not None:
            message = "<subtree-filter> and <xpath-filter> exclude each other: send one of them"
            raise RpcError("bad-element", message, info=bad("element", "xpath-filter"))
        if xpath is not None:
            return Filter.xpath(self._models, xpath.text or "", xpath, bad("element", "xpath-filter"))
        return Filter() if subtree is None else Filter.subtree(subtree)


def _options(given: Parameters, datastore: str) -> Options:
    if datastore != "operational":
        if given.get("with-origin") is not None:
            message = f"{datastore} knows no origins: ask <with-origin> of operational"
            raise RpcError("invalid-value", message, info=bad("element", "with-origin"))
        for name in _ORIGIN_FILTERS:
            if given.all(name):
                message = f"{datastore} knows no origins: ask <{name}> of operational"
                raise RpcError("unknown-element", message, info=bad("element", name))
    return Options(
        config=_config(given),
        origins=_origins(given),
        max_depth=_depth(given),
        with_origin=given.get("with-origin") is not None,
    )


def _config(given: Parameters) -> bool | None:
    if given.get("config-filter") is None:
        return None
    text = given.text("config-filter")
    if text not in ("true", "false"):
        raise _invalid("config-filter", f'"{text}" is neither true nor false')
    return text == "true"


def _depth(given: Parameters) -> int:
    text = "unbounded" if given.get("max-depth") is None else given.text("max-depth")
    if text == "unbounded":
        return 0
    depth = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
    if not 0 < depth <= _DEPTH_MAX:
        raise _invalid("max-depth", f'"{text}" is no depth: use unbounded, or 1 to {_DEPTH_MAX}')
    return depth


def _origins(given: Parameters) -> frozenset[str] | None:
    chosen, negated = ([_origin(name, element) for element in given.all(name)] for name in _ORIGIN_FILTERS)
    if chosen and negated:
        message = "<origin-filter> and <negated-origin-filter> exclude each other: send one of them"
        raise RpcError("bad-element", message, info=bad("element", "negated-origin-filter"))
    named = frozenset[str]().union(*chosen, *negated)
    return (ORIGINS - named if negated else named) if chosen or negated else None


def _origin(parameter: str, element: Element) -> frozenset[str]:
    """An identity and those derived from it."""
    name = identity(element, ORIGIN_NS)
    if name == "origin":
        return ORIGINS
    if name in ORIGINS:
        return frozenset((name,))
    raise _invalid(parameter, f'"{element.text or ""}" is no origin: use one of {", ".join(sorted(ORIGINS))}')


def _invalid(name: str, message: str) -> RpcError:
    return RpcError("invalid-value", message, info=bad("element", name))


def _data(inner: bytes, options: Options) -> Body:
    declared = f' xmlns:or="{ORIGIN_NS}"' if options.with_origin else ""
    # The data are in namespaces of their own; each of their top-level elements declares it.
    return f'<data xmlns="{NMDA_NS}"{declared}>'.encode(), inner, b"</data>"
