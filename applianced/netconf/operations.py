"""Which operation an <rpc> asks for, and those about sessions and locks (RFC 6241 7.5, 7.6, 7.8, 7.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lxml import etree

from applianced.access.changes import AccessDeniedError
from applianced.datastore import native, rpc
from applianced.datastore.edit import NETCONF_NS
from applianced.errors import ConfigError
from applianced.netconf.caller import Body, Caller, Offered
from applianced.netconf.changing import Changing
from applianced.netconf.comparing import Comparing
from applianced.netconf.history import Act, History
from applianced.netconf.lockbreaking import LockBreaking
from applianced.netconf.messages import OK, RpcError, bad
from applianced.netconf.monitoring import Monitoring, Server
from applianced.netconf.nmda import DatastoreOperations
from applianced.netconf.notifications.streams import Streams
from applianced.netconf.notifications.subscribing import Subscribing
from applianced.netconf.parameters import Parameters
from applianced.netconf.partial_lock import PartialLocking
from applianced.netconf.private import PrivateCandidates
from applianced.netconf.reading import Reading
from applianced.netconf.shown import SHOWN
from applianced.netconf.support import SupportBundles
from applianced.netconf.urls.contents import UrlContents
from applianced.netconf.xmltext import Element
from applianced.northbound.access import FaultsError
from applianced.northbound.configuration import Configuration
from applianced.northbound.conflicts import ConflictError
from applianced.northbound.faults import said
from applianced.northbound.state import NetconfCounters, StateProvider
from applianced.northbound.transaction import CommitError


class Sessions(Server, Protocol):
    """All sessions, to be shown and killed."""

    def kill(self, number: int, by: int = 0) -> bool:
        """End a session; False when there is none of this number. by: the session that asks for it."""
        ...

    async def room_for_reply(self) -> None:
        """Return when there is room for another reply that may be long."""
        ...


class Operations:
    """Every operation, for every session."""

    def __init__(
        self,
        configuration: Configuration,
        state: StateProvider,
        sessions: Sessions,
        counters: NetconfCounters,
        streams: Streams,
        urls: UrlContents,
    ) -> None:
        self._configuration = configuration
        self._state = state
        self._sessions = sessions
        monitoring = Monitoring(configuration, sessions)
        reading = Reading(configuration, state, counters, monitoring, streams, sessions.room_for_reply)
        self._acts: Mapping[str, Act] = {
            **History(configuration).offered,
            **LockBreaking(configuration, sessions).offered,
            **SupportBundles(configuration, reading, state).offered,
        }
        self._defined: Offered = {
            **monitoring.offered,
            **DatastoreOperations(configuration, reading, urls).offered,
            **PrivateCandidates(configuration).offered,
            **Comparing(configuration, reading).offered,
            **Subscribing(configuration.models, streams).offered,
            **PartialLocking(configuration, reading).offered,
        }
        self.content_id = reading.content_id
        self._operations: Offered = {
            **reading.offered,
            **Changing(configuration, reading, urls).offered,
            "lock": self._lock,
            "unlock": self._unlock,
            "close-session": self._close_session,
            "kill-session": self._kill_session,
        }

    async def perform(self, caller: Caller, operation: Element) -> Body:
        """Carry out one operation; the inner XML of its <rpc-reply>. Raises RpcError, ApplianceError."""
        try:
            return await self._perform(caller, operation)
        except (ConfigError, CommitError) as error:
            access = self._configuration.access.of(caller.author.user)
            if access.unrestricted:
                raise
            # What is in conflict is shown with all below it.
            raise FaultsError(access.told(said(error), below=isinstance(error, ConflictError))) from error

    async def _perform(self, caller: Caller, operation: Element) -> Body:
        name = etree.QName(operation)
        if name.namespace == NETCONF_NS:
            perform = self._operations.get(name.localname)
            if perform:
                self._require_call(caller, "ietf-netconf", name.localname)
                return await perform(caller, operation)
        elif defined := rpc.defined(self._configuration.models, operation):
            self._require_call(caller, *defined.split(":"))
            ours = self._defined.get(defined)
            return await (ours(caller, operation) if ours else self._act(caller, defined, operation))
        modules = self._configuration.models.modules.values()
        homes = [module.namespace for module in modules if native.has_rpc(module.pointer, name.localname)]
        remedy = " or ".join(f'give it the namespace "{home}"' for home in homes if home != name.namespace)
        message = f'there is no operation <{name.localname}> in namespace "{name.namespace or ""}"'
        raise RpcError("operation-not-supported", f"{message}: {remedy or 'see the capabilities'}")

    def _require_call(self, caller: Caller, module: str, name: str) -> None:
        """Raises RpcError "access-denied" (RFC 8341 3.4.4)."""
        try:
            shows = SHOWN.get(f"{module}:{name}", "")
            self._configuration.access.of(caller.author.user).require_call(module, name, shows)
        except AccessDeniedError as error:
            raise RpcError(error.tag, error.message) from None

    async def _lock(self, caller: Caller, operation: Element) -> bytes:
        await self._configuration.locking.lock(caller.number, Parameters(operation, "target").datastore("target"))
        return OK

    async def _unlock(self, caller: Caller, operation: Element) -> bytes:
        await self._configuration.locking.unlock(caller.number, Parameters(operation, "target").datastore("target"))
        return OK

    async def _close_session(self, caller: Caller, operation: Element) -> bytes:
        Parameters(operation)
        await self._configuration.session_ended(caller.number)
        caller.close_after_reply()
        return OK

    async def _kill_session(self, caller: Caller, operation: Element) -> bytes:
        text = Parameters(operation, "session-id").text("session-id")
        number = int(text) if len(text) < 11 and text.isascii() and text.isdigit() else 0
        if number == caller.number:
            message = "a session cannot kill itself: use <close-session>"
        elif number and self._sessions.kill(number, by=caller.number):
            await self._configuration.session_ended(number)
            return OK
        else:
            message = (
                f'there is no session "{text[:40]}": it may have ended; '
                "error-info of lock-denied names a lock's holder"
            )
        raise RpcError("invalid-value", message, info=bad("element", "session-id"))

    # --- operations of our own modules -------------------------------------------------------------------------

    async def _act(self, caller: Caller, name: str, operation: Element) -> bytes:
        models = self._configuration.models
        arguments = rpc.arguments(models, name, operation)
        act = self._acts.get(name)
        result = await act(caller, arguments) if act else await self._state.act(name, arguments)
        # No output at all is answered so, too (RFC 7950 7.14.4).
        return rpc.output(models, name, result) or OK
