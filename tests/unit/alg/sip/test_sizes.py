"""Large messages through the engine: what is too long is refused and counted, and none of it passes."""

from __future__ import annotations

import pytest

from applianced.alg.sip import DESCRIPTOR
from applianced.alg.sip.framing import MESSAGE_LIMIT
from applianced.compiler.marks import ALG_NUMBERS, CONTROL, UNTOUCHED
from applianced.model.tuples import TCP, Endpoint, FlowTuple, packed
from applianced.packet.datagram import MOST
from applianced.packet.segment import SYN
from tests.support.datagrams import DatagramBench, bench_of
from tests.support.engine import Bench, FakeKernel
from tests.support.sip_messages import request

CLIENT, SERVER = Endpoint(packed("10.0.0.1"), 1000), Endpoint(packed("192.0.2.1"), 5060)
MARK = ALG_NUMBERS["sip"] | CONTROL
MSS = 1200
OWN = ("Via: SIP/2.0/UDP 10.0.0.1:1000;branch=z9hG4bK1;rport", "From: <sip:a@10.0.0.1>;tag=1", "Call-ID: 1")


def message(octets: int) -> bytes:
    """Of exactly so many."""
    empty = request("MESSAGE", *OWN, body=b"x" * 10000, kind="text/plain")
    return request("MESSAGE", *OWN, body=b"x" * (10000 + octets - len(empty)), kind="text/plain")


@pytest.mark.parametrize("more", [0, 1])
def test_a_stream(more: int) -> None:
    """64 KiB pass, segment by segment; with one octet more the session ends at the header's."""
    bench = Bench(kernel=FakeKernel(public=CLIENT.address), descriptor=DESCRIPTOR)
    bench.marks[FlowTuple(TCP, CLIENT, SERVER)] = MARK
    assert bench.send(CLIENT, SERVER, SYN, sequence=99).released is not None
    data, passed, reset = message(MESSAGE_LIMIT + more), b"", 0
    for at in range(0, len(data), MSS):
        packet = bench.send(CLIENT, SERVER, sequence=100 + at, payload=data[at : at + MSS])
        if more:
            reset += packet.payload != data[at : at + MSS]
            break
        passed += packet.payload
    assert passed == (b"" if more else data)
    assert (bench.count("oversize"), bench.count("session-resets"), reset) == (more, more, more)
    assert not any(mark & UNTOUCHED for mark in bench.marks.values()), "it does not pass unread"


def test_datagrams() -> None:
    """As much as a queue carries; one that would outgrow it, and one that is cut, are dropped."""
    bench = bench_of(DESCRIPTOR)
    grown = len(said(bench, 20000)) - 20000
    assert grown > 0
    room = MOST - 28
    assert len(said(bench, room - grown)) == room
    assert not said(bench, room - grown + 1)
    assert bench.count("growth-refused") == 1
    cut = message(room).replace(b"Content-Length: 6", b"Content-Length: 7")
    assert not said(bench, 0, cut)
    assert bench.count("bad-length") == 1


def said(bench: DatagramBench, octets: int, data: bytes = b"") -> bytes:
    """What leaves of a datagram; b"" when it is dropped."""
    packet = bench.say(data or message(octets), mark=None if bench.marks else MARK)
    return packet.released[28:] if packet.released is not None else b""
