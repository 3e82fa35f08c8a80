"""A receiver of syslog over TCP or TLS in a namespace, in frames of RFC 6587 3.4.1."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import BinaryIO

from applianced.tools.namespaces import run
from tests.support.sockets import listen_in


class Collector:
    """connections: so many have come. messages: what has arrived, as text."""

    def __init__(self, namespace: str, address: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.name = f"the collector at port {port}"
        self.messages: list[str] = []
        self.connections = 0
        self._tls = tls
        self._listener = listen_in(namespace, address, port=port)
        self._listener.settimeout(None)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            wrapped = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with wrapped.makefile("rb") as stream:
                while length := _length(stream):
                    self.messages.append(stream.read(length).decode(errors="replace"))

    def has(self, *parts: str) -> bool:
        """Whether a message with all of these, or with none given any, has come."""
        return any(all(part in message for part in parts) for message in self.messages)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _length(stream: BinaryIO) -> int:
    """Of the next frame; 0 at the end. Raises ValueError."""
    digits = b""
    while octet := stream.read(1).strip():
        digits += octet
    return int(digits or b"0")


class Authority:
    """Signs certificates, for the tests' own collectors. certificate: its own, in PEM."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key, path = directory / "ca.key", directory / "ca.pem"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=test"]
        run([*request, "-keyout", str(self._key), "-out", str(path)])
        self.certificate = path.read_text()

    def context(self, name: str) -> ssl.SSLContext:
        """Of a server that proves to be `name`."""
        key, request, signed = (self._directory / f"{name}.{suffix}" for suffix in ("key", "csr", "pem"))
        new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"]
        run([*new, "-keyout", str(key), "-out", str(request)])
        sign = ["openssl", "x509", "-req", "-days", "30", "-in", str(request), "-CA", str(self._directory / "ca.pem")]
        run([*sign, "-CAkey", str(self._key), "-CAcreateserial", "-out", str(signed)])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed, key)
        return context
