"""What becomes of conntrack's events and of logged packets, from the kernel's octets to the message that leaves."""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applianced.dataplane import sessionlog
from applianced.dataplane.conntrack import Conntrack
from applianced.dataplane.eventlog import EventLog
from applianced.dataplane.listener import ULOG
from applianced.dataplane.naming import Naming
from applianced.dataplane.netlink import CONNTRACK, attribute, message, nested, number
from applianced.dataplane.sessionlog import SessionLog
from tests.support.soak import rounds

CREATED, UPDATED, DESTROYED = (0, 0x600), (0, 0), (2, 0)
ESTABLISHED, TIME_WAIT, CLOSE = 3, 7, 8
PLAN: dict[str, Any] = {
    "policies": [
        {"number": 5, "name": "web", "from_zone": "trust", "to_zone": "untrust", "log_init": True, "log_close": True},
        {"number": 6, "name": "ends", "from_zone": "trust", "to_zone": "untrust", "log_init": False, "log_close": True},
        {"number": 7, "name": "all", "from_zone": "", "to_zone": "", "log_init": True, "log_close": False},
    ],
    "applications": [[6, 80, 80, "junos-http"], [6, 21, 21, "junos-ftp"], [17, 1, 65535, "every-udp"]],
    "zones": {"lo": "loop"},
}
PARAMETER = re.compile(r'([a-z0-9-]+)="([^"]*)"')


class Books(Conntrack):
    """A conntrack that holds what the test says, without a kernel."""

    def __init__(self) -> None:
        self.found: dict[int, bytes] | None = None
        self.all: list[dict[int, bytes]] = []

    def raw(self, original: object) -> dict[int, bytes] | None:
        return self.found

    def every(self) -> Iterator[dict[int, bytes]]:
        return iter(self.all)


class Bench:
    """A session log whose messages arrive in `receiver`."""

    def __init__(self, directory: Path) -> None:
        self.receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.receiver.bind(("127.0.0.1", 0))
        self.receiver.setblocking(False)
        self.events = EventLog(directory)
        host, port = self.receiver.getsockname()
        stream = {"host": host, "port": port, "severity": "", "categories": [], "format": "sd-syslog"}
        self.events.configure({"streams": [stream]}, {})
        self.books = Books()
        self.log = SessionLog(self.events, self.books, selectors.DefaultSelector())
        self.log.name(Naming(PLAN))

    def said(self) -> list[tuple[str, dict[str, str]]]:
        """(message, its fields) of everything since the last call."""
        found: list[tuple[str, dict[str, str]]] = []
        while True:
            try:
                line = self.receiver.recv(4096).decode()
            except BlockingIOError:
                return found
            found.append((line.split()[5], dict(PARAMETER.findall(line))))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.events.close()
    made.receiver.close()


def tuple_of(kind: int, source: str, destination: str, protocol: int, ports: tuple[int, int]) -> bytes:
    first, second = ip_address(source).packed, ip_address(destination).packed
    ip = nested(1, attribute(1, first), attribute(2, second))
    numbers = [attribute(2 + at, number(port, 2)) for at, port in enumerate(ports)]
    return nested(kind, ip, nested(2, attribute(1, bytes((protocol,))), *numbers))


def body(*more: bytes, protocol: int = 6, port: int = 80, identity: int = 99) -> bytes:
    """A session of 10.0.0.1 behind 203.0.113.1 to 198.51.100.2."""
    return b"".join(
        (
            tuple_of(1, "10.0.0.1", "198.51.100.2", protocol, (1025, port)),
            tuple_of(2, "198.51.100.2", "203.0.113.1", protocol, (port, 4000)),
            attribute(12, number(identity)),
            *more,
        )
    )


def event(kind: tuple[int, int], octets: bytes) -> bytes:
    return message(CONNTRACK, kind[0], kind[1], 2, octets)


def label(number_: int) -> bytes:
    return attribute(22, number_.to_bytes(16, "little"))


def state(value: int) -> bytes:
    return nested(4, nested(1, attribute(1, bytes((value,)))))


COUNTERS = (
    nested(9, attribute(1, number(7, 8)), attribute(2, number(700, 8)))
    + nested(10, attribute(1, number(5, 8)), attribute(2, number(500, 8)))
    + nested(20, attribute(1, number(10**18, 8)), attribute(2, number(10**18 + 42 * 10**9, 8)))
)


def test_a_session_from_beginning_to_end(bench: Bench) -> None:
    bench.log.take_events(event(CREATED, body(label(5), attribute(8, number(0x202)))))
    bench.log.take_events(event(UPDATED, body(state(ESTABLISHED))))
    bench.books.found = {12: number(99), 1: b"", 2: b""}
    bench.log.take_events(event(DESTROYED, body(COUNTERS)))
    (created, first), (closed, last) = bench.said()
    assert (created, closed) == ("RT_FLOW_SESSION_CREATE", "RT_FLOW_SESSION_CLOSE")
    assert first == {
        "source-address": "10.0.0.1", "source-port": "1025", "destination-address": "198.51.100.2",
        "destination-port": "80", "service-name": "junos-http", "nat-source-address": "203.0.113.1",
        "nat-source-port": "4000", "nat-destination-address": "198.51.100.2", "nat-destination-port": "80",
        "protocol-id": "6", "policy-name": "web", "source-zone-name": "trust", "destination-zone-name": "untrust",
        "session-id-32": "99", "application": "FTP",
    }  # fmt: skip
    counted = {
        "reason": "idle Timeout", "packets-from-client": "7", "bytes-from-client": "700", "packets-from-server": "5",
        "bytes-from-server": "500", "elapsed-time": "42",
    }  # fmt: skip
    assert last == {**first, **counted}


@pytest.mark.parametrize(("tcp", "reason"), [(TIME_WAIT, "TCP FIN"), (CLOSE, "TCP RST")])
def test_a_session_is_over_when_tcp_says_so_and_only_once(bench: Bench, tcp: int, reason: str) -> None:
    bench.log.take_events(event(CREATED, body(label(6))))
    bench.log.take_events(event(UPDATED, body(state(tcp))))
    bench.log.take_events(event(UPDATED, body(state(tcp))))
    bench.log.take_events(event(DESTROYED, body(COUNTERS)))
    ((name, fields),) = bench.said()
    assert (name, fields["reason"], fields["policy-name"]) == ("RT_FLOW_SESSION_CLOSE", reason, "ends")


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (state(ESTABLISHED) + attribute(7, number(300)), "session cleared"),
        (state(ESTABLISHED), "idle Timeout"),
        (attribute(3, number(1 << 14)), "session cleared"),
        (state(5), "TCP FIN"),
        (state(CLOSE) + attribute(7, number(120)), "TCP RST"),
        (b"", "idle Timeout"),
    ],
)
def test_why_a_session_is_gone(bench: Bench, more: bytes, reason: str) -> None:
    bench.log.take_events(event(CREATED, body(label(6))))
    bench.log.take_events(event(DESTROYED, body(more)))
    assert [fields["reason"] for _, fields in bench.said()] == [reason]


def test_sessions_of_other_policies_are_not_logged(bench: Bench) -> None:
    for number_ in (0, 4, 6):
        bench.log.take_events(event(CREATED, body(label(number_), identity=number_)))
    bench.log.take_events(event(DESTROYED, body(identity=4)))
    assert bench.said() == []


def logged(prefix: str, protocol: int = 6, transport: bytes = pack("!HH", 1025, 80)) -> bytes:
    addresses = ip_address("10.0.0.1").packed + ip_address("198.51.100.2").packed
    packet = pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, protocol, 0) + addresses + transport
    interface = number(socket.if_nametoindex("lo"))
    parts = (attribute(10, prefix.encode() + b"\0"), attribute(4, interface), attribute(9, packet))
    return message(ULOG, 0, 0, 2, b"".join(parts))


def test_denied_and_rejected(bench: Bench) -> None:
    bench.log.take_logged(logged("policy 5 deny "))
    bench.log.take_logged(logged("policy 7 reject ", 1, b"\x08\0\0\0"))
    (first_name, first), (second_name, second) = bench.said()
    assert first_name == second_name == "RT_FLOW_SESSION_DENY"
    assert (first["reason"], first["service-name"], first["source-zone-name"]) == (
        "Denied by policy", "junos-http", "trust",
    )  # fmt: skip
    assert (second["reason"], second["service-name"]) == ("Rejected by policy", "icmp")
    assert (second["source-zone-name"], second["destination-zone-name"]) == ("loop", "N/A")


def test_the_first_packet_tells_the_zones_of_a_global_policy(bench: Bench) -> None:
    bench.log.take_logged(logged("policy 7 permit "))
    bench.log.take_events(event(CREATED, body(label(7))))
    bench.log.take_events(event(CREATED, body(label(7), identity=100)))
    zones = [(fields["policy-name"], fields["source-zone-name"]) for _, fields in bench.said()]
    assert zones == [("all", "loop"), ("all", "N/A")]


def test_a_flood_is_bounded_and_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessionlog, "LINES_PER_S", 10)
    clock = [1000.0]
    monkeypatch.setattr("applianced.dataplane.sessionlog.time.time", lambda: clock[0])
    for _ in range(25):
        bench.log.take_logged(logged("policy 5 deny "))
    assert len(bench.said()) == 10
    clock[0] += 1
    bench.log.tick()
    assert bench.said() == [("RT_FLOW_EVENTS_LOST", {"count": "15"})]


def test_sessions_awaited_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessionlog, "SESSIONS", 2)
    for identity in range(3):
        bench.log.take_events(event(CREATED, body(label(6), identity=identity)))
    for identity in range(3):
        bench.log.take_events(event(DESTROYED, body(identity=identity)))
    assert [fields["session-id-32"] for name, fields in bench.said() if "CLOSE" in name] == ["1", "2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=rounds(50))
@given(st.binary(max_size=120), st.sampled_from([CREATED, UPDATED, DESTROYED]))
def test_nothing_breaks_the_reader(bench: Bench, octets: bytes, kind: tuple[int, int]) -> None:
    bench.log.take_events(event(CREATED, body(label(6))))
    bench.log.take_events(event(kind, octets))
    bench.log.take_events(event(kind, body() + octets))
    bench.log.take_events(octets)
    bench.log.take_logged(octets)
