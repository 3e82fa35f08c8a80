"""Who holds the lock of which datastore (RFC 6241 7.5, 7.6)."""

from __future__ import annotations

import time
from enum import Enum
from typing import NamedTuple

from applianced.errors import ConfigError


class Store(Enum):
    """The datastores that exist here."""

    RUNNING = "running"
    CANDIDATE = "candidate"


class Held(NamedTuple):
    """A lock that is taken. since_s: wall clock."""

    session: int
    since_s: float


class Broken(NamedTuple):
    """A lock that was broken. discarded: whether changes in the candidate went with it."""

    held: Held
    discarded: bool


class LockError(ConfigError):
    """A lock or unlock that cannot be had: a fault of the protocol, not of the data."""


class LockDeniedError(LockError):
    """session: the holder's session-id, 0 when no session holds it (RFC 6241 appendix A).

    tag: "lock-denied" for a lock that cannot be had, "in-use" for a change that another's lock keeps out.
    """

    def __init__(self, message: str, session: int, *, tag: str = "lock-denied") -> None:
        super().__init__("", message, tag=tag)
        self.session = session


class Locks:
    """At most one session per datastore."""

    def __init__(self) -> None:
        self._holders: dict[Store, Held] = {}

    def holder(self, store: Store) -> int:
        """Session-id, 0 when unlocked."""
        held = self._holders.get(store)
        return held.session if held else 0

    def held(self, store: Store) -> Held | None:
        """Who holds it, and since when; None when unlocked."""
        return self._holders.get(store)

    def take(self, store: Store, session: int) -> None:
        """Raises LockDeniedError when anybody holds it, the asking session included."""
        holder = self.holder(store)
        if holder:
            raise LockDeniedError(_own(store) if holder == session else _held(store, holder), holder)
        self._holders[store] = Held(session, time.time())

    def release(self, store: Store, session: int) -> None:
        """Raises LockError when this session does not hold it."""
        holder = self.holder(store)
        if holder == session:
            del self._holders[store]
        elif holder:
            raise LockDeniedError(f"session {holder} holds the lock of {store.value}: only it can unlock", holder)
        else:
            message = f"{store.value} is not locked: there is nothing to unlock"
            raise LockError("", message, tag="operation-failed")

    def take_away(self, store: Store, session: int) -> Held:
        """Release a lock that another session holds, on behalf of `session`; whose it was. Raises LockError."""
        held = self._holders.get(store)
        if held is None:
            message = f"{store.value} is not locked: there is no lock to break"
        elif held.session == session:
            message = f"this session holds the lock of {store.value} itself: use <unlock>"
        else:
            return self._holders.pop(store)
        raise LockError("", message, tag="operation-failed")

    def release_all(self, session: int) -> list[Store]:
        """Release whatever a session holds; what that was."""
        held = [store for store, holder in self._holders.items() if holder.session == session]
        for store in held:
            del self._holders[store]
        return held

    def require(self, store: Store, session: int) -> None:
        """Raises LockDeniedError "in-use" when another session holds the lock."""
        holder = self.holder(store)
        if holder not in (0, session):
            raise LockDeniedError(_held(store, holder), holder, tag="in-use")


class OwnLocks:
    """Locks of private candidates (draft-ietf-netconf-privcand): each keeps out nobody, since nobody else is there."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def take(self, session: int) -> None:
        """Raises LockDeniedError when the session has it already."""
        if session in self._held:
            raise LockDeniedError(_own(Store.CANDIDATE), session)
        self._held.add(session)

    def release(self, session: int) -> None:
        """Raises LockError when the session does not have it."""
        if session not in self._held:
            message = "candidate is not locked: there is nothing to unlock"
            raise LockError("", message, tag="operation-failed")
        self._held.remove(session)

    def forget(self, session: int) -> None:
        """The session has ended."""
        self._held.discard(session)


def _own(store: Store) -> str:
    return f"this session holds the lock of {store.value} already: there is nothing to lock"


def _held(store: Store, holder: int) -> str:
    return f"session {holder} holds the lock of {store.value}: wait for it, or kill that session"
