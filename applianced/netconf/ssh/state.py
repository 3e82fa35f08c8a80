"""What the SSH server shows of itself, and the RPCs that act on it, beside those of another provider."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from applianced.errors import ConfigError
from applianced.netconf.ssh.identity import Identity
from applianced.netconf.ssh.sources import Sources, source_of
from applianced.northbound.state import StateProvider, Wanted, everything

_SSH = "applianced-system:system/services/netconf/ssh"


class SshState:
    """northbound.state.StateProvider. shown: whether the models have a place for this state."""

    def __init__(
        self,
        beside: StateProvider,
        identity: Identity,
        sources: Sources,
        renew: Callable[[Sequence[str]], Awaitable[None]],
        calls: Callable[[], Sequence[Mapping[str, Any]]],
        *,
        shown: bool,
    ) -> None:
        """renew: replaces host keys and offers the new ones from then on; raises OSError. calls: home, their state."""
        self._beside = beside
        self._identity = identity
        self._sources = sources
        self._renew = renew
        self._calls = calls
        self._shown = shown

    async def state(self, wanted: Wanted = everything) -> Mapping[str, Any]:
        beside = await self._beside.state(wanted)
        if not (self._shown and wanted(_SSH)):
            return beside
        ssh = {
            "applianced-state:host-keys": {"host-key": [key.shown() for key in self._identity.keys]},
            "applianced-state:calls-home": {"netconf-client": list(self._calls())},
            "applianced-state:lockouts": {
                "lockout": [
                    {"source": source, "seconds-left": math.ceil(left_s)}
                    for source, left_s in self._sources.locked().items()
                ]
            },
        }
        return {**beside, "applianced-system:system": {"services": {"netconf": {"ssh": ssh}}}}

    async def act(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """regenerate-ssh-host-key, clear-login-lockout, and whatever the other provider can. Raises ApplianceError."""
        match name:
            case "applianced-state:regenerate-ssh-host-key":
                await self._regenerate(str(arguments.get("algorithm", "")))
            case "applianced-state:clear-login-lockout":
                self._forgive(str(arguments.get("source", "")))
            case _:
                return await self._beside.act(name, arguments)
        return {}

    async def _regenerate(self, algorithm: str) -> None:
        offered = [key.algorithm for key in self._identity.keys]
        if algorithm and algorithm not in offered:
            path = "/applianced-state:regenerate-ssh-host-key/algorithm"
            raise ConfigError(path, f"no {algorithm} host key is on offer: add it to hostkey-algorithm-list")
        try:
            await self._renew([algorithm] if algorithm else offered)
        except OSError as error:
            raise ConfigError("", f"the host key stays as it is: {error}", tag="operation-failed") from error

    def _forgive(self, address: str) -> None:
        sources = [source_of(address.removesuffix("/64"))] if address else list(self._sources.locked())
        found = [source for source in sources if self._sources.forgive(source)]
        if address and not found:
            raise ConfigError("/applianced-state:clear-login-lockout/source", f"no login failed from {address} lately")
