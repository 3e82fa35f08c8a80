"""<partial-lock> and <partial-unlock> (RFC 5717)."""

from __future__ import annotations

from collections.abc import Sequence

from applianced.datastore import native, rpc, xpath
from applianced.datastore.lock import Store
from applianced.datastore.native import Defaults
from applianced.datastore.tree import Tree
from applianced.datastore.xpath import Expression, ExpressionError
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.filters import Filter
from applianced.netconf.messages import OK, RpcError, bad
from applianced.netconf.parameters import Parameters
from applianced.netconf.reading import Reading
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration

NAMESPACE = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
_LOCK = "ietf-netconf-partial-lock:partial-lock"
_UNLOCK = "ietf-netconf-partial-lock:partial-unlock"
SELECTS_MAX = 64
"""Expressions of one lock."""
_PLACE = bad("element", "select")


class PartialLocking:
    """Locks of parts of running."""

    def __init__(self, configuration: Configuration, reading: Reading) -> None:
        self._reading = reading
        self._models = configuration.models
        self._partial = configuration.partial

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {_LOCK: self._lock, _UNLOCK: self._unlock}

    async def _lock(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "select", namespace=NAMESPACE, repeated=("select",))
        given.require("select")
        wanted = given.all("select")
        if len(wanted) > SELECTS_MAX:
            message = f"<partial-lock> takes {SELECTS_MAX} <select>, here are {len(wanted)}: take several locks"
            raise RpcError("too-big", message)
        expressions = [self._expression(element) for element in wanted]
        select = [expression.by_modules(self._models) for expression in expressions]
        lock = await self._partial.take(
            caller.number,
            select,
            lambda tree: _chosen(tree, expressions),
            # What one may not see one cannot lock, nor learn of (RFC 5717 2.4.1).
            lambda: self._reading.shown(caller, Store.RUNNING, Defaults.EXPLICIT, lasting=True),
        )
        try:
            return rpc.output(self._models, _LOCK, {"lock-id": lock.number, "locked-node": list(lock.nodes)})
        except BaseException:
            # The client does not learn its number: it could not release it.
            await self._partial.release(caller.number, lock.number)
            raise

    def _expression(self, element: Element) -> Expression:
        found = Filter.xpath(self._models, element.text or "", element, _PLACE).expression
        assert found is not None
        return found

    async def _unlock(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "lock-id", namespace=NAMESPACE)
        given.require("lock-id")
        await self._partial.release(caller.number, given.whole_number("lock-id", 0))
        return OK


def _chosen(tree: Tree, expressions: Sequence[Expression]) -> list[native.Node]:
    """RFC 5717 2.4.1.3: not one node is an error, an expression that selects none beside others is not."""
    try:
        found = [node for expression in expressions for node in xpath.nodes(tree, expression)]
    except ExpressionError as error:
        tag = "invalid-value" if error.tag == "bad-attribute" else error.tag
        app_tag = "not-a-node-set" if "not a node set" in error.message else ""
        info = "" if tag == "resource-denied" else _PLACE
        raise RpcError(tag, error.message, info=info, app_tag=app_tag) from None
    if not found:
        message = "no <select> selects anything in running: check the names and keys, a node has to exist to be locked"
        raise RpcError("operation-failed", message, app_tag="no-matches")
    return found
