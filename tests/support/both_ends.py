"""Both ends of one control session in the hands of a test, which decides every segment and sees what arrives."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from applianced.tools.namespaces import Plan
from tests.support.sockets import connect_in, listen_in

FTP = 21


class End:
    """One end. Octets go out exactly as `send` cuts them."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = connection.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        """Write each piece by itself: a segment each, as long as the window lets them go at once."""
        for piece in pieces:
            self.connection.sendall(piece)

    def hears(self) -> bytes:
        """The next line, with its end."""
        return self._lines.readline()

    def close(self) -> None:
        self._lines.close()
        self.connection.close()


class BothEnds:
    """A client's and a server's end, greeted."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = End(client), End(server)
        self.server.send(b"220 ready\r\n")
        assert self.client.hears() == b"220 ready\r\n"

    def command(self, *pieces: bytes) -> bytes:
        """The client sends; what the server hears."""
        self.client.send(*pieces)
        return self.server.hears()

    def reply(self, *pieces: bytes) -> bytes:
        """The server sends; what the client hears."""
        self.server.send(*pieces)
        return self.client.hears()

    def close(self) -> None:
        self.client.close()
        self.server.close()


@contextmanager
def both_ends(client: tuple[str, Plan], server: tuple[str, str], port: int = FTP) -> Iterator[BothEnds]:
    """A session that is closed at the end.

    client: its namespace, and the plan whose client it is and whose server it calls. server: namespace and address
    where the call arrives.
    """
    namespace, plan = client
    with listen_in(*server, port=port) as listener:
        connection = connect_in(namespace, plan.server, port, source=plan.client)
        accepted, _ = listener.accept()
    ends = BothEnds(connection, accepted)
    try:
        yield ends
    finally:
        ends.close()
