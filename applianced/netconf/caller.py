"""Who asks for an operation, and what an operation is, as shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from applianced.netconf.xmltext import Element
from applianced.northbound.recording import Author


class Caller(Protocol):
    """The session that asks.

    What `author.user` may do is `Configuration.access.of(author.user)`, a northbound.access.UserAccess, to be asked
    anew for each operation. Whether the operation may be called is settled before it is carried out; an operation that
    shows data reads it by `Configuration.contents.reading(store, access)`, or calls `access.prune` on a tree of its
    own; one that changes data hands `access` to the method of Configuration that does it.
    """

    number: int
    author: Author

    def close_after_reply(self) -> None: ...

    @property
    def subscribed(self) -> bool:
        """Whether it has a subscription (RFC 5277)."""
        ...

    def subscribe(self, telling: Coroutine[Any, Any, None]) -> None:
        """Tell it of events once the reply has left; `telling` is cancelled when the session ends."""
        ...

    async def notify(self, message: bytes) -> None:
        """Send one <notification>; returns when more may be sent, or the session has ended."""
        ...


Body = bytes | tuple[bytes, ...]
"""The inner XML of an <rpc-reply>; that of a long one in parts, since copying it keeps everybody waiting."""

Operation = Callable[[Caller, Element], Awaitable[Body]]
"""Parameters in, the inner XML of the <rpc-reply> out. Raises RpcError, ApplianceError."""

Offered = Mapping[str, Operation]
"""Local name in the NETCONF namespace -> operation."""
