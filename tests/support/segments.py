"""What leaves a namespace, packet by packet: payloads of TCP segments and of IP fragments."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from applianced.tools.namespaces import HOST_INTERFACE
from tests.support.sockets import socket_in

_EVERYTHING = 3
"""ETH_P_ALL: a socket for one protocol sees nothing that leaves."""
_OUTGOING = 4
_ROOM = 1 << 22


class Sniffer:
    """The IPv4 packets that leave an interface, since it was made."""

    def __init__(self, namespace: str) -> None:
        self._socket = socket_in(namespace, socket.AF_PACKET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self._socket.bind((HOST_INTERFACE, _EVERYTHING))
        self._socket.setblocking(False)
        self._packets: list[bytes] = []

    def packets(self) -> list[bytes]:
        """All of them so far."""
        while True:
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return self._packets
            if kind == _OUTGOING and packet[0] >> 4 == 4:
                self._packets.append(packet)

    def payloads(self) -> list[bytes]:
        """What follows the TCP header of each segment, and the IP header of each later fragment."""
        found = []
        for packet in self.packets():
            behind = packet[(packet[0] & 15) * 4 : int.from_bytes(packet[2:4])]
            if int.from_bytes(packet[6:8]) & 0x1FFF:
                found.append(behind)
            elif packet[9] == socket.IPPROTO_TCP:
                found.append(behind[(behind[12] >> 4) * 4 :])
        return found

    def close(self) -> None:
        self._socket.close()


@contextmanager
def leaving(namespace: str) -> Iterator[Sniffer]:
    """The packets that leave a namespace meanwhile."""
    sniffer = Sniffer(namespace)
    try:
        yield sniffer
    finally:
        sniffer.close()
