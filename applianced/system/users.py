"""Who may log in: the users of the running configuration (`system login`), never the host's accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from applianced.config import logins
from applianced.config.schema import User
from applianced.system import passwords

_HASHING_MAX = 2
"""Hashes computed at once: a flood of wrong passwords must leave a core to the others."""


class Users:
    """Looks at the configuration at each login, so that a commit counts from the next one on."""

    def __init__(self, configured: Callable[[], Mapping[str, User]]) -> None:
        self._configured = configured
        self._hashing = asyncio.Semaphore(_HASHING_MAX)

    def anybody(self) -> bool:
        """At least one super-user has a password, or a key that the server can use."""
        return any(logins.can_mend(user) for user in self._configured().values())

    def keys(self, name: str) -> tuple[str, ...]:
        """Public keys (OpenSSH lines) of a user; () for one that does not exist."""
        user = self._configured().get(name)
        return user.keys if user else ()

    async def password_matches(self, name: str, password: str) -> bool:
        """Takes as long for a user that does not exist."""
        user = self._configured().get(name)
        hashed = user.password if user and user.password else ""
        # Whoever gives up while he waits must not free a place that a thread still works in.
        matched = await asyncio.shield(self._matches(password, hashed or passwords.NOBODY_HASH))
        return matched and bool(hashed)

    async def _matches(self, password: str, hashed: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(passwords.matches, password, hashed)
