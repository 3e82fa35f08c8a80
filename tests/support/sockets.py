"""Sockets that live in a namespace while the test stays where it is.

A socket belongs to the namespace of the thread that made it, so a thread enters the namespace, makes it, and ends.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def socket_in(
    namespace: str, family: socket.AddressFamily, kind: socket.SocketKind = socket.SOCK_STREAM, protocol: int = 0
) -> socket.socket:
    """A new socket in a namespace. Raises OSError."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            with Path("/run/netns", namespace).open("rb") as file:
                if _libc.setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {namespace}: {os.strerror(ctypes.get_errno())}")
            made.append(socket.socket(family, kind, protocol))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect_in(namespace: str, address: str, port: int, *, source: str = "", timeout_s: float = 60) -> socket.socket:
    """A TCP connection from a namespace; small writes leave at once. Raises OSError.

    source: the address that it leaves from.
    """
    connection = socket_in(namespace, family_of(address))
    connection.settimeout(timeout_s)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if source:
            connection.bind((source, 0))
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


def datagrams_in(namespace: str, address: str, *, port: int = 0, timeout_s: float = 5) -> socket.socket:
    """A UDP socket on a port (default: a free one) of an address of a namespace."""
    made = socket_in(namespace, family_of(address), socket.SOCK_DGRAM)
    made.settimeout(timeout_s)
    made.bind((address, port))
    return made


def listen_in(namespace: str, address: str, *, port: int = 0, timeout_s: float = 60) -> socket.socket:
    """A listening TCP socket on a port (default: a free one) of an address of a namespace."""
    listener = socket_in(namespace, family_of(address))
    listener.settimeout(timeout_s)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    return listener
