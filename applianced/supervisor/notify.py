"""What systemd is told: that the service is ready, and that it still lives (sd_notify(3)).

Nothing is told, and nothing fails, where no systemd asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """The service manager that has started this process, if one has."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: NOTIFY_SOCKET says where it listens, WATCHDOG_USEC how often it wants to hear something."""
        path = environment.get("NOTIFY_SOCKET", "")
        # "@": an abstract name.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        asked = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.interval_s = int(asked) / 2e6 if mine and asked.isdecimal() else 0.0
        """Seconds between two signs of life; 0: none is wanted."""

    def tell(self, *assignments: str) -> None:
        """Send assignments such as READY=1."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto("\n".join(assignments).encode(), self._address)

    async def keep_alive(self) -> None:
        """Send signs of life for ever, or return when none is wanted.

        They come from the event loop: one that is stuck sends none, and is replaced.
        """
        while self._address and self.interval_s:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self.interval_s)
