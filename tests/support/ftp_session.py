"""A scripted FTP client whose every segment the test decides."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import Plan, Topology
from tests.support.sockets import connect_in, listen_in


class FtpSession:
    """One control session, logged in. Octets go out exactly as `send` cuts them."""

    def __init__(self, topology: Topology, server: FtpServer, plan: Plan) -> None:
        self.topology, self.server, self.plan = topology, server, plan
        self.control = connect_in(topology.client, plan.server, server.port)
        self._replies = self.control.makefile("rb")
        assert self.reply()[0] == 220
        # vsftpd's anonymous user is in without a password.
        if self.command(f"USER {server.user}", 331, 230).startswith("331"):
            self.command(f"PASS {server.password}", 230)
        self.command("TYPE I", 200)

    def send(self, *pieces: bytes) -> None:
        """Write each piece by itself: a segment each, as long as the window lets them go at once."""
        for piece in pieces:
            self.control.sendall(piece)

    def reply(self) -> tuple[int, str]:
        """The next reply, its last line (RFC 959 section 4.2)."""
        while line := self._replies.readline().decode():
            if re.match(r"\d{3} ", line):
                return int(line[:3]), line.rstrip("\r\n")
        raise ConnectionError("the server closed the control session")

    def command(self, text: str, *expected: int) -> str:
        """Send a command whole and return its reply."""
        self.send(f"{text}\r\n".encode())
        return self.expect(*expected)

    def expect(self, *expected: int) -> str:
        code, line = self.reply()
        assert code in expected, line
        return line

    def listen(self) -> tuple[socket.socket, bytes]:
        """A listener on the client and the PORT or EPRT command that announces it, with its line end."""
        listener = listen_in(self.topology.client, self.plan.client)
        port = listener.getsockname()[1]
        if self.plan.version == 6:
            return listener, f"EPRT |2|{self.plan.client}|{port}|\r\n".encode()
        numbers = [*self.plan.client.split("."), str(port >> 8), str(port & 255)]
        return listener, f"PORT {','.join(numbers)}\r\n".encode()

    def receive(self, listener: socket.socket) -> bytes:
        """Accept the one data connection and read it to its end."""
        with listener:
            data, _ = listener.accept()
        return read_all(data)

    def close(self) -> None:
        self._replies.close()
        self.control.close()


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the peer's end."""
    connection.settimeout(60)
    with connection:
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@contextmanager
def ftp_session(topology: Topology, server: FtpServer, plan: Plan) -> Iterator[FtpSession]:
    """A session that is closed at the end, whatever happened."""
    session = FtpSession(topology, server, plan)
    try:
        yield session
    finally:
        session.close()
