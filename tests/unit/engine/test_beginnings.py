"""Datagrams that begin something wait for the others, and are let go of when there is no time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from applianced.compiler.marks import AFTER_NAT, ALG_NUMBERS, CONTROL
from applianced.engine.beginnings import LONGEST_S, MOST, SHED, Beginnings
from applianced.model.tuples import Endpoint, packed
from tests.support import engine as streams
from tests.support.datagrams import CLIENT, DESCRIPTOR, FRESH, SERVER, octets
from tests.support.engine import Packet

BEGINS = replace(DESCRIPTOR, begins=lambda data: data.startswith(b"open"))
CLIENT6, SERVER6 = Endpoint(packed("2001:db8::1"), 1000), Endpoint(packed("2001:db8:1::1"), 69)


class Counted(list[tuple[int, str]]):
    def count(self, mark: int, event: str) -> None:
        self.append((mark, event))


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def beginnings(counted: Counted) -> Beginnings:
    return Beginnings({"tftp": BEGINS, "ftp": streams.DESCRIPTOR}, counted.count)


def datagram(payload: bytes = b"open please, and do not mind how long it takes", mark: int = FRESH) -> Packet:
    return Packet(octets(CLIENT, SERVER, payload), mark)


def test_those_of_algs_that_say_so(beginnings: Beginnings) -> None:
    assert beginnings.algs == {ALG_NUMBERS["tftp"]}


def test_what_begins_waits_for_its_turn(beginnings: Beginnings) -> None:
    first, second = datagram(), Packet(octets(CLIENT6, SERVER6, b"open"), FRESH)
    assert beginnings.enter(first, 10.0)
    assert beginnings.enter(second, 10.1)
    assert len(beginnings) == 2
    assert beginnings.take(10.1) is first
    assert beginnings.take(10.1) is second
    assert beginnings.take(10.1) is None
    assert first.waiting
    assert second.waiting


@pytest.mark.parametrize(
    "packet",
    [
        datagram(b"goes on, as it has for some time"),
        datagram(b""),
        datagram(b"", FRESH | AFTER_NAT),
        datagram(mark=FRESH | AFTER_NAT),
        Packet(b"\x46" + datagram().raw[1:], FRESH),
        Packet(b"\x00" * 60, FRESH),
        Packet(streams.octets(CLIENT, SERVER, payload=b"open" * 4), FRESH),
    ],
    ids=["goes-on", "empty", "empty-behind-nat", "behind-nat", "options", "nonsense", "stream"],
)
def test_what_does_not_wait(beginnings: Beginnings, packet: Packet) -> None:
    assert not beginnings.enter(packet, 10.0)
    assert not len(beginnings)
    assert packet.waiting


def test_who_waits_for_too_long_is_let_go_of(beginnings: Beginnings, counted: Counted) -> None:
    old, late = datagram(), datagram(mark=ALG_NUMBERS["tftp"] | CONTROL | 1 << 20)
    beginnings.enter(old, 10.0)
    beginnings.enter(late, 10.0 + LONGEST_S / 2)
    assert beginnings.take(10.0 + LONGEST_S) is late
    assert old.dropped
    assert counted == [(FRESH, SHED)]


def test_so_many_wait_and_no_more(beginnings: Beginnings, counted: Counted) -> None:
    packets = [datagram() for _ in range(MOST + 2)]
    for packet in packets:
        assert beginnings.enter(packet, 10.0)
    assert len(beginnings) == MOST
    assert [packet.dropped for packet in packets[:3]] == [True, True, False]
    assert beginnings.take(10.0) is packets[2]
    assert len(counted) == 2
