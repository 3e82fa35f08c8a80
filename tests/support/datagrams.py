"""Datagrams through an engine with everything around it played: a small ALG, and a bench for it."""

from __future__ import annotations

import struct
from typing import Any

from applianced.alg.actions import (
    Actions,
    AwaitAnswer,
    Bind,
    CloseGate,
    Drop,
    Note,
    OpenGate,
    Over,
    Pass,
    Refuse,
    Rewrite,
)
from applianced.alg.contract import Descriptor
from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.kernel import Translation
from applianced.errors import ProtocolError
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, UDP, Direction, Endpoint, FlowTuple, packed
from tests.support.engine import Bench, FakeKernel, Packet, Settings

CLIENT = Endpoint(packed("10.0.0.1"), 1000)
SERVER = Endpoint(packed("192.0.2.1"), 69)
FRESH = ALG_NUMBERS["tftp"] | CONTROL
OUTSIDE_PORT = 1777
"""What NAT makes of the client's port."""
EVENTS = {"asked": "Announcements", "nonsense": "Datagrams that cannot be read"}


def octets(source: Endpoint, destination: Endpoint, payload: bytes) -> bytes:
    """A UDP packet over IPv4 or IPv6 without a checksum, DF set."""
    udp = struct.pack("!HHHH", source.port, destination.port, 8 + len(payload), 0) + payload
    if len(source.address) == 16:
        return struct.pack("!IHBB", 6 << 28, len(udp), UDP, 64) + source.address + destination.address + udp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, UDP, 0)
    return head + source.address + destination.address + udp


class WordAlg:
    """Reads one word per datagram: 'open' asks for a gate to the speaker's own endpoint and leaves as its outside one,
    'media <peer>' asks for one to its port 6000 from another address, 'await' asks for the gate of an answer,
    'close <n>' closes one, 'over' ends the session, 'refuse' is dropped, 'bad' breaks the protocol, 'grow <n>' leaves
    with n octets more, 'half' loses its first two octets; 'plain...' and others pass."""

    def __init__(self, settings: Any, session: ControlSession) -> None:
        self.session = session
        self.asked = 0
        self.gate = 0

    def plain(self, direction: Direction, data: bytes) -> bool:
        return data.startswith(b"plain")

    def datagram(self, direction: Direction, data: bytes) -> Actions:
        self.asked += 1
        match data.split()[0] if data else b"":
            case b"open":
                own = self.session.party(direction)
                outside = yield Bind(direction, own)
                assert isinstance(outside, Endpoint)
                gate = yield OpenGate(direction, own, outside, "open", protocol=UDP)
                self.gate = gate if isinstance(gate, int) else 0
                yield Note("asked", str(outside))
                yield Rewrite(len(data), str(outside).encode())
            case b"await":
                answer = yield AwaitAnswer("await")
                yield Rewrite(len(data), str(answer).encode())
            case b"media":
                own = Endpoint(self.session.party(direction).address, 6000)
                outside = yield Bind(direction, own, protocol=UDP)
                assert isinstance(outside, Endpoint)
                yield OpenGate(direction, own, outside, "media", protocol=UDP, one_shot=False, peer=data[6:])
            case b"close":
                yield CloseGate(int(data.split()[1]))
            case b"over":
                yield Over()
            case b"refuse":
                yield Pass(1)
                yield Refuse()
            case b"bad":
                yield Rewrite(1, b"B")
                raise ProtocolError("nonsense")
            case b"grow":
                yield Rewrite(len(data), data + b"x" * int(data.split()[1]))
            case b"half":
                yield Drop(2)
            case _:
                yield Pass(len(data))

    def snapshot(self) -> tuple[Any, ...]:
        return self.asked, self.gate

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        self.asked, self.gate = snapshot


DESCRIPTOR = Descriptor(name="tftp", ports=((UDP, 69),), datagrams=WordAlg, settings=Settings, events=EVENTS)
FORGETFUL = Descriptor(name="tftp", ports=((UDP, 69),), datagrams=WordAlg, settings=Settings, events=EVENTS, kept=False)


class DatagramKernel(FakeKernel):
    """NAT stands between, and gives the client another port; a flow is found by either of its directions."""

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        if not self.knows:
            return None
        original = flow if flow.source.address == CLIENT.address else flow.reversed
        return Translation(original, FlowTuple(UDP, original.destination, Endpoint(self.public, OUTSIDE_PORT)))


class DatagramBench(Bench):
    """An engine with the small ALG, over memory that outlives it."""

    def say(self, payload: bytes, *, client: Endpoint = CLIENT, mark: int | None = None) -> Packet:
        """One datagram from the client."""
        return self.pass_on(octets(client, SERVER, payload), FlowTuple(UDP, client, SERVER), mark)

    def answer(self, payload: bytes, *, client: Endpoint = CLIENT, mark: int | None = None) -> Packet:
        """One from the server."""
        return self.pass_on(octets(SERVER, client, payload), FlowTuple(UDP, client, SERVER), mark)

    def pass_on(self, raw: bytes, flow: FlowTuple, mark: int | None) -> Packet:
        packet = Packet(raw, self.marks.get(flow, FRESH) if mark is None else mark)
        self.engine.handle(packet, self.now)
        if packet.released is not None:
            self.marks[flow] = packet.mark
        return packet


def bench_of(descriptor: Descriptor = DESCRIPTOR, **more: Any) -> DatagramBench:
    """A bench for this ALG."""
    return DatagramBench(kernel=DatagramKernel(), descriptor=descriptor, **more)


__all__ = ["CLIENT", "DESCRIPTOR", "FORGETFUL", "FRESH", "ORIGINAL", "SERVER", "DatagramBench", "bench_of", "octets"]
