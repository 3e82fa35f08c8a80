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
    """One control session from the plan's client, logged in. Octets go out exactly as `send` cuts them.

    namespace: where the client runs.
    """

    def __init__(self, topology: Topology, server: FtpServer, plan: Plan, namespace: str = "") -> None:
        self.namespace = namespace or topology.client
        self.server, self.plan = server, plan
        self.control = connect_in(self.namespace, plan.server, server.port, source=plan.client)
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
        listener = listen_in(self.namespace, self.plan.client)
        return listener, announcement(self.plan.client, listener.getsockname()[1])

    def passive(self) -> tuple[str, int]:
        """Ask the server to listen, by PASV or EPSV; the endpoint that it announces to us."""
        if self.plan.version == 6:
            return self.plan.server, announced_port(self.command("EPSV", 229))
        reply = self.command("PASV", 227)
        numbers = reply.partition("(")[2].partition(")")[0].split(",")
        return ".".join(numbers[:4]), announced_port(reply)

    def connect(self, address: str, port: int, timeout_s: float = 60) -> socket.socket:
        """A data connection. Raises OSError."""
        return connect_in(self.namespace, address, port, source=self.plan.client, timeout_s=timeout_s)

    def receive(self, listener: socket.socket) -> bytes:
        """Accept the one data connection and read it to its end."""
        with listener:
            data, _ = listener.accept()
        return read_all(data)

    def close(self) -> None:
        self._replies.close()
        self.control.close()


def announcement(address: str, port: int) -> bytes:
    """PORT or, for an IPv6 address, EPRT, with its line end."""
    if ":" in address:
        return f"EPRT |2|{address}|{port}|\r\n".encode()
    return f"PORT {address.replace('.', ',')},{port >> 8},{port & 255}\r\n".encode()


def announced_port(line: str) -> int:
    """The port of a PORT, EPRT, 227 or 229 line."""
    if "|" in line:
        return int(line.split("|")[3])
    high, low = re.findall(r"\d+", line)[-2:]
    return int(high) << 8 | int(low)


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the peer's end."""
    connection.settimeout(60)
    with connection:
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@contextmanager
def ftp_session(topology: Topology, server: FtpServer, plan: Plan, namespace: str = "") -> Iterator[FtpSession]:
    """A session that is closed at the end, whatever happened."""
    session = FtpSession(topology, server, plan, namespace)
    try:
        yield session
    finally:
        session.close()
