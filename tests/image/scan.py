"""Port scans from a namespace, as a stranger there would make them."""

from __future__ import annotations

import json
import resource
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from applianced.tools.namespaces import run
from tests.support.soak import LONG
from tests.support.sockets import family_of, socket_in

ANSWER_S = 3.0
"""In which a port that is open has answered, on an emulated machine."""
TCP_PORTS = range(1, 65536) if LONG else (*range(1, 1025), 2222, 4334, 5355, 6514, 8080, 8300, 8443, 9090)
UDP_PORTS = range(1, 65536) if LONG else (*range(1, 1025), 1812, 4500, 4789, 5060, 5353, 5355, 33434)
_Port = tuple[socket.SocketKind, int]
_AT_ONCE = 4096
_SPARE_DESCRIPTORS = 1024
"""For all else that the process has open."""
_BURST, _PAUSE_S = 100, 0.02
"""More at once than a tap's queue holds would be lost there, and pass for the machine's silence."""


class Heard(NamedTuple):
    """open: TCP ports that accept a connection. answering: UDP ports from which a datagram comes back, or word that
    nobody is there."""

    open: list[int]
    answering: list[int]


def scanned(namespace: str, address: str, tcp: Sequence[int] = TCP_PORTS, udp: Sequence[int] = UDP_PORTS) -> Heard:
    """Try the ports of an address. Most are dropped, so many are tried at once."""
    heard = Heard([], [])
    ports = [*((socket.SOCK_STREAM, port) for port in tcp), *((socket.SOCK_DGRAM, port) for port in udp)]
    for (kind, port), events in _answers(namespace, address, ports):
        if kind == socket.SOCK_DGRAM:
            heard.answering.append(port)
        elif not _failed(events):
            heard.open.append(port)
    return heard


def open_ports(namespace: str, address: str, ports: Sequence[int] = TCP_PORTS) -> list[int]:
    """Of `scanned`."""
    return scanned(namespace, address, ports, ()).open


def answering_ports(namespace: str, address: str, ports: Sequence[int] = UDP_PORTS) -> list[int]:
    """Of `scanned`."""
    return scanned(namespace, address, (), ports).answering


def _failed(events: int) -> bool:
    return bool(events & (select.POLLERR | select.POLLHUP))


def _answers(namespace: str, address: str, ports: Sequence[_Port]) -> Iterator[tuple[_Port, int]]:
    for start in range(0, len(ports), _AT_ONCE):
        with _tried(namespace, address, ports[start : start + _AT_ONCE]) as (tried, waiting):
            silent = len(tried)
            until_s = time.monotonic() + ANSWER_S
            while silent and (left := until_s - time.monotonic()) > 0:
                for descriptor, events in waiting.poll(left * 1000):
                    waiting.unregister(descriptor)
                    silent -= 1
                    yield tried[descriptor], events


def link_local(namespace: str, card: str, address: str) -> str:
    """A link-local address as it is tried from a namespace, by one of its cards."""
    (shown,) = json.loads(run(["ip", "-n", namespace, "-j", "link", "show", card]).stdout)
    return f"{address}%{shown['ifindex']}"


def _place(address: str, port: int) -> tuple[object, ...]:
    """With the number of the card: that of a pair of address and port would be 0."""
    return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]


@contextmanager
def _tried(namespace: str, address: str, ports: Sequence[_Port]) -> Iterator[tuple[dict[int, _Port], select.poll]]:
    """A socket for each port, by its descriptor, and what says which of them has heard something."""
    tried: dict[int, _Port] = {}
    sockets = []
    waiting = select.poll()
    with _descriptors(len(ports)):
        try:
            for number, (kind, port) in enumerate(ports, 1):
                made = socket_in(namespace, family_of(address), kind)
                sockets.append(made)
                made.setblocking(False)
                made.connect_ex(_place(address, port))
                if kind == socket.SOCK_DGRAM:
                    made.send(b"\0" * 48)
                tried[made.fileno()] = kind, port
                waiting.register(made, select.POLLOUT if kind == socket.SOCK_STREAM else select.POLLIN)
                if number % _BURST == 0:
                    time.sleep(_PAUSE_S)
            yield tried, waiting
        finally:
            for made in sockets:
                made.close()


@contextmanager
def _descriptors(number: int) -> Iterator[None]:
    """So many more can be open meanwhile. Raises ValueError where nobody may have that many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + _SPARE_DESCRIPTORS), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
