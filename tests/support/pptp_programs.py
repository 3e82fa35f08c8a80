"""pptpd and pptp-linux in namespaces, with PPP ends in user space, and peers that say what a test has them say."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applianced.alg.pptp.messages import LENGTHS, Kind, Message
from applianced.tools.namespaces import Topology
from tests.support import pptp
from tests.support.sockets import connect_in, listen_in
from tests.support.until import until

PORT = 1723
_END = Path(__file__).with_name("ppp_end.py")
_DIALLER = Path(__file__).with_name("pptp_dialler.py")


@dataclass(frozen=True, slots=True)
class Links:
    """PPP ends that write into one directory."""

    directory: Path

    def end(self, name: str) -> Mapping[str, Any]:
        """What an end has seen; {} before it began."""
        path = self.directory / f"{name}.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def of_servers(self) -> list[Mapping[str, Any]]:
        """What the ends that pptpd started have seen."""
        return [self.end(path.stem) for path in self.directory.glob("server-*.json")]

    def answers(self, name: str) -> int:
        return int(self.end(name).get("answers", 0))

    def works(self, name: str, more: int = 5) -> None:
        """Wait for so many more answers: packets of the call go both ways."""
        before = self.answers(name)
        until(lambda: self.answers(name) >= before + more, 15, what=f"packets of {name} go both ways")


def pptpd(topology: Topology, namespace: str, address: str, links: Links) -> None:
    """Start pptpd at an address of a namespace; its PPP ends begin with each call."""
    options, file = links.directory / "options", links.directory / "pptpd.conf"
    options.write_text("")
    lines = (
        f"ppp {_END}", f"option {options}", "localip 10.99.0.1", "remoteip 10.99.0.2-99", f"listen {address}",
        f"pidfile {links.directory / 'pptpd.pid'}",
    )  # fmt: skip
    file.write_text("".join(f"{line}\n" for line in lines))
    environment = {"PPP_DIRECTORY": str(links.directory)}
    topology.popen(namespace, ["pptpd", "--fg", "--conf", str(file)], environment=environment)
    until(lambda: f":{PORT} " in topology.run(namespace, ["ss", "-Hltn"]).stdout, what="pptpd listens")


def dial(topology: Topology, namespace: str, own: str, server: str, links: Links, name: str) -> subprocess.Popen[str]:
    """Start pptp-linux from an address of a namespace; terminate it to hang up."""
    command = f'mount -t tmpfs tmpfs /run && exec python3 {_DIALLER} "$0" "$1"'
    environment = {"PPP_DIRECTORY": str(links.directory), "PPP_NAME": name}
    return topology.popen(namespace, ["sh", "-c", command, server, own], environment=environment)


def hang_up(dialled: subprocess.Popen[str]) -> None:
    dialled.send_signal(signal.SIGTERM)
    dialled.wait(10)


class Peer:
    """One end of a control connection, which a test speaks for."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._waiting = b""

    def say(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def hear(self) -> Message:
        """The next message. Raises TimeoutError, and ConnectionError at the end."""
        while len(self._waiting) < 2 or len(self._waiting) < int.from_bytes(self._waiting[:2], "big"):
            octets = self.connection.recv(4096)
            if not octets:
                raise ConnectionError("the connection has ended")
            self._waiting += octets
        length = int.from_bytes(self._waiting[:2], "big")
        message, self._waiting = self._waiting[:length], self._waiting[length:]
        kind = Kind(int.from_bytes(message[8:10], "big"))
        assert length == LENGTHS[kind]
        return Message(kind, message)

    def started(self) -> None:
        """As a client: start the connection with a real server."""
        self.say(pptp.start_request())
        assert self.hear().result == 1


@contextmanager
def client_peer(namespace: str, own: str, server: str, port: int = PORT) -> Iterator[Peer]:
    """A client. Raises OSError."""
    with connect_in(namespace, server, port, source=own, timeout_s=10) as connection:
        yield Peer(connection)


@contextmanager
def both_peers(
    client: tuple[str, str], server: tuple[str, str], *, known_as: str = "", port: int = PORT, inside: int = 0
) -> Iterator[tuple[Peer, Peer]]:
    """Client and server, each in (namespace, address), started. known_as: the server's address to the client; inside:
    its own port, where that differs."""
    with ExitStack() as stack:
        with listen_in(server[0], server[1], port=inside or port) as listener:
            listener.settimeout(10)
            made = connect_in(client[0], known_as or server[1], port, source=client[1], timeout_s=10)
            connection = stack.enter_context(made)
            # Another pair of the same server may follow.
            accepted = stack.enter_context(listener.accept()[0])
        accepted.settimeout(10)
        one, other = Peer(connection), Peer(accepted)
        one.say(pptp.start_request())
        assert other.hear().kind is Kind.START_REQUEST
        other.say(pptp.start_reply())
        assert one.hear().kind is Kind.START_REPLY
        yield one, other
