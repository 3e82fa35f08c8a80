"""The RPC break-lock: a session that holds a lock for too long must not keep everybody else out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from applianced.datastore.lock import Broken, Held, LockError, Store
from applianced.netconf.caller import Caller
from applianced.netconf.history import Act
from applianced.netconf.monitoring import Server
from applianced.northbound.configuration import Configuration
from applianced.northbound.state import timestamp

_LOG = logging.getLogger(__name__)


class LockBreaking:
    """sessions: of whom one may hold a lock."""

    def __init__(self, configuration: Configuration, sessions: Server) -> None:
        self._configuration = configuration
        self._sessions = sessions

    @property
    def offered(self) -> Mapping[str, Act]:
        """By "module:rpc"."""
        return {"applianced-operations:break-lock": self._break_lock}

    async def _break_lock(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if "confirmed-commit" in arguments:
            return await self._break_confirmed(caller)
        number = arguments.get("lock-id")
        if number is None:
            return await self._break_whole(caller, Store(arguments["datastore"]))
        lock = await self._configuration.partial.take_away(caller.number, number)
        what = f"partial lock {number} ({' | '.join(lock.select)})"
        return self._broken(caller, what, Broken(Held(lock.session, lock.since_s), discarded=False))

    async def _break_whole(self, caller: Caller, store: Store) -> Mapping[str, Any]:
        partial = self._configuration.partial
        if store is Store.RUNNING and partial.held and not self._configuration.held(store):
            message = f"running is locked in parts only: give the <lock-id> of the part, {partial.listed()}"
            raise LockError("", message, tag="operation-failed")
        broken = await self._configuration.locking.break_lock(caller.number, store)
        return self._broken(caller, f"the lock of {store.value}", broken)

    async def _break_confirmed(self, caller: Caller) -> Mapping[str, Any]:
        pending = await self._configuration.break_confirmed(caller.number, caller.author)
        user = self._user(pending.session)
        _LOG.warning(
            "session %d (%s from %s) rolled back the confirmed commit of session %d (%s)",
            caller.number, caller.author.user, caller.author.source, pending.session, user or "ended",
        )  # fmt: skip
        named = {"session-id": pending.session} if pending.session else {}
        return {**named, **({"username": user} if user else {}), "discarded": False}

    def _user(self, session: int) -> str:
        """Whose session it is, "" when it has ended."""
        return next((each.author.user for each in self._sessions.sessions() if each.number == session), "")

    def _broken(self, caller: Caller, what: str, broken: Broken) -> Mapping[str, Any]:
        held = broken.held
        user = self._user(held.session)
        _LOG.warning(
            "session %d (%s from %s) broke %s that session %d (%s) held%s",
            caller.number, caller.author.user, caller.author.source, what, held.session, user or "ended",
            ": the changes in the candidate are discarded" if broken.discarded else "",
        )  # fmt: skip
        return {
            "session-id": held.session,
            **({"username": user} if user else {}),
            "locked-time": timestamp(held.since_s),
            "discarded": broken.discarded,
        }
