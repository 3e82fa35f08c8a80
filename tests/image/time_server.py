"""A server of time in a namespace: SNTP (RFC 4330, section 6), by the clock of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from struct import pack

from tests.support.sockets import datagrams_in

PORT = 123
OCTETS = 48
"""Of a message without extension fields and authenticator (RFC 5905, figure 8)."""
_SINCE_1900_S = 2_208_988_800
_CLIENT, _SERVER = 3, 4
"""Modes."""
_LOOKING_S = 0.2


class TimeServer:
    """asked: so many queries were answered."""

    def __init__(self, namespace: str, address: str) -> None:
        self.asked = 0
        self._socket = datagrams_in(namespace, address, port=PORT, timeout_s=_LOOKING_S)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError):
                query, asker = self._socket.recvfrom(1 << 10)
                received = _now()
                if len(query) >= OCTETS and query[0] & 7 == _CLIENT:
                    self._socket.sendto(_reply(query, received), asker)
                    self.asked += 1

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()


def _reply(query: bytes, received: bytes) -> bytes:
    """A primary server's: stratum 1, precision 2^-20 s, neither delay nor dispersion to its reference."""
    version = query[0] & 0o70
    head = pack(">BBbbII4s", version | _SERVER, 1, query[2], -20, 0, 0, b"TEST")
    transmitted_by_client = query[40:48]
    return head + received + transmitted_by_client + received + _now()


def _now() -> bytes:
    """RFC 5905, section 6: seconds since 1900, and 2^-32 of them."""
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return pack(">II", seconds + _SINCE_1900_S & 0xFFFFFFFF, (rest << 32) // 1_000_000_000)
