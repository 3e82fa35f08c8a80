#!/usr/bin/env python3
"""A PPP end in user space, in pppd's place: HDLC frames (RFC 1662) on a terminal, for pptp and pptpd.

It agrees on LCP and IPCP (RFC 1661, 1332), then sends ICMP echo requests that carry its name, and answers those of the
other end. What it sees goes into a file of its own in PPP_DIRECTORY, as JSON, whenever it changes. PPP_NAME: its name,
by default "server" and its process number. It runs until its terminal closes.

Standard library alone: pptpd starts it as a program.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
import termios
import time
import tty
from pathlib import Path

LCP, IPCP, IPV4 = 0xC021, 0x8021, 0x0021
CONFIGURE_REQUEST, CONFIGURE_ACK, TERMINATE_REQUEST, TERMINATE_ACK = 1, 2, 5, 6
PERIOD_S = 0.05
FLAG, ESCAPE = 0x7E, 0x7D


def frame_check(octets: bytes) -> int:
    """FCS-16 (RFC 1662 C.2)."""
    value = 0xFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value ^ 0xFFFF


def checksum(octets: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def framed(protocol: int, information: bytes) -> bytes:
    """A frame as it is written, escapes and all."""
    content = b"\xff\x03" + struct.pack("!H", protocol) + information
    content += struct.pack("<H", frame_check(content))
    escaped = bytearray((FLAG,))
    for octet in content:
        escaped += bytes((ESCAPE, octet ^ 0x20)) if octet < 0x20 or octet in (FLAG, ESCAPE) else bytes((octet,))
    return bytes(escaped) + bytes((FLAG,))


def unframed(octets: bytes) -> tuple[int, bytes] | None:
    """Protocol and information of what stood between two flags; None for noise."""
    parts = octets.split(bytes((ESCAPE,)))
    content = parts[0] + b"".join(bytes((part[0] ^ 0x20,)) + part[1:] for part in parts[1:] if part)
    if len(content) < 6 or frame_check(content[:-2]) != struct.unpack("<H", content[-2:])[0]:
        return None
    content = content[2:-2] if content[:2] == b"\xff\x03" else content[:-2]
    return struct.unpack("!H", content[:2])[0], content[2:]


def echo(kind: int, data: bytes) -> bytes:
    """An IPv4 packet with an ICMP echo request (8) or reply (0); the addresses do not matter."""
    data += b"\0" * (len(data) % 2)
    icmp = struct.pack("!BBHHH", kind, 0, 0, 1, 1) + data
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    header = struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, bytes((10, 99, 0, 1, 10, 99, 0, 2)))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + icmp


class End:
    """One end of the link. opened: of LCP and IPCP, whether the other end has agreed."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.file = directory / f"{name}.json"
        self.opened = {LCP: False, IPCP: False}
        self.own = 0
        self.strange = 0
        self.peers: set[str] = set()
        self.waiting = b""
        self.tell()

    def tell(self) -> None:
        """Write down what was seen."""
        seen = {
            "up": self.opened[IPCP],
            "answers": self.own,
            "strange-answers": self.strange,
            "peers": sorted(self.peers),
        }
        beside = self.file.with_suffix(".new")
        beside.write_text(json.dumps(seen))
        beside.rename(self.file)

    def send(self, protocol: int, information: bytes) -> None:
        os.write(1, framed(protocol, information))

    def control(self, protocol: int, code: int, identifier: int, data: bytes = b"") -> None:
        self.send(protocol, struct.pack("!BBH", code, identifier, len(data) + 4) + data)

    def period(self) -> None:
        """Ask for what is not there yet."""
        if not self.opened[LCP]:
            self.control(LCP, CONFIGURE_REQUEST, 1, b"\5\6" + os.urandom(4))
        elif not self.opened[IPCP]:
            self.control(IPCP, CONFIGURE_REQUEST, 1, b"\3\6" + bytes((10, 99, 0, 1)))
        else:
            self.send(IPV4, echo(8, self.name.encode()))

    def take(self, octets: bytes) -> None:
        """What the terminal gives."""
        *frames, self.waiting = (self.waiting + octets).split(bytes((FLAG,)))
        for each in frames:
            found = unframed(each)
            if found is not None:
                self.frame(*found)

    def frame(self, protocol: int, information: bytes) -> None:
        if protocol in self.opened:
            code, identifier, length = struct.unpack("!BBH", information[:4])
            if code == CONFIGURE_REQUEST:
                self.control(protocol, CONFIGURE_ACK, identifier, information[4:length])
            elif code == CONFIGURE_ACK and not self.opened[protocol]:
                self.opened[protocol] = True
                self.tell()
            elif code == TERMINATE_REQUEST:
                self.control(protocol, TERMINATE_ACK, identifier)
        elif protocol == IPV4:
            self.echoed(information[20], information[28:].rstrip(b"\0").decode())

    def echoed(self, kind: int, name: str) -> None:
        if kind == 8:
            self.peers.add(name)
            self.send(IPV4, echo(0, name.encode()))
        elif name == self.name:
            self.own += 1
        else:
            self.strange += 1
        self.tell()


def main() -> None:
    for descriptor in (0, 1):
        try:
            tty.setraw(descriptor)
        except termios.error:
            sys.exit("standard input and output must be a terminal")
    name = os.environ.get("PPP_NAME", f"server-{os.getpid()}")
    end = End(name, Path(os.environ["PPP_DIRECTORY"]))
    following = 0.0
    while True:
        if time.monotonic() >= following:
            following = time.monotonic() + PERIOD_S
            end.period()
        if select.select([0], [], [], PERIOD_S / 2)[0]:
            try:
                octets = os.read(0, 4096)
            except OSError:
                return
            if not octets:
                return
            end.take(octets)


if __name__ == "__main__":
    main()
