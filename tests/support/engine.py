"""An engine with everything around it played: packets as the queue hands them over, a kernel, ports, a small ALG."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from applianced.alg.actions import Actions, Bind, CloseGate, HandOver, Note, OpenGate, Pass, Rewrite
from applianced.alg.contract import Descriptor
from applianced.compiler.marks import ALG_NUMBERS, CONTROL
from applianced.engine.bindings import Board
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import GateKeeper, GateLimits
from applianced.engine.kernel import Translation
from applianced.engine.ledger import Ledger
from applianced.engine.worker import Engine
from applianced.errors import ProtocolError
from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.sessions import ControlSession
from applianced.model.tuples import ORIGINAL, TCP, Direction, Endpoint, FlowTuple, packed
from applianced.packet.segment import ACK, PSH

CLIENT = Endpoint(packed("10.0.0.1"), 1000)
SERVER = Endpoint(packed("192.0.2.1"), 21)
PUBLIC = packed("203.0.113.1")
FRESH = ALG_NUMBERS["ftp"] | CONTROL
"""The mark of a session that no worker has seen."""
SLOTS = 8
LEDGER_SHARE = 256
"""A ledger of a 256th of the size."""
EVENTS = {"asked": "Announcements", "refused": "Announcements refused", "nonsense": "Lines that end the session"}


def octets(
    source: Endpoint, destination: Endpoint, flags: int = ACK, *, sequence: int = 0, ack: int = 0, payload: bytes = b""
) -> bytes:
    """A TCP packet over IPv4; nobody looks at its checksums."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0, 64, TCP, 0, source.address, destination.address)
    tcp = struct.pack("!HHIIBBHHH", source.port, destination.port, sequence, ack, 0x50, flags, 512, 0, 0)
    return ip + tcp + payload


@dataclass
class Packet:
    """engine.worker.Queued. released: what left, None when it was dropped or still waits."""

    raw: bytes
    mark: int
    released: bytes | None = None
    interfaces: tuple[int, int] = (0, 0)
    dropped: bool = False

    def release(self, packet: bytes | None, mark: int) -> None:
        assert self.waiting, "a second verdict"
        self.released = self.raw if packet is None else packet
        self.mark = mark

    def drop(self) -> None:
        assert self.waiting, "a second verdict"
        self.dropped = True

    @property
    def waiting(self) -> bool:
        return self.released is None and not self.dropped

    @property
    def payload(self) -> bytes:
        """What left behind the headers."""
        assert self.released is not None
        return self.released[40:]


@dataclass
class FakeKernel:
    """engine.kernel.Kernel. public: the client's address outside, its own for a routed session."""

    public: bytes = PUBLIC
    gates: dict[int, Gate] = field(default_factory=dict)
    closed: list[Gate] = field(default_factory=list)
    announced: list[tuple[Direction, int, int, int]] = field(default_factory=list)
    forgotten: list[FlowTuple] = field(default_factory=list)
    refuse_gates: bool = False
    refuse_offsets: bool = False
    knows: bool = True
    passed: dict[int, int] = field(default_factory=dict)
    """Number of a gate -> packets that went through it."""
    nat_decides_late: bool = False
    heard: dict[int, int] = field(default_factory=dict)
    """Number of a medium -> packets."""
    kept: list[tuple[Translation, int]] = field(default_factory=list)
    sent_to: dict[FlowTuple, Endpoint] = field(default_factory=dict)
    """What `published` answers."""
    adopted: list[Gate] = field(default_factory=list)
    tidied: int = 0
    offload: bool = False
    """Whether sessions were admitted under services-offload."""

    def adopt(self, gate: Gate) -> None:
        self.adopted.append(gate)

    def packets(self, media: Sequence[MediaGate]) -> list[int]:
        return [self.heard.get(gate.number, 0) for gate in media]

    def tidy(self) -> None:
        self.tidied += 1

    def published(self, flow: FlowTuple) -> Endpoint:
        return self.sent_to[flow]

    def holds(self, session: Translation) -> bool:
        return self.knows

    def keep(self, session: Translation, seconds: int) -> None:
        self.kept.append((session, seconds))

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        outside = Endpoint(self.public, flow.source.port)
        reply = FlowTuple(TCP, flow.destination, outside)
        return Translation(flow, reply, offload=self.offload) if self.knows else None

    def count(self, gate: Gate, now: float) -> None:
        gate.packets = self.passed.get(gate.number, gate.packets)

    def acknowledge(self, flow: FlowTuple, sequence: int, acknowledgement: int) -> bool:
        return True

    def announce(
        self, session: Translation, direction: Direction, position: int, before: int, after: int, *, first: bool
    ) -> bool:
        self.announced.append((direction, position, before, after))
        return not self.refuse_offsets

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> bool:
        if self.refuse_gates:
            return False
        self.closed.extend(closed)
        for gate in closed:
            self.gates.pop(gate.number, None)
        self.gates.update({gate.number: gate for gate in opened})
        return True

    def alive(self, flow: FlowTuple, mark: int) -> bool:
        return self.knows

    def forget(self, flow: FlowTuple, mark: int) -> None:
        self.forgotten.append(flow)


@dataclass
class FakePorts:
    """engine.kernel.Ports, in order from 50000."""

    left: int = 1000
    following: int = 50000
    held: set[int] = field(default_factory=set)
    given: list[tuple[int, bool]] = field(default_factory=list)

    def take(self, address: bytes, protocol: int) -> int | None:
        if not self.left:
            return None
        self.left -= 1
        self.following += 1
        self.held.add(self.following)
        return self.following

    def take_pair(self, address: bytes, protocol: int) -> int | None:
        if self.following % 2 == 0:
            self.following += 1
        port = self.take(address, protocol)
        if port is not None and self.take(address, protocol) is None:
            self.give(address, protocol, port, over=True)
            return None
        return port

    def hold(self, address: bytes, protocol: int, port: int) -> None:
        self.held.add(port)

    def give(self, address: bytes, protocol: int, port: int, *, over: bool) -> None:
        self.held.discard(port)
        self.given.append((port, over))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    shout: bool = False


class LineAlg:
    """Reads lines. 'P<port>' announces that port and leaves as 'PORT <n> <endpoint>' with n counted from 1; 'C' closes
    the oldest gate; 'TLS' hands over; 'BAD' breaks the protocol; 'BUG' is a bug; others pass, those that begin with
    'plain' without being asked for an action."""

    def __init__(self, settings: Any, session: ControlSession) -> None:
        self.asked = 0
        self.gates: tuple[int, ...] = ()

    def plain(self, direction: Direction, data: bytes) -> int:
        return data.find(b"\n") + 1 if data.startswith(b"plain ") else 0

    def octets(self, direction: Direction, data: bytes) -> Actions:
        while (end := data.find(b"\n") + 1) > 0:
            line, data = data[:end], data[end:]
            yield from self._line(direction, line)

    def _line(self, direction: Direction, line: bytes) -> Actions:
        if line.startswith(b"P"):
            yield from self._announce(direction, line)
            return
        if line == b"C\n" and self.gates:
            yield CloseGate(self.gates[0])
            self.gates = self.gates[1:]
        if line == b"BAD\n":
            raise ProtocolError("nonsense")
        if line == b"BUG\n":
            raise ZeroDivisionError
        yield Pass(len(line))
        if line == b"TLS\n":
            yield HandOver()

    def _announce(self, direction: Direction, line: bytes) -> Actions:
        self.asked += 1
        inside = Endpoint(CLIENT.address if direction is ORIGINAL else SERVER.address, int(line[1:]))
        outside = yield Bind(direction, inside)
        if not isinstance(outside, Endpoint):
            yield Note("refused")
            yield Pass(len(line))
            return
        gate = yield OpenGate(direction, inside, outside, line.decode().strip())
        yield Note("asked" if gate else "refused", line.decode().strip())
        if isinstance(gate, int):
            self.gates += (gate,)
        yield Rewrite(len(line), announcement(self.asked, inside.port))

    def end(self, direction: Direction, data: bytes) -> Actions:
        yield from ()

    def urge(self, direction: Direction, data: bytes) -> int:
        return 0

    def snapshot(self) -> tuple[Any, ...]:
        return self.asked, self.gates

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        self.asked, self.gates = snapshot


def announcement(number: int, port: int) -> bytes:
    """What a line 'P<port>' leaves as."""
    return b"PORT %d %d\n" % (number, port)


DESCRIPTOR = Descriptor(name="ftp", ports=((TCP, 21),), streams=LineAlg, settings=Settings, events=EVENTS)


@dataclass
class Bench:
    """An engine over memory that outlives it."""

    kernel: FakeKernel = field(default_factory=FakeKernel)
    ports: FakePorts = field(default_factory=FakePorts)
    descriptor: Descriptor = DESCRIPTOR
    slots: int = SLOTS
    checkpoint: Callable[[memoryview, int], Checkpoint] = Checkpoint
    now: float = 1000.0
    others: tuple[Board, ...] = ()

    def __post_init__(self) -> None:
        self.name = self.descriptor.name
        self.cells = bytearray(Counters.octets({self.name: self.descriptor.events}))
        self.memory = bytearray(Checkpoint.octets(self.slots))
        self.ledger = bytearray(Ledger.octets(LEDGER_SHARE))
        self.board = bytearray(Board.octets(64))
        self.marks: dict[FlowTuple, int] = {}
        self.start()

    def start(self, limits: GateLimits | None = None) -> int:
        """A new engine, as a worker's successor begins; how many sessions it took up."""
        self.counters = Counters({self.name: self.descriptor.events}, memoryview(self.cells))
        self.keeper = GateKeeper(
            self.kernel,
            self.ports,
            first_number=int(self.now),
            ledger=Ledger(memoryview(self.ledger), LEDGER_SHARE),
            board=Board(memoryview(self.board)),
            others=self.others,
        )
        self.engine = Engine(
            {self.name: self.descriptor},
            kernel=self.kernel,
            keeper=self.keeper,
            counters=self.counters,
            checkpoint=self.checkpoint(memoryview(self.memory), self.slots),
        )
        self.engine.configure({self.name: self.descriptor.settings()}, limits or GateLimits(), 65536, self.now)
        return self.engine.resume(self.now)

    def send(self, source: Endpoint, destination: Endpoint, flags: int = ACK | PSH, **more: Any) -> Packet:
        """One packet through the engine, with its session's mark."""
        flow = FlowTuple(TCP, source, destination)
        flow = flow.reversed if flow.reversed in self.marks else flow
        packet = Packet(octets(source, destination, flags, **more), self.marks.get(flow, FRESH))
        self.engine.handle(packet, self.now)
        if packet.released is not None:
            self.marks[flow] = packet.mark
        return packet

    def count(self, event: str) -> int:
        return self.counters.values()[self.name][event]
