"""A syslog receiver in a namespace, and how its structured messages are read."""

from __future__ import annotations

import re
import socket

from tests.support.sockets import family_of, socket_in
from tests.support.until import until

LINE = re.compile(
    r"<(?P<priority>\d+)>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<host>\S+) (?P<app>\S+) - (?P<name>\S+) "
    r'\[(?P<id>[^ \]]+)(?P<data>(?: [^= \]"]+="(?:[^"\\\]]|\\["\\\]])*")*)\]'
)
PARAMETER = re.compile(r' ([^= \]"]+)="((?:[^"\\\]]|\\["\\\]])*)"')


class Receiver:
    """A syslog receiver. lines: what has arrived, as text."""

    def __init__(self, namespace: str, address: str) -> None:
        self._socket = socket_in(namespace, family_of(address), socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._socket.setblocking(False)
        self.address = address
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        self.senders: set[str] = set()

    def stream(self, name: str, **leaves: str) -> str:
        """A stream to this receiver, as configuration."""
        host = f"<host><ipaddr>{self.address}</ipaddr><port>{self.port}</port></host>"
        rest = "".join(f"<{leaf}>{value}</{leaf}>" for leaf, value in leaves.items())
        return f"<stream><name>{name}</name>{host}{rest}</stream>"

    def read(self) -> list[str]:
        while True:
            try:
                octets, sender = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return self.lines
            assert len(octets) <= 2048
            self.senders.add(sender[0])
            self.lines.append(octets.decode())

    def find(self, name: str, **wanted: object) -> dict[str, str]:
        """The first structured message of this name with these fields (`_` for `-`), {} when none came yet."""
        for line in self.read():
            match = LINE.fullmatch(line)
            assert match, line
            fields = dict(PARAMETER.findall(match["data"]))
            expected = {key.rstrip("_").replace("_", "-"): str(value) for key, value in wanted.items()}
            if match["name"] == name and expected.items() <= fields.items():
                return {"HOST": match["host"], "PRIORITY": match["priority"], "TIME": match["time"], **fields}
        return {}

    def wait(self, name: str, **wanted: object) -> dict[str, str]:
        try:
            return until(lambda: self.find(name, **wanted), 10, what=f"{name} {wanted}")
        finally:
            print(*self.lines, sep="\n")

    def close(self) -> None:
        self._socket.close()
