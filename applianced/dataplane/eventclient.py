"""The agent's events, seen from management: a connection of their own, made anew when the agent was replaced."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from applianced.dataplane.channel import FOLLOW, Decoder, Message, encode
from applianced.errors import DataplaneError

AGAIN_S = (0.05, 0.2, 1.0, 5.0)
"""Waits before the agent is asked again, while it does not answer."""
_LOG = logging.getLogger(__name__)


class EventClient:
    """Hears the agent behind a UNIX socket. What happens while there is no connection is not heard of."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def follow(self, told: Callable[[Message], None]) -> None:
        """Call `told` with each message of eventfeed, until cancelled; a message that it raises ValueError, KeyError or
        TypeError for is logged."""
        failures = 0
        while True:
            try:
                async for message in self._messages():
                    failures = 0
                    _tell(told, message)
            except (OSError, DataplaneError, ValueError) as error:
                _LOG.info("the dataplane's events are not to be had: %s", error)
            await asyncio.sleep(AGAIN_S[min(failures, len(AGAIN_S) - 1)])
            failures += 1

    async def _messages(self) -> AsyncIterator[Message]:
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        decoder = Decoder()
        try:
            writer.write(encode({"op": FOLLOW}))
            while octets := await reader.read(1 << 16):
                for message in decoder.feed(octets):
                    yield message
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _tell(told: Callable[[Message], None], message: Message) -> None:
    if "ok" in message:
        return
    try:
        told(message)
    except (ValueError, KeyError, TypeError) as error:
        _LOG.error("an event of the dataplane cannot be read: %r", error)
