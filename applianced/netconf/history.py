"""The RPCs of applianced-history: rollback, and the rescue configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from applianced.netconf.caller import Caller
from applianced.northbound.configuration import Configuration
from applianced.northbound.versions import Name, Version

Act = Callable[[Caller, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Validated input in, output out, both as RFC 7951 JSON values; {} is answered as <ok/>. Raises ApplianceError."""


class History:
    """What can be done with earlier configurations."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @property
    def offered(self) -> Mapping[str, Act]:
        """By "module:rpc"."""
        return {
            "applianced-history:rollback": self._rollback,
            "applianced-history:save-rescue": self._save_rescue,
            "applianced-history:delete-rescue": self._delete_rescue,
        }

    async def _rollback(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        access = self._configuration.access.of(caller.author.user)
        await self._configuration.rollback(caller.number, version_named(arguments, Version(Name.NUMBER, "0")), access)
        return {}

    async def _save_rescue(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._configuration.rescue.save(caller.number, caller.author)
        return {}

    async def _delete_rescue(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._configuration.rescue.delete(caller.number)
        return {}


def version_named(given: Mapping[str, Any], default: Version) -> Version:
    """given: what is below `uses version` of applianced-history, as RFC 7951 JSON values."""
    for name in Name:
        if name.value in given:
            value = given[name.value]
            # A leaf of type empty is [null] (RFC 7951 6.9).
            return Version(name, "" if isinstance(value, list) else str(value))
    return default
