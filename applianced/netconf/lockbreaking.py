"""The RPC break-lock: a session that holds a lock for too long must not keep everybody else out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from applianced.datastore.lock import Store
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
        store = Store(arguments["datastore"])
        broken = await self._configuration.break_lock(caller.number, store)
        held = broken.held
        user = next((each.author.user for each in self._sessions.sessions() if each.number == held.session), "")
        _LOG.warning(
            "session %d (%s from %s) broke the lock of %s that session %d (%s) held%s",
            caller.number, caller.author.user, caller.author.source, store.value, held.session, user or "ended",
            ": the changes in the candidate are discarded" if broken.discarded else "",
        )  # fmt: skip
        return {
            "session-id": held.session,
            **({"username": user} if user else {}),
            "locked-time": timestamp(held.since_s),
            "discarded": broken.discarded,
        }
