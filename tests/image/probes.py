"""What is sent through a machine and to it all the time, from power-on, and what comes of it.

Of two ports outside one is permitted: what arrives there shows that the probes work, and when it was let through.
"""

from __future__ import annotations

import contextlib
import errno
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from struct import pack
from types import TracebackType
from typing import NamedTuple, Self

from applianced.tools.namespaces import IPV4, PLANS, Topology, run
from tests.support.sockets import datagrams_in, family_of, socket_in

PERMITTED, DENIED = 7001, 7002
"""UDP ports outside. The configuration is to permit the first one."""
INTERVAL_S = 0.1
TCP_S = 1.0
"""After which a connection that nobody answered is tried anew."""
_ICMP_ECHO, _ICMP6_ECHO = 8, 128
_ICMP_ANSWERS = frozenset({0, 3, 11, 12})
"""Echo reply, and all that says that a datagram was looked at (RFC 792)."""
_ICMP6_ANSWERS = frozenset({1, 2, 3, 4, 129})


class Target(NamedTuple):
    """An address of the machine, as it is tried from a namespace. tcp: ports at which nothing is to answer."""

    namespace: str
    address: str
    tcp: Sequence[int]


class Arrival(NamedTuple):
    """A datagram that got through. at: by the monotonic clock."""

    at: float
    port: int
    version: int


class Probes:
    """A context manager: they are sent while it is open.

    arrivals: what came through. answers: what the machine itself said, in words. known_at: when the client first knew
    the machine's inside IPv4 address by its card, so that probes reached the machine, by the monotonic clock.
    """

    def __init__(self, topology: Topology, targets: Sequence[Target] = ()) -> None:
        self.arrivals: list[Arrival] = []
        self.answers: list[str] = []
        self.known_at: float | None = None
        self._topology = topology
        self._targets = (
            *targets,
            *(Target(topology.client, plan.lan, (22, 830)) for plan in PLANS.values()),
            *(Target(topology.server, plan.public, (22, 830)) for plan in PLANS.values()),
        )
        self._stopped = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        run(["ip", "-n", self._topology.client, "neighbour", "flush", "all"])
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(30)
        if self._failed and error is None:
            raise self._failed[0]

    def arrived(self, port: int, version: int) -> list[float]:
        """When, in order."""
        return [each.at for each in self.arrivals if (each.port, each.version) == (port, version)]

    def _run(self) -> None:
        try:
            with contextlib.ExitStack() as opened:
                self._opened = opened
                self._send_until_stopped()
        except BaseException as error:
            self._failed.append(error)

    def _send_until_stopped(self) -> None:
        through = list(self._open_way_through())
        direct = list(self._open_ways_to_the_machine())
        tries = [_Try(target.namespace, target.address, port) for target in self._targets for port in target.tcp]
        number = 0
        while not self._stopped.is_set():
            number += 1
            for sender, address in through:
                for port in (PERMITTED, DENIED):
                    _send(sender, b"%d" % number, (address, port))
            for sender, octets, place in direct:
                _send(sender, octets, place)
            self._hear(time.monotonic() + INTERVAL_S)
            self.answers += [said for each in tries if (said := each.step())]
            if self.known_at is None and self._knows():
                self.known_at = time.monotonic()
        for each in tries:
            each.close()
        self._selector.close()

    def _kept(self, made: socket.socket) -> socket.socket:
        self._opened.callback(made.close)
        made.setblocking(False)
        return made

    def _open_way_through(self) -> Iterator[tuple[socket.socket, str]]:
        for version, plan in PLANS.items():
            for port in (PERMITTED, DENIED):
                receiver = self._kept(datagrams_in(self._topology.server, plan.server, port=port))
                self._selector.register(receiver, selectors.EVENT_READ, _Receiver(port, version))
            yield self._kept(datagrams_in(self._topology.client, plan.client)), plan.server

    def _open_ways_to_the_machine(self) -> Iterator[tuple[socket.socket, bytes, tuple[str, int]]]:
        """Datagrams to a port that nobody has, and pings."""
        for number, (namespace, address, _) in enumerate(self._targets):
            family = family_of(address)
            datagrams = self._kept(socket_in(namespace, family, socket.SOCK_DGRAM))
            six = family == socket.AF_INET6
            protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
            pings = self._kept(socket_in(namespace, family, socket.SOCK_RAW, protocol))
            for each in (datagrams, pings):
                self._selector.register(each, selectors.EVENT_READ, _Listener(address, each is pings))
            yield datagrams, bytes(48), (address, 9)
            yield pings, _echo(number, six=six), (address, 0)

    def _hear(self, until_s: float) -> None:
        while (left := until_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                try:
                    octets, peer = key.fileobj.recvfrom(1 << 12)
                except OSError:
                    continue
                if isinstance(key.data, _Receiver):
                    self.arrivals.append(Arrival(time.monotonic(), *key.data))
                elif peer[0] == key.data.address and (not key.data.pings or _answers(octets, key.data.address)):
                    self.answers.append(f"{key.data.address} {'ICMP' if key.data.pings else 'UDP'} {octets[:60].hex()}")

    def _knows(self) -> bool:
        shown = run(["ip", "-n", self._topology.client, "-j", "neighbour", "show", IPV4.lan]).stdout
        return any("lladdr" in each for each in json.loads(shown or "[]"))


class _Receiver(NamedTuple):
    port: int
    version: int


class _Listener(NamedTuple):
    address: str
    pings: bool


class _Try:
    """A connection that nobody is to accept, nor refuse."""

    def __init__(self, namespace: str, address: str, port: int) -> None:
        self._place = (namespace, address, port)
        self._until_s = 0.0
        self._socket: socket.socket | None = None

    def step(self) -> str:
        """What was answered since the last time, "" when nothing was."""
        namespace, address, port = self._place
        said = ""
        if self._socket:
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error in (errno.ECONNREFUSED, errno.ECONNRESET):
                said = f"{address} refuses TCP {port}"
            elif not error and self._connected():
                said = f"{address} accepts TCP {port}"
        if said or time.monotonic() > self._until_s:
            self.close()
            self._socket = socket_in(namespace, family_of(address))
            self._socket.setblocking(False)
            self._socket.connect_ex((address, port))
            self._until_s = time.monotonic() + TCP_S
        return said

    def _connected(self) -> bool:
        assert self._socket
        try:
            self._socket.getpeername()
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._socket:
            self._socket.close()


def _send(sender: socket.socket, octets: bytes, place: tuple[str, int]) -> None:
    """Nobody may have a route to it yet."""
    with contextlib.suppress(OSError):
        sender.sendto(octets, place)


def _answers(octets: bytes, address: str) -> bool:
    """Whether an ICMP message is an answer to a probe. octets: as a raw socket gives it, IPv4 with its header."""
    if ":" in address:
        return octets[0] in _ICMP6_ANSWERS
    return octets[(octets[0] & 15) * 4] in _ICMP_ANSWERS


def _echo(number: int, *, six: bool) -> bytes:
    """A ping (RFC 792, RFC 4443 section 4.1); the kernel computes the checksum of IPv6."""
    if six:
        return pack(">BBHHH", _ICMP6_ECHO, 0, 0, number, 1)
    return pack(">BBHHH", _ICMP_ECHO, 0, 0xFFFF - ((_ICMP_ECHO << 8) + number + 1), number, 1)
