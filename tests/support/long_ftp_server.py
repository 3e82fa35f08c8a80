"""A server in small that knows LPRT and LPSV (RFC 1639), which no packaged one does. Arguments: its address.

One session at a time; every file is CONTENT.
"""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address

CONTENT = b"octets of a long announcement\n" * 40


def long_form(address: str, port: int) -> str:
    """An address and a port as LPRT and 228 carry them (RFC 1639 section 2)."""
    host = ip_address(address)
    numbers = [host.version, len(host.packed), *host.packed, 2, port >> 8, port & 255]
    return ",".join(map(str, numbers))


def endpoint(text: str) -> tuple[str, int]:
    """What `long_form` made."""
    numbers = [int(word) for word in text.split(",")]
    length = numbers[1]
    host = ip_address(bytes(numbers[2 : 2 + length]))
    return str(host), numbers[-2] << 8 | numbers[-1]


def serve(control: socket.socket, address: str) -> None:
    """One control session."""
    family = control.family
    listener: socket.socket | None = None
    peer: tuple[str, int] | None = None
    control.sendall(b"220 ready\r\n")
    for line in control.makefile("rb"):
        verb, _, argument = line.decode().strip().partition(" ")
        if verb == "LPSV":
            listener = socket.create_server((address, 0), family=family)
            shown = long_form(address, listener.getsockname()[1])
            control.sendall(f"228 Entering Long Passive Mode ({shown})\r\n".encode())
        elif verb == "LPRT":
            peer = endpoint(argument)
            control.sendall(b"200 noted\r\n")
        elif verb == "RETR":
            control.sendall(b"150 coming\r\n")
            if listener is not None:
                with listener:
                    data, _ = listener.accept()
                listener = None
            else:
                assert peer is not None
                data = socket.create_connection(peer, source_address=(address, 0))
            with data:
                data.sendall(CONTENT)
            control.sendall(b"226 done\r\n")
        else:
            control.sendall({"USER": b"331 and\r\n", "PASS": b"230 in\r\n"}.get(verb, b"200 done\r\n"))


if __name__ == "__main__":
    own = sys.argv[1]
    kind = socket.AF_INET6 if ":" in own else socket.AF_INET
    with socket.create_server((own, 21), family=kind) as server:
        while True:
            accepted, _ = server.accept()
            with accepted:
                serve(accepted, own)
