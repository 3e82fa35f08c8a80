"""Who asks for an operation, and what an operation is, as shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from applianced.netconf.xmltext import Element
from applianced.northbound.recording import Author


class Caller(Protocol):
    """The session that asks."""

    number: int
    author: Author

    def close_after_reply(self) -> None: ...


Operation = Callable[[Caller, Element], Awaitable[bytes]]
"""Parameters in, the inner XML of the <rpc-reply> out. Raises RpcError, ApplianceError."""

Offered = Mapping[str, Operation]
"""Local name in the NETCONF namespace -> operation."""
