"""A port of this host that leads to one in a namespace's network."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

from tests.support.sockets import connect_in

_CONNECTING_S = 5.0


class Relay:
    """port: of 127.0.0.1. Connections to it are those of the namespace to the target."""

    def __init__(self, namespace: str, address: str, port: int) -> None:
        self._target = (namespace, address, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(connection,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            namespace, address, port = self._target
            with connect_in(namespace, address, port, timeout_s=_CONNECTING_S) as far:
                far.settimeout(None)
                _exchange(near, far)

    def close(self) -> None:
        """Take no more connections."""
        # Closing alone does not wake who accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _exchange(near: socket.socket, far: socket.socket) -> None:
    """Until either side has nothing more to say."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(near, selectors.EVENT_READ, far)
        waiting.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in waiting.select():
                octets = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                if not octets:
                    return
                key.data.sendall(octets)
