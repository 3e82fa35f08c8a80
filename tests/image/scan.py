"""Port scans from a namespace, as a stranger there would make them."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from applianced.tools.namespaces import run
from tests.support.soak import LONG
from tests.support.sockets import family_of, socket_in

ANSWER_S = 3.0
"""In which a port that is open has answered, on an emulated machine."""
TCP_PORTS = range(1, 65536) if LONG else (*range(1, 1025), 2222, 4334, 5355, 6514, 8080, 8300, 8443, 9090)
UDP_PORTS = range(1, 65536) if LONG else (*range(1, 1025), 1812, 4500, 4789, 5060, 5353, 5355, 33434)
_AT_ONCE = 600


def open_ports(namespace: str, address: str, ports: Sequence[int] = TCP_PORTS) -> list[int]:
    """Ports that accept a TCP connection. Most are dropped, so many are tried at once."""
    return [port for port, events in _answers(namespace, address, ports, socket.SOCK_STREAM) if not _failed(events)]


def answering_ports(namespace: str, address: str, ports: Sequence[int] = UDP_PORTS) -> list[int]:
    """Ports from which a datagram comes back, or word that nobody is there."""
    return [port for port, _ in _answers(namespace, address, ports, socket.SOCK_DGRAM)]


def _failed(events: int) -> bool:
    return bool(events & (select.POLLERR | select.POLLHUP))


def _answers(namespace: str, address: str, ports: Sequence[int], kind: socket.SocketKind) -> Iterator[tuple[int, int]]:
    for start in range(0, len(ports), _AT_ONCE):
        with _tried(namespace, address, ports[start : start + _AT_ONCE], kind) as (tried, waiting):
            until_s = time.monotonic() + ANSWER_S
            while (left := until_s - time.monotonic()) > 0:
                for descriptor, events in waiting.poll(left * 1000):
                    waiting.unregister(descriptor)
                    yield tried[descriptor], events


def link_local(namespace: str, card: str, address: str) -> str:
    """A link-local address as it is tried from a namespace, by one of its cards."""
    (shown,) = json.loads(run(["ip", "-n", namespace, "-j", "link", "show", card]).stdout)
    return f"{address}%{shown['ifindex']}"


def _place(address: str, port: int) -> tuple[object, ...]:
    """With the number of the card: that of a pair of address and port would be 0."""
    return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]


@contextmanager
def _tried(
    namespace: str, address: str, ports: Sequence[int], kind: socket.SocketKind
) -> Iterator[tuple[dict[int, int], select.poll]]:
    """A socket for each port, by its descriptor, and what says which of them has heard something."""
    tried: dict[int, int] = {}
    sockets = []
    waiting = select.poll()
    try:
        for port in ports:
            made = socket_in(namespace, family_of(address), kind)
            sockets.append(made)
            made.setblocking(False)
            made.connect_ex(_place(address, port))
            if kind == socket.SOCK_DGRAM:
                made.send(b"\0" * 48)
            tried[made.fileno()] = port
            waiting.register(made, select.POLLOUT if kind == socket.SOCK_STREAM else select.POLLIN)
        yield tried, waiting
    finally:
        for made in sockets:
            made.close()
