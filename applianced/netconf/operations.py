"""What each <rpc> does (RFC 6241 section 7 and 8.3 to 8.6): parameters in, the reply's body out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from lxml import etree

from applianced.datastore import native, rpc, subtree
from applianced.datastore.edit import NETCONF_NS, EditOptions, ErrorOption, Operation, ResultTest
from applianced.datastore.lock import Store
from applianced.datastore.native import Form
from applianced.datastore.tree import Tree
from applianced.errors import ApplianceError, ConfigError
from applianced.netconf.messages import OK, RpcError, bad
from applianced.netconf.parameters import Parameters
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration
from applianced.northbound.recording import Author
from applianced.northbound.state import NetconfCounters, Operational, StateProvider, management_state

_LOG = logging.getLogger(__name__)


class Caller(Protocol):
    """The session that asks."""

    number: int
    author: Author

    def close_after_reply(self) -> None: ...


class Sessions(Protocol):
    """All sessions, to be killed."""

    def kill(self, number: int) -> bool:
        """End a session; False when there is none of this number."""
        ...


class _DefaultOperation(Enum):
    MERGE = "merge"
    REPLACE = "replace"
    NONE = "none"


class Operations:
    """Every operation, for every session."""

    def __init__(
        self, configuration: Configuration, state: StateProvider, sessions: Sessions, counters: NetconfCounters
    ) -> None:
        self._counters = counters
        self._configuration = configuration
        self._state = state
        self._sessions = sessions
        self._library, self.content_id = _yang_library(configuration)
        self._operations: Mapping[str, Callable[[Caller, Element], Awaitable[bytes]]] = {
            "get": self._get,
            "get-config": self._get_config,
            "edit-config": self._edit_config,
            "copy-config": self._copy_config,
            "delete-config": self._delete_config,
            "lock": self._lock,
            "unlock": self._unlock,
            "validate": self._validate,
            "commit": self._commit,
            "discard-changes": self._discard_changes,
            "close-session": self._close_session,
            "kill-session": self._kill_session,
        }

    async def perform(self, caller: Caller, operation: Element) -> bytes:
        """Carry out one operation; the inner XML of its <rpc-reply>. Raises RpcError, ApplianceError."""
        name = etree.QName(operation)
        if name.namespace == NETCONF_NS:
            perform = self._operations.get(name.localname)
            if perform:
                return await perform(caller, operation)
        elif defined := rpc.defined(self._configuration.models, operation):
            return await self._act(defined, operation)
        message = (
            f'there is no operation <{name.localname}> in namespace "{name.namespace or ""}": see the capabilities'
        )
        raise RpcError("operation-not-supported", message)

    # --- reading -----------------------------------------------------------------------------------------------

    async def _get_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "source", "filter")
        store = given.datastore("source")
        filters = _filters(given.get("filter"))
        async with self._configuration.reading(store) as tree:
            return _data(self._select(list(tree.roots()), filters))

    async def _get(self, caller: Caller, operation: Element) -> bytes:
        filters = _filters(Parameters(operation, "filter").get("filter"))
        state = await self._state_tree()
        async with self._configuration.reading(Store.RUNNING) as tree:
            operational = Operational(tree, state)
            try:
                return _data(self._select([*operational.roots, *self._library.roots()], filters))
            finally:
                operational.close()

    def _select(self, roots: Sequence[native.Node], filters: Sequence[Element] | None) -> bytes:
        if filters is None:
            return subtree.whole(roots)
        return subtree.select(self._configuration.models, roots, filters)

    async def _state_tree(self) -> Tree:
        """What the state provider and management itself know. A part that does not fit the model is left out."""
        models = self._configuration.models
        tree = Tree(models)
        for part in await self._state_parts():
            try:
                tree.merge(Tree.parse(models, json.dumps(part).encode(), Form.JSON, state=True))
            except ConfigError as error:
                _LOG.error("state left out, it does not fit the model: %s", error)
        return tree

    async def _state_parts(self) -> Iterable[Mapping[str, Any]]:
        parts = []
        try:
            parts.append(await self._state.state())
        except ApplianceError as error:
            _LOG.error("state of the dataplane is not to be had: %s", error)
        if "applianced-state" in self._configuration.models.names:
            standing = self._configuration.alarms.standing()
            parts.append(management_state(self._configuration.history(), standing, self._counters))
        return parts

    # --- changing ----------------------------------------------------------------------------------------------

    async def _edit_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "target", "default-operation", "test-option", "error-option", "config", "url")
        self._only_candidate(given)
        default = given.choice("default-operation", _DefaultOperation, _DefaultOperation.MERGE)
        options = EditOptions(
            default_operation=Operation(default.value),
            test_option=given.choice("test-option", ResultTest, ResultTest.SYNTAX),
            error_option=given.choice("error-option", ErrorOption, ErrorOption.STOP),
        )
        await self._configuration.edit(caller.number, list(given.require("config")), options)
        return OK

    async def _copy_config(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "target", "source")
        self._only_candidate(given)
        source = given.datastore_or_config("source")
        if source is Store.CANDIDATE:
            message = "source and target are the same datastore: name another source"
            raise RpcError("invalid-value", message, info=bad("element", "source"))
        await self._configuration.replace_candidate(
            caller.number, source if isinstance(source, Store) else await self._inline(source)
        )
        return OK

    async def _delete_config(self, caller: Caller, operation: Element) -> bytes:
        store = Parameters(operation, "target").datastore("target")
        instead = "edit the candidate and commit" if store is Store.RUNNING else "use <discard-changes>"
        message = f"{store.value} cannot be deleted: {instead}"
        raise RpcError("operation-not-supported", message)

    async def _inline(self, config: Element) -> Tree:
        text = b"".join(etree.tostring(child, with_tail=False) for child in config)
        return await asyncio.to_thread(Tree.parse, self._configuration.models, text, Form.XML)

    def _only_candidate(self, given: Parameters) -> None:
        if given.datastore("target") is not Store.CANDIDATE:
            message = "running cannot be written directly: edit the candidate and commit"
            raise RpcError("operation-not-supported", message)

    async def _validate(self, caller: Caller, operation: Element) -> bytes:
        source = Parameters(operation, "source").datastore_or_config("source")
        await self._configuration.validate(source if isinstance(source, Store) else await self._inline(source))
        return OK

    async def _commit(self, caller: Caller, operation: Element) -> bytes:
        if len(operation):
            name = etree.QName(operation[0]).localname
            message = f"<{name}> is not offered (no confirmed-commit capability): send <commit/> alone"
            raise RpcError("operation-not-supported", message)
        await self._configuration.commit(caller.number, caller.author)
        return OK

    async def _discard_changes(self, caller: Caller, operation: Element) -> bytes:
        Parameters(operation)
        await self._configuration.discard(caller.number)
        return OK

    # --- locks and sessions ------------------------------------------------------------------------------------

    async def _lock(self, caller: Caller, operation: Element) -> bytes:
        await self._configuration.lock(caller.number, Parameters(operation, "target").datastore("target"))
        return OK

    async def _unlock(self, caller: Caller, operation: Element) -> bytes:
        await self._configuration.unlock(caller.number, Parameters(operation, "target").datastore("target"))
        return OK

    async def _close_session(self, caller: Caller, operation: Element) -> bytes:
        Parameters(operation)
        await self._configuration.session_ended(caller.number)
        caller.close_after_reply()
        return OK

    async def _kill_session(self, caller: Caller, operation: Element) -> bytes:
        text = Parameters(operation, "session-id").text("session-id")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0
        if number == caller.number:
            message = "a session cannot kill itself: use <close-session>"
        elif number and self._sessions.kill(number):
            await self._configuration.session_ended(number)
            return OK
        else:
            message = f'there is no session "{text}"'
        raise RpcError("invalid-value", message, info=bad("element", "session-id"))

    # --- operations of our own modules -------------------------------------------------------------------------

    async def _act(self, name: str, operation: Element) -> bytes:
        models = self._configuration.models
        result = await self._state.act(name, rpc.arguments(models, name, operation))
        return rpc.output(models, name, result) if result else OK


def _data(inner: bytes) -> bytes:
    return b"<data>" + inner + b"</data>" if inner else b"<data/>"


def _filters(element: Element | None) -> list[Element] | None:
    """The children of a subtree filter; None for no filter at all. Raises RpcError."""
    if element is None:
        return None
    kind = element.get("type", element.get(f"{{{NETCONF_NS}}}type", "subtree"))
    if kind != "subtree":
        message = f'filter type "{kind}" is not offered: use "subtree"'
        raise RpcError("bad-attribute", message, info=bad("attribute", "type") + bad("element", "filter"))
    return list(element)


def _yang_library(configuration: Configuration) -> tuple[Tree, str]:
    """RFC 8525 data; without the places of the files, which are nobody's business outside."""
    first, content_id = native.yang_library(configuration.models.context)
    tree = Tree(configuration.models, first)
    for xpath in ("/ietf-yang-library:yang-library//location", "/ietf-yang-library:modules-state//schema"):
        for node in tree.find_all(xpath):
            native.free_subtree(node)
    return tree, content_id
