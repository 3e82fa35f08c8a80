"""The packet path without a kernel: packets of a capture through the same policy, streams and ALGs, told as events.

What stands in for the kernel: `translate` says who is translated, ports are counted up from the reserved range, every
gate opens. A capture shows what was sent before anything was changed, so acknowledgements are moved by the changes
that the rehearsal has made, as a receiver behind the gateway would have sent them.

Rule: nothing here performs I/O; time is that of the packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from applianced.alg.registry import REGISTRY
from applianced.compiler import settings as effective
from applianced.compiler.classify import Classified, classify
from applianced.compiler.marks import ALG_NUMBERS, CONTROL, SLOT_SHIFT
from applianced.config.schema import Config
from applianced.engine.checkpoint import Checkpoint
from applianced.engine.counters import Counters
from applianced.engine.gatekeeper import Count, GateKeeper, GateLimits
from applianced.engine.kernel import Translation
from applianced.engine.reporter import Reporter
from applianced.engine.sessions import Session
from applianced.engine.stream_sessions import StreamSession
from applianced.engine.worker import Engine
from applianced.errors import ProtocolError
from applianced.model.gates import Gate
from applianced.model.media import MediaGate
from applianced.model.tuples import ESP, GRE, ORIGINAL, REPLY, TCP, UDP, Direction, Endpoint, FlowTuple, text
from applianced.packet.datagram import Datagram
from applianced.packet.esp import redirected, spi_flow
from applianced.packet.gre import call_flow
from applianced.packet.ip import transport
from applianced.packet.segment import ACK, SYN, Segment
from applianced.tools.capture import Packet
from applianced.tools.outside import unknown

SLOTS = 1024
"""Control sessions at once."""

FLOWS = 65536
"""Sessions of any kind that are remembered; those beyond are left out."""

Translate = Callable[[FlowTuple, str, str], Translation]


class Event(NamedTuple):
    """One thing that would have happened. session: number of the control session, 0 for none. kind: a short name.

    text: in words. fields: the same as values.
    """

    time_s: float
    session: int
    kind: str
    text: str
    fields: dict[str, str | int | bool]


class _Queued:
    """A packet; its verdict is of no interest but for the mark."""

    __slots__ = ("interfaces", "mark", "raw")

    def __init__(self, raw: bytes, mark: int, interfaces: tuple[int, int]) -> None:
        self.raw = raw
        self.mark = mark
        self.interfaces = interfaces

    def release(self, packet: bytes | None, mark: int) -> None:
        self.mark = mark

    def drop(self) -> None:
        pass


class _Kernel:
    """Grants everything. translations: by control session. seen: number of a gate -> packets through it."""

    nat_decides_late = False

    def __init__(self) -> None:
        self.translations: dict[FlowTuple, Translation] = {}
        self.seen: Counter[int] = Counter()

    def translation(self, flow: FlowTuple, mark: int) -> Translation | None:
        return self.translations.get(flow)

    def count(self, gate: Gate, now: float) -> None:
        """Nothing is admitted here."""

    def acknowledge(self, flow: FlowTuple, sequence: int, acknowledgement: int) -> bool:
        return True

    def announce(
        self, session: Translation, direction: Direction, position: int, before: int, after: int, *, first: bool
    ) -> bool:
        return True

    def exchange(self, opened: Sequence[Gate], closed: Sequence[Gate], now: float) -> bool:
        return True

    def adopt(self, gate: Gate) -> None:
        pass

    def packets(self, media: Sequence[MediaGate]) -> list[int]:
        return [self.seen[gate.number] for gate in media]

    def tidy(self) -> None:
        pass

    def published(self, flow: FlowTuple) -> Endpoint:
        return flow.destination

    def holds(self, session: Translation) -> bool:
        return True

    def keep(self, session: Translation, seconds: int) -> None:
        pass

    def alive(self, flow: FlowTuple, mark: int) -> bool:
        return True

    def forget(self, flow: FlowTuple, mark: int) -> None:
        pass


class _Ports:
    """Counts up, and begins again at the end of the range."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high
        self._next = low

    def take(self, address: bytes, protocol: int) -> int | None:
        port, self._next = self._next, self._next + 1 if self._next < self._high else self._low
        return port

    def take_pair(self, address: bytes, protocol: int) -> int | None:
        self._next += self._next % 2
        port = self.take(address, protocol)
        self.take(address, protocol)
        return port

    def hold(self, address: bytes, protocol: int, port: int) -> None:
        pass

    def give(self, address: bytes, protocol: int, port: int, *, over: bool) -> None:
        pass


class _Keeper(GateKeeper):
    """A call keeps its ID: who answers in the capture knows no other."""

    def bind(self, outside: bytes, protocol: int, count: Count, own: int) -> Endpoint | None:
        return Endpoint(outside, own) if protocol == GRE else super().bind(outside, protocol, count, own)


class _Teller(Reporter):
    """Turns what the engine reports into events."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal

    def noted(self, session: Session, event: str, detail: str) -> None:
        meaning = session.descriptor.events.get(event, "")
        words = ": ".join(part for part in (event, detail) if part)
        self._tell(session, "note", f"{words} ({meaning})" if meaning else words, event=event, detail=detail)

    def rewritten(self, session: Session, direction: Direction, before: bytes, after: bytes) -> None:
        old, new = printable(before), printable(after)
        party = "client" if direction is ORIGINAL else "server"
        refused = len(before) == len(after) and not after.startswith(before[:4])
        self._tell(
            session,
            "refused" if refused else "rewritten",
            f"{'refuse' if refused else 'rewrite'} {party}: {old} -> {new}",
            speaker=party,
            before=old,
            after=new,
            growth=len(after) - len(before),
        )

    def gate_opened(self, session: Session, gate: Gate) -> None:
        if isinstance(gate, MediaGate):
            words = f"gate {gate.number} opens media {_way(gate)}, because of: {gate.reason}"
            return self._tell(session, "gate-opened", words, gate=gate.number, **_fields(gate))
        peer = _host(gate.peer)
        what = "every port of" if gate.every_port else "to"
        told = f", announced as {gate.outside}" if gate.outside != gate.inside else ""
        words = f"gate {gate.number} opens {what} {gate.inside} for {peer}{told}, because of: {gate.reason}"
        return self._tell(session, "gate-opened", words, gate=gate.number, **_fields(gate))

    def gate_closed(self, session: Session, gate: Gate) -> None:
        self._tell(session, "gate-closed", f"gate {gate.number} closes", gate=gate.number)

    def gate_refused(self, session: Session, reason: str) -> None:
        self._tell(session, "gate-refused", f"no gate: {reason}", reason=reason)

    def _tell(self, session: Session, kind: str, text: str, **fields: str | int | bool) -> None:
        self._rehearsal.tell(session.control.tuple, kind, text, **fields)


class Rehearsal:
    """Takes packets in order; `events` grows.

    zones: (from, to) of the sessions; None asks each pair of zones that has a policy, in their order.
    translate: says how NAT treats a control session.
    """

    def __init__(self, config: Config, *, translate: Translate, zones: tuple[str, str] | None = None) -> None:
        self._config = config
        self._translate = translate
        pairs = dict.fromkeys((policy.from_zone, policy.to_zone) for policy in config.policies)
        self._zones = (zones,) if zones else tuple(pairs)
        self.events: list[Event] = []
        self.skipped = 0
        self._now = 0.0
        self._marks: dict[FlowTuple, int] = {}
        self._numbers: dict[FlowTuple, int] = {}
        self._data: dict[FlowTuple, int] = {}
        """Data session -> the number of its gate."""
        self._interfaces: dict[FlowTuple, tuple[int, int]] = {}
        self._kernel = _Kernel()
        self._keeper = _Keeper(self._kernel, _Ports(*config.nat.alg_port_range), first_number=0)
        self._engine = self._make_engine()

    def _make_engine(self) -> Engine:
        events = {name: descriptor.events for name, descriptor in REGISTRY.items()}
        self.counters = Counters(events, memoryview(bytearray(Counters.octets(events))))
        engine = Engine(
            REGISTRY,
            kernel=self._kernel,
            keeper=self._keeper,
            counters=self.counters,
            checkpoint=Checkpoint(memoryview(bytearray(Checkpoint.octets(SLOTS))), SLOTS),
            reporter=_Teller(self),
        )
        flow = self._config.flow
        limits = GateLimits(
            per_session=flow.alg_gates_per_session,
            per_source=flow.alg_gates_per_source,
            bindings_per_source=flow.alg_bindings_per_source,
            total=flow.alg_gates_total,
            lifetime_s=float(flow.gate_timeout_s),
        )
        choices = {
            plan.name: REGISTRY[plan.name].settings(**plan.settings)
            for plan in effective.plans(self._config, REGISTRY)
            if plan.read
        }
        engine.zones = dict(enumerate(self._config.zones, start=1))
        engine.configure(choices, limits, flow.alg_message_size, 0.0)
        return engine

    def feed(self, packet: Packet) -> None:
        """The next packet. What is no whole TCP segment, UDP datagram, packet of a call in GRE or of ESP is left
        out and
        counted in `skipped`."""
        try:
            read = _read(packet.octets)
        except ProtocolError:
            read = None
        if read is None:
            self.skipped += 1
            return
        if packet.time_s >= self._now + 1:
            self._engine.tick(packet.time_s)
        self._now = max(self._now, packet.time_s)
        self._engine.settle(self._now)
        while self._engine.turn(self._now):
            pass
        if isinstance(read, FlowTuple):
            if self._first(read, packet.octets) or read not in self._marks:
                self._begin(read)
            return
        flow = read.flow
        if isinstance(read, Datagram):
            if flow not in self._marks and flow.reversed not in self._marks:
                self._begin(flow)
        elif read.flags & (SYN | ACK) == SYN:
            self._begin(flow)
        key = flow if flow in self._marks else flow.reversed
        mark = self._marks.get(key, 0)
        if not mark & CONTROL:
            if key in self._data:
                self._kernel.seen[self._data[key]] += 1
            return
        direction = ORIGINAL if key == flow else REPLY
        raw = read.raw if isinstance(read, Datagram) else self._acknowledged(read, mark, direction)
        queued = _Queued(raw, mark, self._interfaces.get(key, (0, 0)))
        self._engine.handle(queued, self._now)
        self._marks[key] = queued.mark

    def _first(self, flow: FlowTuple, octets: bytes) -> bool:
        """Show a packet of ESP that no gate admits to the session that awaits it, as it would come to the appliance;
        whether there is one."""
        if self._data.get(flow) in self._keeper.gates:
            return False
        for gate in tuple(self._keeper.gates.values()):
            here = flow.destination.address in (gate.inside.address, gate.outside.address)
            if gate.awaits and here and gate.peer == flow.source.address:
                raw = redirected(octets, gate.outside.address)
                self._engine.handle(_Queued(raw, gate.awaits, (0, 0)), self._now)
                return True
        return False

    def _acknowledged(self, segment: Segment, mark: int, direction: Direction) -> bytes:
        """The packet with its acknowledgement moved by the length changes of the other direction so far."""
        session = self._engine.sessions[mark >> SLOT_SHIFT]
        offset = session.streams[direction.opposite].offset if isinstance(session, StreamSession) else 0
        if not offset or not segment.flags & ACK:
            return segment.raw
        packet = bytearray(segment.raw)
        moved = (segment.acknowledgement + offset) & 0xFFFFFFFF
        packet[segment.transport + 8 : segment.transport + 12] = moved.to_bytes(4)
        return bytes(packet)

    def _begin(self, flow: FlowTuple) -> None:
        """The first packet of a session: a gate admits it, or the policy judges it."""
        if flow in self._marks and self._marks[flow] & CONTROL and self._repeats(flow):
            return
        if len(self._marks) >= FLOWS:
            return
        self._marks[flow] = 0
        if self._admitted(flow):
            return
        found, zones = self._classified(flow)
        said = f"policy {found.policy}" if found.policy else "no policy"
        if found.action != "permit":
            self.tell(flow, "denied", f"{flow}: {said}, {found.action}", policy=found.policy, action=found.action)
        elif not found.alg:
            self.tell(flow, "passed", f"{flow}: {said}, no ALG reads it", policy=found.policy, alg="")
        else:
            self._numbers[flow] = len(self._numbers) + 1
            self._interfaces[flow] = (self._index(zones[0]), self._index(zones[1]))
            translation = self._translate(flow, *zones)
            self._kernel.translations[flow] = translation
            self._marks[flow] = ALG_NUMBERS[found.alg] | CONTROL
            outside = translation.outside(ORIGINAL), translation.outside(REPLY)
            words = f"{flow}: {said}, application {found.application or 'any'}, read by the {found.alg} ALG"
            for party, inside, public in zip(
                ("client", "server"), (flow.source.address, flow.destination.address), outside, strict=True
            ):
                words += f"; {party} is {_host(public)} outside" if public != inside else ""
            if not translation.translated and unknown(self._config, flow, *zones):
                words += "; source NAT applies, but the configuration does not name its address: not translated here"
            self.tell(flow, "session", words, policy=found.policy, application=found.application, alg=found.alg)

    def _index(self, zone: str) -> int:
        """The number of the one interface that stands for a zone here."""
        return next((index for index, name in self._engine.zones.items() if name == zone), 0)

    def _repeats(self, flow: FlowTuple) -> bool:
        """Whether this SYN repeats that of a session which is only beginning."""
        session = self._engine.sessions[self._marks[flow] >> SLOT_SHIFT]
        return isinstance(session, StreamSession) and not session.over and session.streams[REPLY].next < 0

    def _admitted(self, flow: FlowTuple) -> bool:
        """Whether a gate lets this session through; a one-shot gate does so once."""
        for gate in self._keeper.gates.values():
            spent = gate.one_shot and gate.used_s > 0
            if _leads(gate, flow) and gate.protocol == flow.protocol and not spent:
                gate.used_s = self._now
                self._data[flow] = gate.number
                words = f"{flow}: data session, admitted by gate {gate.number} ({gate.reason})"
                self.tell(flow, "data-session", words, gate=gate.number)
                return True
        return False

    def _classified(self, flow: FlowTuple) -> tuple[Classified, tuple[str, str]]:
        found, first = Classified("deny", "", 0), ("", "")
        for zones in self._zones:
            found = classify(self._config, flow, *zones)
            if found.action == "permit":
                return found, zones
            first = zones
        return found, first

    def tell(self, flow: FlowTuple, kind: str, text: str, **fields: str | int | bool) -> None:
        """Add an event about this session."""
        self.events.append(Event(self._now, self._numbers.get(flow, 0), kind, text, fields))


def printable(octets: bytes) -> str:
    """A message as text in one line."""
    return octets.rstrip(b"\r\n").decode("latin-1").encode("unicode_escape").decode("ascii")


def _read(octets: bytes) -> Segment | Datagram | FlowTuple | None:
    """A packet of TCP or UDP, the flow of one of a call; None for others, and for a part of a fragmented one (IPv4).
    Raises ProtocolError."""
    if octets[0] >> 4 == 4 and int.from_bytes(octets[6:8]) & 0x3FFF:
        return None
    protocol = transport(octets)[0]
    if protocol == UDP:
        return Datagram(octets)
    if protocol == GRE:
        return call_flow(octets)
    if protocol == ESP:
        return spi_flow(octets)
    return Segment(octets) if protocol == TCP else None


def _leads(gate: Gate, flow: FlowTuple) -> bool:
    """Whether a gate is for sessions between these ends."""
    if not isinstance(gate, MediaGate):
        leads_there = gate.inside in (flow.destination, flow.destination._replace(port=0))
        return leads_there and not gate.awaits and gate.peer in (b"", flow.source.address)
    for end, other in (gate.own, gate.own[::-1]):
        if end == flow.destination and (other is None or other.address == flow.source.address):
            return True
    return False


def _host(address: bytes) -> str:
    return text(address) if address else "anybody"


def _way(gate: MediaGate) -> str:
    """Both ends, each with what the other knows it by."""
    told = [
        f"{own or 'anywhere'}" + (f" (known as {known})" if known is not None and known != own else "")
        for own, known in zip(gate.own, gate.known, strict=True)
    ]
    return " and ".join(told)


def _fields(gate: Gate) -> dict[str, str | int | bool]:
    return {
        "peer": _host(gate.peer),
        "inside": str(gate.inside),
        "outside": str(gate.outside),
        "one_shot": gate.one_shot,
        "reason": gate.reason,
    }
